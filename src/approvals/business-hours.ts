import type {RiskLevel} from '../kernel/risk-level.ts'
import {momentsOf, wallClock} from '../kernel/zoned-time.ts'
import type {BusinessHours, QuietHours, Schedule} from '../platform/config/config.ts'
import {awakeAt} from './quiet-hours.ts'
import type {Requirement} from './request.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const FROM_SUNDAY = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

/**
 * The first moment at or after `at` that is outside of business hours; `at` itself there. Where the clocks change, they
 * begin the first time the clocks show their beginning and end the last time they show their end. Milliseconds since
 * the epoch.
 */
export function closedAt(at: number, {timezone, days, from, to}: BusinessHours): number {
  const midnight = Math.floor(wallClock(at, timezone) / DAY) * DAY
  const day = FROM_SUNDAY[new Date(midnight).getUTCDay()]
  if (day === undefined || !days.includes(day)) return at
  const opens = momentsOf(midnight + minutesOf(from) * MINUTE, timezone).first
  const closes = momentsOf(midnight + minutesOf(to) * MINUTE, timezone).last
  return opens <= at && at < closes ? closes : at
}

/**
 * What is asked at `at`, with those on call where nobody else may be there: outside of business hours, or when they end
 * before the request would call anybody in. `callAt`: when the first of them is called, undefined where nobody is on
 * call. Quiet hours hold that back below high risk alone. What may wait for ever calls nobody.
 */
export function withOnCall(
  required: Requirement,
  {level, at}: {readonly level: RiskLevel; readonly at: number},
  schedule: Schedule | undefined,
  quietHours: QuietHours | undefined,
): {readonly required: Requirement; readonly callAt: number | undefined} {
  const {expiresMs} = required
  if (!schedule || expiresMs === null) return {required, callAt: undefined}
  const closed = closedAt(at, schedule)
  if (closed >= at + expiresMs) return {required, callAt: undefined}
  const wakes = required.wakes ?? (level === 'high' || level === 'critical' ? 'on-call' : undefined)
  return {
    required: {...required, onCall: schedule.onCall, ...(wakes === undefined ? {} : {wakes})},
    callAt: wakes === undefined ? awakeAt(closed, quietHours) : closed,
  }
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number)
  return hours * 60 + minutes
}
