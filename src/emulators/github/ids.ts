import {randomBytes} from 'node:crypto'

/** Numbers as large as today's run ids (beyond 32 bits, within safe integers) and commit shas. */
export interface Ids {
  readonly next: () => number
  readonly sha: () => string
}

export function createIds(): Ids {
  let last = 19_846_849_654
  return {
    next: () => (last += 1 + (randomBytes(1)[0] ?? 0)),
    sha: () => randomBytes(20).toString('hex'),
  }
}
