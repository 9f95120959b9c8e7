import {describe, expect, test} from 'vitest'
import {closedAt, withOnCall} from '../../../src/approvals/business-hours.ts'
import {requirementOf} from '../../../src/approvals/policy.ts'
import type {RiskLevel} from '../../../src/kernel/risk-level.ts'
import type {Schedule} from '../../../src/platform/config/config.ts'

const MINUTE = 60_000
const HOURS: Schedule = {
  timezone: 'UTC',
  days: ['mon', 'tue', 'wed', 'thu', 'fri'],
  from: '09:00',
  to: '17:00',
  onCall: {primary: 'tech_lead', secondary: 'team_lead', escalateAfterMs: 30 * MINUTE},
}
const at = (text: string) => Date.parse(`${text}Z`)

describe('business hours', () => {
  // The 20th of November 2026 is a Friday.
  test.each([
    ['before they begin', '2026-11-20T08:59:59', '2026-11-20T08:59:59'],
    ['from their first moment', '2026-11-20T09:00:00', '2026-11-20T17:00:00'],
    ['in the middle', '2026-11-20T12:34:56', '2026-11-20T17:00:00'],
    ['to their last', '2026-11-20T16:59:59', '2026-11-20T17:00:00'],
    ['from when they end', '2026-11-20T17:00:00', '2026-11-20T17:00:00'],
    ['on a Saturday', '2026-11-21T12:00:00', '2026-11-21T12:00:00'],
    ['on a Sunday', '2026-11-22T12:00:00', '2026-11-22T12:00:00'],
    ['on a Monday', '2026-11-23T12:00:00', '2026-11-23T17:00:00'],
  ])('%s: %s is closed at %s', (_what, moment, closed) => {
    expect(new Date(closedAt(at(moment), HOURS))).toEqual(new Date(at(closed)))
  })

  test.each([
    ['winter', '2026-01-16T08:30:00', '2026-01-16T16:00:00'],
    ['summer', '2026-07-17T07:30:00', '2026-07-17T15:00:00'],
    ['the day before, somewhere', '2026-07-19T23:00:00', '2026-07-19T23:00:00'],
  ])('go by the clocks of their zone: %s', (_what, moment, closed) => {
    expect(new Date(closedAt(at(moment), {...HOURS, timezone: 'Europe/Berlin'}))).toEqual(
      new Date(at(closed)),
    )
  })

  test('by the day there, which may be another one than here', () => {
    const auckland = {...HOURS, timezone: 'Pacific/Auckland'}
    // Monday, half past nine.
    expect(closedAt(at('2026-11-22T20:30:00'), auckland)).toBe(at('2026-11-23T04:00:00'))
  })

  test.each([
    [
      'begin the first time in the hour that comes twice',
      '2026-10-25T00:30:00',
      '02:30',
      '04:00',
      '2026-10-25T03:00:00',
    ],
    ['end the last time in it', '2026-10-25T00:45:00', '01:00', '02:30', '2026-10-25T01:30:00'],
    [
      'end at a moment that is left out, by either clock',
      '2026-03-29T00:30:00',
      '01:00',
      '02:30',
      '2026-03-29T01:30:00',
    ],
  ])('where clocks change they %s', (_what, moment, from, to, closed) => {
    const night: Schedule = {...HOURS, timezone: 'Europe/Berlin', days: ['sun'], from, to}
    expect(new Date(closedAt(at(moment), night))).toEqual(new Date(at(closed)))
  })
})

describe('who is on call', () => {
  const quiet = {from: '22:00', to: '07:00', timezone: 'UTC'}
  const asked = (level: RiskLevel, moment: string, schedule: Schedule | undefined = HOURS) =>
    withOnCall(requirementOf(level, new Map()), {level, at: at(moment)}, schedule, quiet)

  test('nobody within business hours, without a schedule, and for what may wait for ever', () => {
    const required = requirementOf('high', new Map())
    expect(asked('high', '2026-11-20T12:00:00')).toEqual({required, callAt: undefined})
    expect(withOnCall(required, {level: 'high', at: 0}, undefined, quiet)).toEqual({
      required,
      callAt: undefined,
    })
    const ever = {...required, expiresMs: null}
    expect(withOnCall(ever, {level: 'low', at: 0}, HOURS, quiet)).toEqual({required: ever, callAt: undefined})
  })

  test.each<[RiskLevel, string, string]>([
    ['high', '2026-11-20T20:00:00', '2026-11-20T20:00:00'],
    ['medium', '2026-11-20T20:00:00', '2026-11-20T20:00:00'],
    // Asked while people are there, waiting when they have gone.
    ['high', '2026-11-20T16:30:00', '2026-11-20T17:00:00'],
    // Quiet hours.
    ['critical', '2026-11-20T23:00:00', '2026-11-20T23:00:00'],
    ['high', '2026-11-20T23:00:00', '2026-11-20T23:00:00'],
    ['medium', '2026-11-20T23:00:00', '2026-11-21T07:00:00'],
  ])('%s risk, asked at %s, calls at %s', (level, moment, call) => {
    const {required, callAt} = asked(level, moment)
    expect(required.onCall).toEqual(HOURS.onCall)
    expect(callAt === undefined ? undefined : new Date(callAt)).toEqual(new Date(at(call)))
    expect(required.wakes).toBe(level === 'medium' ? undefined : 'on-call')
    expect(required.roles).toEqual(requirementOf(level, new Map()).roles)
  })

  test('what is expedited wakes whom it calls, at any level', () => {
    const required = {...requirementOf('medium', new Map()), wakes: 'everybody' as const}
    const night = at('2026-11-20T23:00:00')
    expect(withOnCall(required, {level: 'medium', at: night}, HOURS, quiet)).toMatchObject({
      ...{callAt: night, required: {wakes: 'everybody'}},
    })
  })
})
