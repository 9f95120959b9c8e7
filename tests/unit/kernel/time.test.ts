import {expect, test} from 'vitest'
import {formatDuration, parseDuration, relativeAge} from '../../../src/kernel/time.ts'

const S = 1000
const M = 60 * S
const H = 60 * M
const D = 24 * H

test.each([
  [undefined, 'N/A'],
  [null, 'N/A'],
  [NaN, 'N/A'],
  [Infinity, 'N/A'],
  [-5 * S, '0s'],
  [0, '0s'],
  [999, '0s'],
  [45 * S, '45s'],
  [59.999 * S, '59s'],
  [60 * S, '1m'],
  [2 * M, '2m'],
  [2 * M + 15.9 * S, '2m 15s'],
  [59 * M + 59 * S, '59m 59s'],
  [H, '1h'],
  [H + 59 * S, '1h'],
  [H + 5 * M + 40 * S, '1h 5m'],
  [30 * H, '30h'],
])('a duration of %s ms reads %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})

test.each([
  [-1, 'just now'],
  [0, '0s ago'],
  [59.9 * S, '59s ago'],
  [60 * S, '1m ago'],
  [59 * M + 59 * S, '59m ago'],
  [H, '1h ago'],
  [D - 1, '23h ago'],
  [D, '1d ago'],
  [30 * D - 1, '29d ago'],
  [30 * D, '1mo ago'],
  [365 * D, '12mo ago'],
])('what happened %s ms ago reads %s', (age, text) => {
  const now = Date.UTC(2026, 10, 21)
  expect(relativeAge(now - age, now)).toBe(text)
  expect(relativeAge(new Date(now - age).toISOString(), now)).toBe(text)
})

test('no time and nonsense are unknown', () => {
  for (const from of [undefined, null, NaN, '', 'yesterday']) expect(relativeAge(from, 0)).toBe('unknown')
})

test('a time without a zone is UTC, whatever the zone of this process', () => {
  const now = Date.UTC(2026, 0, 1, 12, 0, 30)
  for (const text of [
    '2026-01-01T12:00:00',
    '2026-01-01 12:00:00.000',
    '2026-01-01T12:00:00Z',
    '2026-01-01T14:00:00+02:00',
  ]) {
    expect(relativeAge(text, now)).toBe('30s ago')
  }
})

test.each([
  ['90s', 90 * S],
  ['30m', 30 * M],
  ['2h', 2 * H],
  ['14d', 14 * D],
  ['0s', undefined],
  ['-1m', undefined],
  ['1.5h', undefined],
  ['30', undefined],
  ['30 m', undefined],
  ['1w', undefined],
  ['9999999d', undefined],
  ['never', undefined],
])('%s as a duration is %s', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})
