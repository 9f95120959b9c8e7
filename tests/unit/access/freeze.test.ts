import {describe, expect, test} from 'vitest'
import {frozen} from '../../../src/access/freeze.ts'
import {freezeLine} from '../../../src/access/guard.ts'
import type {Environment} from '../../../src/kernel/environment.ts'
import {momentsOf, wallClock} from '../../../src/kernel/zoned-time.ts'
import type {Freeze} from '../../../src/platform/config/config.ts'

const at = (text: string) => Date.parse(text)
const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString())
const [MON, FRI, SUN] = [0, 4, 6]
const week = (day: number, time: string) => {
  const [hours = 0, minutes = 0] = time.split(':').map(Number)
  return (day * 24 + hours) * 60 + minutes
}
const weekly = (
  from: number,
  to: number,
  timezone = 'Europe/Berlin',
  environments: readonly Environment[] = ['production'],
): Freeze => ({weekly: {from, to, timezone}, environments, reason: 'weekend'})
const once = (from: string, to: string, reason = 'holidays'): Freeze => ({
  ...{from: at(from), to: at(to), environments: ['production'], reason},
})
const until = (freezes: readonly Freeze[], now: string) => iso(frozen(freezes, 'production', at(now))?.until)

describe('one period', () => {
  const freezes = [once('2026-12-20T00:00:00Z', '2027-01-02T08:00:00Z')]

  test('from its first moment to before its last', () => {
    expect(frozen(freezes, 'production', at('2026-12-19T23:59:59Z'))).toBeUndefined()
    expect(frozen(freezes, 'production', at('2026-12-20T00:00:00Z'))).toEqual({
      until: at('2027-01-02T08:00:00Z'),
      reason: 'holidays',
    })
    expect(frozen(freezes, 'production', at('2027-01-02T08:00:00Z'))).toBeUndefined()
  })

  test('only where it is meant', () => {
    expect(frozen(freezes, 'staging', at('2026-12-24T00:00:00Z'))).toBeUndefined()
    expect(frozen([], 'production', at('2026-12-24T00:00:00Z'))).toBeUndefined()
  })
})

describe('every week, by the clocks of its zone', () => {
  const weekend = [weekly(week(FRI, '16:00'), week(MON, '08:00'))]

  test.each([
    ['the minute before', '2026-11-20T14:59:59Z', undefined],
    ['its beginning', '2026-11-20T15:00:00Z', '2026-11-23T07:00:00.000Z'],
    ['the end of the week within it', '2026-11-22T23:30:00Z', '2026-11-23T07:00:00.000Z'],
    ['its last second', '2026-11-23T06:59:59Z', '2026-11-23T07:00:00.000Z'],
    ['its end', '2026-11-23T07:00:00Z', undefined],
    ['the middle of the week', '2026-11-25T12:00:00Z', undefined],
    ['the clocks going forward within it: an hour less', '2026-03-27T15:00:00Z', '2026-03-30T06:00:00.000Z'],
    ['the clocks going back within it: an hour more', '2026-10-23T14:00:00Z', '2026-10-26T07:00:00.000Z'],
  ])('%s', (_what, now, end) => expect(until(weekend, now)).toBe(end))

  test('one within the week', () => {
    const midweek = [weekly(week(1, '12:00'), week(2, '09:00'), 'UTC')]
    expect(until(midweek, '2026-11-24T11:59:00Z')).toBeUndefined()
    expect(until(midweek, '2026-11-24T12:00:00Z')).toBe('2026-11-25T09:00:00.000Z')
    expect(until(midweek, '2026-11-23T00:00:00Z')).toBeUndefined()
  })

  test('the hour that comes twice belongs to it whole: from its first beginning to its last end', () => {
    // In Berlin, 02:00 to 03:00 on 25 October 2026 is at 00:00Z and again at 01:00Z.
    const begins = [weekly(week(SUN, '02:30'), week(SUN, '06:00'))]
    for (const now of ['00:30', '00:59', '01:00', '01:15', '01:30'])
      expect(until(begins, `2026-10-25T${now}:00Z`)).toBe('2026-10-25T05:00:00.000Z')
    const ends = [weekly(week(SUN, '00:00'), week(SUN, '02:30'))]
    for (const now of ['00:29', '00:30', '01:00', '01:29'])
      expect(until(ends, `2026-10-25T${now}:00Z`)).toBe('2026-10-25T01:30:00.000Z')
    expect(until(ends, '2026-10-25T01:30:00Z')).toBeUndefined()
  })

  test('the hour that is left out makes no gap', () => {
    // In Berlin, 02:00 to 03:00 on 29 March 2026 is never.
    const begins = [weekly(week(SUN, '02:30'), week(SUN, '06:00'))]
    expect(until(begins, '2026-03-29T01:00:00Z')).toBe('2026-03-29T04:00:00.000Z')
    expect(until([weekly(week(SUN, '00:00'), week(SUN, '02:30'))], '2026-03-29T00:59:00Z')).toBeDefined()
  })

  test.each(['Asia/Kathmandu', 'America/New_York', 'Pacific/Apia', 'UTC', 'Australia/Lord_Howe'])(
    'of each hour of the week, the year round, it agrees with the clocks of %s',
    zone => {
      const freeze = [weekly(week(FRI, '16:00'), week(MON, '08:00'), zone)]
      // Five hours divide no week: in a year each of its hours comes ten times, in winter and in summer.
      for (let now = at('2026-01-01T00:10:00Z'); now < at('2027-01-01T00:00:00Z'); now += 5 * 3_600_000) {
        const wall = new Date(wallClock(now, zone))
        const minute = ((wall.getUTCDay() + 6) % 7) * 1440 + wall.getUTCHours() * 60 + wall.getUTCMinutes()
        const on = minute >= week(FRI, '16:00') || minute < week(MON, '08:00')
        expect(frozen(freeze, 'production', now) !== undefined, `${iso(now)} ${zone}`).toBe(on)
      }
    },
  )
})

describe('several', () => {
  test('the one that lasts longest gives the reason, and what follows upon it is counted in', () => {
    const freezes = [
      once('2026-12-20T00:00:00Z', '2026-12-21T00:00:00Z', 'first'),
      once('2026-12-20T00:00:00Z', '2026-12-23T00:00:00Z', 'longer'),
      once('2026-12-22T00:00:00Z', '2026-12-24T00:00:00Z', 'next'),
      once('2026-12-24T00:00:00Z', '2026-12-25T00:00:00Z', 'right after'),
      once('2026-12-25T00:00:01Z', '2026-12-26T00:00:00Z', 'a second too late'),
    ]
    expect(frozen(freezes, 'production', at('2026-12-20T12:00:00Z'))).toEqual({
      until: at('2026-12-25T00:00:00Z'),
      reason: 'longer',
    })
  })

  test('a week that is frozen whole has an answer, and it takes no time', () => {
    const always = [weekly(0, week(FRI, '00:00'), 'UTC'), weekly(week(FRI, '00:00'), 0, 'UTC')]
    const verdict = frozen(always, 'production', at('2026-11-20T00:00:00Z'))
    expect(verdict?.until).toBeGreaterThan(at('2026-12-01T00:00:00Z'))
  })
})

describe('the clocks of a zone', () => {
  test('show what they show', () => {
    expect(iso(wallClock(at('2026-07-01T12:34:56Z'), 'America/New_York'))).toBe('2026-07-01T08:34:56.000Z')
    expect(iso(wallClock(at('2026-01-01T00:00:00Z'), 'Europe/Berlin'))).toBe('2026-01-01T01:00:00.000Z')
    // Midnight is hour 0 of the new day, not 24 of the old.
    expect(iso(wallClock(at('2026-01-01T23:00:00Z'), 'Europe/Berlin'))).toBe('2026-01-02T00:00:00.000Z')
  })

  test('show most times once', () => {
    const noon = momentsOf(at('2026-07-01T12:00:00Z'), 'Europe/Berlin')
    expect([noon.first, noon.last].map(iso)).toEqual(['2026-07-01T10:00:00.000Z', '2026-07-01T10:00:00.000Z'])
  })
})

test('a freeze in one line: until when, why, and who could do something about it', () => {
  const freeze = {kind: 'frozen', until: at('2026-12-24T00:00:00Z'), reason: 'holidays'} as const
  expect(freezeLine({...freeze, breakers: ['ada', 'bob', 'cy', 'dee']})).toBe(
    'deploy freeze until <t:1798070400:f> (holidays) — ada, bob, cy can use `/break-glass`',
  )
  expect(freezeLine({...freeze, breakers: []})).toContain('nobody can break the glass here')
})
