/**
 * What follows from a run, a path and an attempt, so that deciding needs no chance and no clock, and the same decision
 * taken twice asks for the same things.
 */

/** Proves to the locks who asks; the same at each try of the same attempt, also in another process. */
export function lockToken(run: string, path: string, attempt: number): string {
  return `${run}:${path}:${attempt}`
}

/** Of the run of a sub-workflow. 106 bits of hash: as unlikely to meet another as a random id. */
export function childId(run: string, path: string, attempt: number): string {
  const text = `${run}:${path}:${attempt}`
  return `wf-${hash53(text, 1).toString(36).padStart(11, '0')}${hash53(text, 2).toString(36).padStart(11, '0')}`
}

/** The signal that decides an approval. When it is asked for again, what was said before does not count. */
export function approvalSignal(path: string, attempt: number): string {
  return attempt === 1 ? `approval:${path}` : `approval:${path}:${attempt}`
}

/**
 * The pause before the attempt after `failures` failed ones, in milliseconds: doubled with each, at most `maxDelayMs`, and
 * then up to a quarter longer, so that what failed together does not come back together.
 */
export function backoff(
  {delayMs, maxDelayMs}: {readonly delayMs: number; readonly maxDelayMs: number},
  failures: number,
  seed: string,
): number {
  const delay = Math.min(delayMs * 2 ** (failures - 1), maxDelayMs)
  return Math.round(delay * (1 + (hash53(seed, 3) % 1_000) / 4_000))
}

/** cyrb53: small, and mixed well enough for ids and jitter; nothing here has to withstand an attacker. */
function hash53(text: string, seed: number): number {
  let high = 0xdeadbeef ^ seed
  let low = 0x41c6ce57 ^ seed
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    high = Math.imul(high ^ code, 2_654_435_761)
    low = Math.imul(low ^ code, 1_597_334_677)
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909)
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909)
  return 4_294_967_296 * (2_097_151 & low) + (high >>> 0)
}
