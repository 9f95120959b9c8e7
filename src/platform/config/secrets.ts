import {SECRETS} from './environment.ts'
import type {Fault} from './faults.ts'

/** Variables as plain texts; absent when not set. */
export type Variables = Readonly<Record<string, string | undefined>>

/** The text of a file; throws what `fs` throws. */
export type ReadText = (path: string) => string

/**
 * The variables with empty ones gone and each secret that came as `<name>_FILE` read from its file, without the line
 * break that editors leave at its end. `alsoSecret` names variables that are secrets by configuration.
 */
export function withSecretFiles(
  env: Variables,
  readText: ReadText,
  alsoSecret: readonly string[] = [],
): {readonly values: Variables; readonly faults: readonly Fault[]} {
  const values: Record<string, string | undefined> = {}
  for (const [name, value] of Object.entries(env))
    if (value !== undefined && value.trim() !== '') values[name] = value
  const faults: Fault[] = []
  for (const name of [...SECRETS, ...alsoSecret]) {
    const file = `${name}_FILE`
    const path = values[file]
    if (path === undefined) continue
    if (values[name] !== undefined) {
      faults.push({path: file, message: `${file} and ${name} are both set; keep one.`})
      continue
    }
    try {
      const secret = readText(path).replace(/\r?\n$/, '')
      if (secret.trim() === '') faults.push({path: file, message: `${file} names a file that is empty.`})
      else values[name] = secret
    } catch (error) {
      faults.push({path: file, message: `${file} names a file that can't be read${errorCode(error)}.`})
    }
  }
  return {values, faults}
}

/** ` (ENOENT)`: the part of a file system's complaint that holds no path and no content. */
export function errorCode(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? ` (${code})` : ''
}
