import type {QuietHours} from '../platform/config/config.ts'

const MINUTE = 60_000
const DAY_MINUTES = 24 * 60

/**
 * The first moment at or after `at` at which people may be disturbed; `at` itself outside of quiet hours. Local times
 * are those of the zone on that very day, also when its clocks change in between. Milliseconds since the epoch.
 */
export function awakeAt(at: number, quiet: QuietHours | undefined): number {
  if (!quiet) return at
  const from = minutesOf(quiet.from)
  const to = minutesOf(quiet.to)
  const localMinute = clockOf(quiet.timezone)
  const isQuiet = (moment: number): boolean => {
    const minute = localMinute(moment)
    return from <= to ? minute >= from && minute < to : minute >= from || minute < to
  }
  if (from === to || !isQuiet(at)) return at
  let moment = Math.floor(at / MINUTE) * MINUTE
  // A change of clocks on the way takes another hop, or leads beyond an end that does not exist on that day.
  while (isQuiet(moment)) moment += ((to - localMinute(moment) + DAY_MINUTES) % DAY_MINUTES) * MINUTE
  while (!isQuiet(moment - MINUTE)) moment -= MINUTE
  return moment
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number)
  return hours * 60 + minutes
}

/** Minutes since midnight there. */
function clockOf(timeZone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  return at => minutesOf(format.format(at))
}
