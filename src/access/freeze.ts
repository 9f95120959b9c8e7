import type {Environment} from '../kernel/environment.ts'
import {momentsOf, wallClock} from '../kernel/zoned-time.ts'
import type {Freeze} from '../platform/config/config.ts'

export interface Frozen {
  /** When nothing freezes it any more, as far as can be seen. Milliseconds since the epoch. */
  readonly until: number
  /** Of the freeze that lasts longest now. */
  readonly reason: string
}

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const WEEK = 7 * DAY
/** Freezes that follow upon each other are followed this far. */
const MOST_LINKS = 20

/**
 * Whether a freeze stops what needs an approval in this environment now. Pure and total. Where the clocks change, a
 * weekly freeze begins the first time they show its beginning and ends the last time they show its end.
 */
export function frozen(
  freezes: readonly Freeze[],
  environment: Environment,
  now: number,
): Frozen | undefined {
  const ours = freezes.filter(({environments}) => environments.includes(environment))
  const longest = longestAt(ours, now)
  if (!longest) return undefined
  let {until} = longest
  for (let link = 0; link < MOST_LINKS; link++) {
    const next = longestAt(ours, until)
    if (!next) break
    until = next.until
  }
  return {until, reason: longest.reason}
}

function longestAt(freezes: readonly Freeze[], now: number): Frozen | undefined {
  return freezes
    .flatMap(freeze => {
      const until = endOf(freeze, now)
      return until === undefined ? [] : [{until, reason: freeze.reason}]
    })
    .sort((one, other) => other.until - one.until)[0]
}

/** When the freeze that is on now ends; undefined: it is off. */
function endOf(freeze: Freeze, now: number): number | undefined {
  if ('weekly' in freeze) return weeklyEnd(freeze.weekly, now)
  return freeze.from <= now && now < freeze.to ? freeze.to : undefined
}

function weeklyEnd(
  {from, to, timezone}: {readonly from: number; readonly to: number; readonly timezone: string},
  now: number,
): number | undefined {
  const length = (to - from) * MINUTE + (to > from ? 0 : WEEK)
  const monday = mondayOf(wallClock(now, timezone))
  for (const week of [monday - WEEK, monday, monday + WEEK]) {
    const begins = week + from * MINUTE
    const start = momentsOf(begins, timezone).first
    const end = momentsOf(begins + length, timezone).last
    if (start <= now && now < end) return end
  }
  return undefined
}

/** Midnight at the beginning of its week, by the same clock. The epoch was a Thursday. */
function mondayOf(wall: number): number {
  const sinceMonday = (((wall - 4 * DAY) % WEEK) + WEEK) % WEEK
  return wall - sinceMonday
}
