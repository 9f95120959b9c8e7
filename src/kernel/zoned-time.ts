const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

const formats = new Map<string, Intl.DateTimeFormat>()

/**
 * What the clocks of a zone show at a moment, as the moment at which UTC's clocks would show it: made for
 * `new Date(…).getUTC…()`. Milliseconds since the epoch in and out; whole seconds.
 */
export function wallClock(now: number, timezone: string): number {
  const parts = Object.fromEntries(
    formatOf(timezone)
      .formatToParts(now)
      .map(({type, value}) => [type, Number(value)]),
  )
  const {year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0} = parts
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

/**
 * The moments at which the clocks of a zone show this. Twice in the hour that is put back; in the hour that is left
 * out never, and then both are an hour apart around it.
 */
export function momentsOf(wall: number, timezone: string): {readonly first: number; readonly last: number} {
  // No zone changes its clocks twice within two days.
  const candidates = [wall - DAY, wall + DAY].map(near => wall - (wallClock(near, timezone) - near))
  const real = candidates.filter(moment => wallClock(moment, timezone) === wall)
  const moments = real.length > 0 ? real : candidates
  return {first: Math.min(...moments), last: Math.max(...moments)}
}

/** Making one is slow; the zones of a configuration are few. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known) return known
  const made = new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  formats.set(timeZone, made)
  return made
}
