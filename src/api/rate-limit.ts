import type {Clock} from '../kernel/clock.ts'

const MOST_KEYS = 10_000

/**
 * Lets each key through so many times per window, which begins with its first. In this process only: what must never
 * be exceeded is counted in Postgres.
 */
export function createRateLimit({
  limit,
  windowMs,
  clock,
}: {
  readonly limit: number
  readonly windowMs: number
  readonly clock: Clock
}) {
  const windows = new Map<string, {readonly opened: number; used: number}>()

  function windowOf(key: string): {readonly opened: number; used: number} {
    const now = clock()
    const window = windows.get(key)
    if (window && now - window.opened < windowMs) return window
    const opened = {opened: now, used: 0}
    // Deleted first, so that the map stays in the order in which windows were opened.
    windows.delete(key)
    if (windows.size >= MOST_KEYS) windows.delete(windows.keys().next().value ?? '')
    windows.set(key, opened)
    return opened
  }

  return {
    /** How many milliseconds until it is let through so many times; 0: it would be now. More than the limit never are. */
    wait(key: string, times = 1): number {
      if (times > limit) return windowMs
      const window = windows.get(key)
      if (!window || window.used + times <= limit) return 0
      return Math.max(0, window.opened + windowMs - clock())
    },

    /** Counts one. */
    count(key: string): void {
      windowOf(key).used++
    },
  }
}
