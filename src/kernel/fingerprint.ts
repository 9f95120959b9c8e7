import {createHash} from 'node:crypto'

/**
 * A short mark by which two who hold a text can see that it is the same one: `…` and four hex digits of its SHA-256. It
 * stands for messages and secrets wherever those themselves may not be written down; it proves nothing.
 */
export function fingerprint(text: string): string {
  return text === '' ? '…(empty)' : `…${createHash('sha256').update(text).digest('hex').slice(-4)}`
}
