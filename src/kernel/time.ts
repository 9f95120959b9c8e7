const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const UNITS: Readonly<Record<string, number>> = {s: SECOND, m: MINUTE, h: HOUR, d: DAY}

/** How a duration is written in configuration, such as `90s`, `30m`, `2h` or `14d`. Never zero, never signed. */
export const DURATION_PATTERN = /^([1-9]\d{0,5})([smhd])$/

/** The milliseconds of a text such as `30m`, or undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = DURATION_PATTERN.exec(text) ?? []
  const size = unit === undefined ? undefined : UNITS[unit]
  return size === undefined ? undefined : Number(amount) * size
}

/**
 * How long something took, for people: `45s`, `2m 15s`, `2m`, `1h 5m`, `1h`; seconds vanish from one hour on.
 * Takes milliseconds; fractions are cut, not rounded, and nothing measurable reads `N/A`.
 */
export function formatDuration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return 'N/A'
  const elapsed = Math.max(0, ms)
  if (elapsed < MINUTE) return `${whole(elapsed, SECOND)}s`
  if (elapsed < HOUR) return pair(whole(elapsed, MINUTE), 'm', whole(elapsed % MINUTE, SECOND), 's')
  return pair(whole(elapsed, HOUR), 'h', whole(elapsed % HOUR, MINUTE), 'm')
}

/**
 * How long ago something was, for places that can't show a Discord timestamp: `12s ago`, `3mo ago` (30-day months),
 * `just now` for the future and `unknown` for nothing or nonsense. Takes milliseconds since the epoch or an ISO
 * text; a text that names no zone is UTC, wherever this process runs.
 */
export function relativeAge(from: number | string | null | undefined, now: number): string {
  const then = typeof from === 'string' ? parseInstant(from) : from
  if (then === null || then === undefined || !Number.isFinite(then)) return 'unknown'
  const age = now - then
  if (age < 0) return 'just now'
  if (age < MINUTE) return `${whole(age, SECOND)}s ago`
  if (age < HOUR) return `${whole(age, MINUTE)}m ago`
  if (age < DAY) return `${whole(age, HOUR)}h ago`
  if (age < 30 * DAY) return `${whole(age, DAY)}d ago`
  return `${whole(age, 30 * DAY)}mo ago`
}

function parseInstant(text: string): number {
  const naive = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?$/.test(text)
  return Date.parse(naive ? `${text.replace(' ', 'T')}Z` : text)
}

function whole(ms: number, unit: number): number {
  return Math.trunc(ms / unit)
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit} ${small}${smallUnit}`
}
