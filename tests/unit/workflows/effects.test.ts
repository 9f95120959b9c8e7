import {expect, test} from 'vitest'
import {effectsOf} from '../../../src/workflows/effects.ts'

test('an effect whose record Postgres did not take is not done again: the record waits', async () => {
  let refusals = 2
  const finished: unknown[] = []
  let times = 0
  const effect = effectsOf(
    {
      beginEffect: async () => ({kind: 'begun'}),
      async finishEffect(_key, result) {
        if (refusals-- > 0) throw Object.assign(new Error('the server is shutting down'), {code: '57P01'})
        finished.push(result)
      },
    },
    {
      run: 'wf-1',
      path: 'ship',
      attempt: 1,
      compensation: false,
      by: {kind: 'owner', instance: 'here', fence: 1},
      signal: new AbortController().signal,
      onInterrupted: () => undefined,
    },
  )
  expect(await effect('dispatch', {run: async () => `run ${(times += 1)}`})).toBe('run 1')
  expect(times).toBe(1)
  expect(finished).toEqual(['run 1'])
})
