import {expect, test} from 'vitest'
import {effectsOf, type EffectfulAttempt} from '../../../src/workflows/effects.ts'

type EffectRows = Parameters<typeof effectsOf>[0]

const away = () => Object.assign(new Error('the server is shutting down'), {code: '57P01'})

/** Rows that Postgres takes at once, unless said otherwise. */
const rows = (special: Partial<EffectRows> = {}): EffectRows => ({
  beginEffect: async () => ({kind: 'begun'}),
  finishEffect: async () => undefined,
  ...special,
})

const anAttempt = (special: Partial<EffectfulAttempt> = {}): EffectfulAttempt => ({
  run: 'wf-1',
  path: 'ship',
  attempt: 1,
  compensation: false,
  by: {kind: 'owner', instance: 'here', fence: 1},
  right: {valid: () => true, regained: async () => undefined},
  signal: new AbortController().signal,
  onInterrupted: () => undefined,
  ...special,
})

test('an effect whose record Postgres did not take is not done again: the record waits', async () => {
  let refusals = 2
  const finished: unknown[] = []
  let times = 0
  const effect = effectsOf(
    rows({
      async finishEffect(_key, result) {
        if (refusals-- > 0) throw away()
        finished.push(result)
      },
    }),
    anAttempt(),
  )
  expect(await effect('dispatch', {run: async () => `run ${(times += 1)}`})).toBe('run 1')
  expect(times).toBe(1)
  expect(finished).toEqual(['run 1'])
})

test('an effect that Postgres is not there to permit waits for it, under the same mark, and costs no attempt', async () => {
  const marks: string[] = []
  const effect = effectsOf(
    rows({
      async beginEffect(_key, _by, {mark}) {
        marks.push(mark)
        if (marks.length < 3) throw away()
        return {kind: 'begun'}
      },
    }),
    anAttempt(),
  )
  expect(await effect('dispatch', {run: async () => 'done'})).toBe('done')
  expect(marks).toHaveLength(3)
  expect(new Set(marks).size).toBe(1)
})

test('it waits for as long as its attempt has time, and then nothing begins', async () => {
  const stop = new AbortController()
  const effect = effectsOf(
    rows({
      async beginEffect() {
        setTimeout(() => stop.abort(new Error('too late')), 10)
        throw away()
      },
    }),
    anAttempt({signal: stop.signal}),
  )
  let begun = false
  await expect(effect('dispatch', {run: async () => (begun = true)})).rejects.toThrow()
  expect(begun).toBe(false)
})

test('what is wrong with an effect’s row is not asked again', async () => {
  let asked = 0
  const effect = effectsOf(
    rows({
      async beginEffect() {
        asked += 1
        throw Object.assign(new Error('no such table'), {code: '42P01'})
      },
    }),
    anAttempt(),
  )
  await expect(effect('dispatch', {run: async () => null})).rejects.toThrow('no such table')
  expect(asked).toBe(1)
})

test('a permit that comes after the lease ran out is not used: it is asked for again under a new one', async () => {
  let valid = true
  let asked = 0
  const effect = effectsOf(
    rows({
      async beginEffect() {
        // Frozen between the question and the answer; meanwhile another may have taken over.
        if (++asked > 1) return {kind: 'refused'}
        valid = false
        return {kind: 'begun'}
      },
    }),
    anAttempt({right: {valid: () => valid, regained: async () => void (valid = true)}}),
  )
  let begun = false
  await expect(effect('dispatch', {run: async () => (begun = true)})).rejects.toThrow('was stopped before')
  expect(begun).toBe(false)
})
