import {Registry} from 'prom-client'
import {describe, expect, test} from 'vitest'
import {boundedLabel, createInstruments} from '../../../src/platform/instruments.ts'

const AWAY = () => Promise.reject(new Error('the database is away'))

describe('a gauge that asks at each scrape', () => {
  test('has every series of the answer, and nothing of the one before', async () => {
    const registry = new Registry()
    let answer = new Map([
      ['held', 2],
      ['waiting', 1],
    ])
    createInstruments(registry).gauge('things', 'Things', {
      labelNames: ['state'],
      ask: () => Promise.resolve(answer),
      show: counts => [...counts].map(([state, count]) => [{state}, count]),
    })
    expect(await seriesOf(registry)).toEqual(['things{state="held"} 2', 'things{state="waiting"} 1'])
    answer = new Map([['waiting', 3]])
    expect(await seriesOf(registry)).toEqual(['things{state="waiting"} 3'])
  })

  test.each([{labelNames: ['state']}, {labelNames: []}])(
    'is absent while nothing answers, with labels or without: $labelNames',
    async ({labelNames}) => {
      const registry = new Registry()
      let ask: () => Promise<number> = () => Promise.resolve(4)
      createInstruments(registry).gauge('things', 'Things', {
        labelNames,
        ask: () => ask(),
        show: count => [[Object.fromEntries(labelNames.map(name => [name, 'held'])), count]],
      })
      expect(await seriesOf(registry)).toHaveLength(1)
      ask = AWAY
      expect(await seriesOf(registry)).toEqual([])
      ask = () => Promise.resolve(5)
      expect(await seriesOf(registry)).toHaveLength(1)
    },
  )
})

test('a bounded label keeps the first values, and takes those that come later together', () => {
  const label = boundedLabel(2)
  expect(['a', 'b', 'c', 'a', 'd'].map(label)).toEqual(['a', 'b', 'other', 'a', 'other'])
})

async function seriesOf(registry: Registry): Promise<string[]> {
  return (await registry.metrics()).split('\n').filter(line => line !== '' && !line.startsWith('#'))
}
