import {DIGEST_SHOWN} from './decide.ts'
import type {ApprovalRequest} from './request.ts'

/**
 * What a vote is cast on: a request together with what its reader saw of it, in one word that is short enough for a
 * button. A button of an old message therefore can't decide something else than what that message showed.
 */
export interface Ballot {
  readonly id: string
  /** The beginning of the digest; undefined where only the id was given, as people type it. */
  readonly seen: string | undefined
}

const BALLOT = new RegExp(`^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:_([0-9a-f]{${DIGEST_SHOWN}}))?$`)

export function ballotOf({id, digest}: Pick<ApprovalRequest, 'id' | 'digest'>): string {
  return `${id}_${digest.slice(0, DIGEST_SHOWN)}`
}

/** Undefined for what is neither a ballot nor the whole id of a request. */
export function parseBallot(text: string): Ballot | undefined {
  const [, id, seen] = BALLOT.exec(text) ?? []
  return id === undefined ? undefined : {id, seen}
}
