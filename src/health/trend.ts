/** What was found in one part of a window. */
export interface Slot {
  readonly up: number
  readonly down: number
  /** The mean latency of those that were up. */
  readonly ms: number | undefined
}

const BARS = '▁▂▃▄▅▆▇█'
const DOWN = '✕'
const NOBODY_LOOKED = '·'

/**
 * A window in one line of text, a character a slot: bars from zero to the slowest slot, so that one height is the same
 * latency everywhere. A slot in which anything failed shows that and nothing else.
 */
export function sparkline(slots: readonly Slot[]): string {
  const slowest = Math.max(...slots.map(({ms = 0}) => ms), 1)
  return slots.map(slot => characterOf(slot, slowest)).join('')
}

function characterOf({up, down, ms}: Slot, slowest: number): string {
  if (down > 0) return DOWN
  if (up === 0 || ms === undefined) return up === 0 ? NOBODY_LOOKED : BARS.charAt(0)
  return BARS.charAt(Math.min(BARS.length - 1, Math.floor((ms / slowest) * BARS.length)))
}

/** Percent, one decimal; never 100 while anything failed. Undefined when nobody looked. */
export function availability(up: number, down: number): number | undefined {
  const total = up + down
  return total === 0 ? undefined : Math.floor((up / total) * 1000) / 10
}
