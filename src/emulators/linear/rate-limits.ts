import type {Caller} from './auth.ts'

/** Requests and points an hour, per user: buckets that leak at a constant rate. */
export interface RateLimits {
  /** Counts a request and its points; false when there was not enough left, and nothing is counted. */
  charge(caller: Caller, points: number): boolean
  /** Resets are in epoch milliseconds: when the bucket would be empty again. */
  headers(caller: Caller): Readonly<Record<string, string>>
}

const HOUR = 3_600_000

export function createRateLimits({
  now,
  requestsPerHour,
}: {
  readonly now: () => number
  /** Instead of the limits of the caller's kind. */
  readonly requestsPerHour: number | undefined
}): RateLimits {
  const buckets = new Map<string, {requests: number; complexity: number; at: number}>()

  const limitsOf = ({limits}: Caller) => ({...limits, requests: requestsPerHour ?? limits.requests})

  function current(caller: Caller) {
    const limits = limitsOf(caller)
    const bucket = buckets.get(caller.user.id) ?? {requests: 0, complexity: 0, at: now()}
    const passed = (now() - bucket.at) / HOUR
    const leaked = {
      requests: Math.max(0, bucket.requests - limits.requests * passed),
      complexity: Math.max(0, bucket.complexity - limits.complexity * passed),
      at: now(),
    }
    buckets.set(caller.user.id, leaked)
    return leaked
  }

  return {
    charge(caller, points) {
      const limits = limitsOf(caller)
      const bucket = current(caller)
      if (bucket.requests + 1 > limits.requests || bucket.complexity + points > limits.complexity)
        return false
      bucket.requests += 1
      bucket.complexity += points
      return true
    },
    headers(caller) {
      const limits = limitsOf(caller)
      const bucket = current(caller)
      const figures = (name: string, used: number, limit: number) => ({
        [`x-ratelimit-${name}-limit`]: String(limit),
        [`x-ratelimit-${name}-remaining`]: String(Math.floor(limit - used)),
        [`x-ratelimit-${name}-reset`]: String(Math.ceil(now() + (used / limit) * HOUR)),
      })
      return {
        ...figures('requests', bucket.requests, limits.requests),
        ...figures('complexity', bucket.complexity, limits.complexity),
      }
    },
  }
}
