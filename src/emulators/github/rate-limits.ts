import type {Caller} from './auth.ts'

interface RateWindow {
  readonly limit: number
  used: number
  /** Milliseconds since the epoch. */
  resetAt: number
}

/** The primary limit: so many requests per caller and hour. */
export interface RateLimits {
  /** Counts one request; false when there was none left. */
  charge(caller: Caller): boolean
  /** Gives one back: a 304 is free for those who signed in. */
  refund(caller: Caller): void
  window(caller: Caller): RateWindow
}

const HOUR = 3_600_000
const ANONYMOUS_PER_HOUR = 60

export function createRateLimits({
  perHour,
  now,
}: {
  readonly perHour: number
  readonly now: () => number
}): RateLimits {
  const windows = new Map<string, RateWindow>()
  const current = (caller: Caller) => {
    const known = windows.get(caller.key)
    if (known && known.resetAt > now()) return known
    const limit = caller.kind === 'anonymous' ? Math.min(ANONYMOUS_PER_HOUR, perHour) : perHour
    const fresh: RateWindow = {limit, used: 0, resetAt: now() + HOUR}
    windows.set(caller.key, fresh)
    return fresh
  }
  return {
    charge(caller) {
      const window = current(caller)
      if (window.used >= window.limit) return false
      window.used++
      return true
    },
    refund(caller) {
      if (caller.kind !== 'anonymous') current(caller).used--
    },
    window: current,
  }
}

/** The figures as `GET /rate_limit` gives them; reset in epoch seconds. */
export function rateFigures(window: RateWindow): {
  limit: number
  remaining: number
  reset: number
  used: number
} {
  return {
    limit: window.limit,
    remaining: window.limit - window.used,
    reset: Math.ceil(window.resetAt / 1000),
    used: window.used,
  }
}

export function rateHeaders(window: RateWindow): Record<string, string> {
  const figures = rateFigures(window)
  return {
    'x-ratelimit-limit': String(figures.limit),
    'x-ratelimit-remaining': String(figures.remaining),
    'x-ratelimit-reset': String(figures.reset),
    'x-ratelimit-used': String(figures.used),
    'x-ratelimit-resource': 'core',
  }
}
