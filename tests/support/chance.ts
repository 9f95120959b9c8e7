/** Numbers that look random and follow from a seed. */
export interface Chance {
  /** From 0 up to, but without, the bound. */
  upTo(bound: number): number
  oneIn(count: number): boolean
  pick<T>(from: readonly T[]): T
}

export function chanceFrom(seed: number): Chance {
  let state = seed >>> 0
  // mulberry32
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const upTo = (bound: number) => Math.floor(next() * bound)
  return {upTo, oneIn: count => upTo(count) === 0, pick: from => from[upTo(from.length)] as never}
}
