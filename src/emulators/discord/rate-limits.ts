import {createHash} from 'node:crypto'
import type {Clock} from '../../kernel/clock.ts'

/** So many requests per window, the window starting with the first of them. */
export interface RateLimit {
  readonly limit: number
  readonly windowMs: number
}

/**
 * Discord publishes no numbers and asks clients to read the headers; these are the ones the field reports. The
 * key is the route's name; each route of an interaction's token counts by itself, by the rule `webhook`.
 */
const USUAL_LIMITS = {
  createMessage: {limit: 5, windowMs: 5_000},
  editMessage: {limit: 5, windowMs: 5_000},
  deleteMessage: {limit: 5, windowMs: 1_000},
  startThread: {limit: 5, windowMs: 5_000},
  webhook: {limit: 5, windowMs: 2_000},
  registerCommands: {limit: 10, windowMs: 10_000},
  global: {limit: 50, windowMs: 1_000},
  other: {limit: 20, windowMs: 1_000},
} as const satisfies Readonly<Record<string, RateLimit>>

interface Verdict {
  readonly headers: Readonly<Record<string, string>>
  /** Set when the request must be refused with 429. */
  readonly refused?: {readonly retryAfterMs: number; readonly global: boolean}
}

interface Window {
  opened: number
  used: number
}

/**
 * Buckets as the headers describe them. `major` is the part of the path that splits a bucket: channel, guild, or
 * webhook with token. Requests without the bot's authorization don't count towards the global limit.
 */
export function createRateLimits({
  now,
  limits = {},
}: {
  now: Clock
  limits?: Readonly<Record<string, RateLimit>>
}) {
  const table = new Map<string, RateLimit>(Object.entries({...USUAL_LIMITS, ...limits}))
  const ruleOf = (name: string): RateLimit => table.get(name) ?? table.get('other') ?? USUAL_LIMITS.other
  const windows = new Map<string, Window>()

  function windowOf(key: string, windowMs: number): Window {
    const at = now()
    const current = windows.get(key)
    if (current && at - current.opened < windowMs) return current
    if (windows.size > 5_000) forgetOld(at)
    const fresh = {opened: at, used: 0}
    windows.set(key, fresh)
    return fresh
  }

  function forgetOld(at: number): void {
    for (const [key, window] of windows) if (at - window.opened > 60_000) windows.delete(key)
  }

  return {
    judge(
      bucket: string,
      major: string,
      {rule: name, authorized}: {rule: string; authorized: boolean},
    ): Verdict {
      const rule = ruleOf(name)
      const window = windowOf(`${bucket} ${major}`, rule.windowMs)
      const resetAfterMs = window.opened + rule.windowMs - now()
      const globalRule = ruleOf('global')
      const everything = authorized ? windowOf('global', globalRule.windowMs) : undefined

      const overGlobal = everything !== undefined && everything.used >= globalRule.limit
      const over = window.used >= rule.limit
      if (!over && !overGlobal) {
        window.used++
        if (everything) everything.used++
      }
      const headers: Record<string, string> = {
        'x-ratelimit-limit': String(rule.limit),
        'x-ratelimit-remaining': String(Math.max(0, rule.limit - window.used)),
        'x-ratelimit-reset': ((now() + resetAfterMs) / 1000).toFixed(3),
        'x-ratelimit-reset-after': (resetAfterMs / 1000).toFixed(3),
        'x-ratelimit-bucket': createHash('md5').update(bucket).digest('hex'),
      }
      if (!over && !overGlobal) return {headers}
      const retryAfterMs = overGlobal ? everything.opened + globalRule.windowMs - now() : resetAfterMs
      return {
        headers: {...headers, ...limitedHeaders(retryAfterMs, overGlobal)},
        refused: {retryAfterMs, global: overGlobal},
      }
    },
  }
}

/** What a 429 carries on top. `retry-after` is in whole seconds, unlike the body's `retry_after`. */
export function limitedHeaders(retryAfterMs: number, global: boolean): Record<string, string> {
  return {
    'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))),
    'x-ratelimit-scope': global ? 'global' : 'user',
    ...(global && {'x-ratelimit-global': 'true'}),
  }
}
