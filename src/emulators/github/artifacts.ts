import {createHash} from 'node:crypto'
import {strToU8, zipSync} from 'fflate'
import type {Ids} from './ids.ts'

const KEPT_MS = 90 * 24 * 3_600_000

export interface ArtifactState {
  readonly id: number
  readonly name: string
  readonly zip: Uint8Array
  readonly digest: string
  readonly createdAt: number
  readonly expiresAt: number
  /** Its zip is gone; the entry stays. */
  readonly expired: boolean
}

/** What a job uploads: texts by path, or the zip itself. */
export type NewArtifact = {readonly name: string; readonly expired?: boolean} & (
  {readonly files: Readonly<Record<string, string>>} | {readonly zip: Uint8Array}
)

export function createArtifact(
  made: NewArtifact,
  {ids, at}: {readonly ids: Ids; readonly at: number},
): ArtifactState {
  const zip = 'zip' in made ? made.zip : zipSync(bytesOf(made.files))
  return {
    id: ids.next(),
    name: made.name,
    zip,
    digest: `sha256:${createHash('sha256').update(zip).digest('hex')}`,
    createdAt: at,
    expiresAt: at + KEPT_MS,
    expired: made.expired ?? false,
  }
}

function bytesOf(files: Readonly<Record<string, string>>): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [path, strToU8(text)]))
}
