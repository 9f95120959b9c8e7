import fc from 'fast-check'
import {expect, test} from 'vitest'
import {AppError} from '../../../src/kernel/errors.ts'
import {backoff} from '../../../src/platform/queue-worker.ts'

const after = (attempts: number, given: {delay?: number; jitter?: number} = {}, error?: Error) =>
  backoff(attempts, 'patient', error, {opts: {backoff: {type: 'patient', ...given}}})

test('the pause before another try doubles, up to a minute', () => {
  expect([1, 2, 3, 4, 7, 20].map(attempts => after(attempts))).toEqual([
    1000, 2000, 4000, 8000, 60_000, 60_000,
  ])
  expect(after(3, {delay: 50})).toBe(200)
})

test('chance only shortens it, by no more than its share', () => {
  fc.assert(
    fc.property(
      fc.integer({min: 1, max: 12}),
      fc.double({min: 0, max: 1, noNaN: true}),
      (attempts, jitter) => {
        const whole = after(attempts)
        const pause = after(attempts, {jitter})
        expect(pause).toBeLessThanOrEqual(whole)
        expect(pause).toBeGreaterThanOrEqual(Math.floor(whole * (1 - jitter)))
      },
    ),
  )
})

test('nobody is asked again sooner than they said, however short the pause would be', () => {
  const limited = new AppError('UPSTREAM_RATE_LIMITED', 'Slow down.', {retryAfterMs: 90_000})
  expect(after(1, {jitter: 1}, limited)).toBe(90_000)
  expect(after(1, {}, new Error('no word of time'))).toBe(1000)
})
