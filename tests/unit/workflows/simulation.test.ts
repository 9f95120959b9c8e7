import {expect, test} from 'vitest'
import type {Fact} from '../../../src/workflows/fact.ts'
import type {Effect} from '../../../src/workflows/run.ts'
import {live, type Life} from '../../support/workflow-simulation.ts'

const FACTS: readonly Fact['is'][] = [
  'begun',
  'locking',
  'locked',
  'unlocked',
  'started',
  'opened',
  'waiting',
  'retrying',
  'succeeded',
  'failed',
  'skipped',
  'cancelled',
  'compensated',
  'broken',
  'undoing',
  'generated',
  'signalled',
  'paused',
  'resumed',
  'cancelling',
  'retried',
  'ended',
]
const EFFECTS: readonly Effect['kind'][] = [
  'perform',
  'abort',
  'lock',
  'unlock',
  'start-child',
  'stop-child',
  'request-approval',
  'withdraw-approval',
]

const SEEDS = 4_000
const CHUNK = 1_000
const replayed = process.env['SEED']

if (replayed === undefined) {
  const lives: Life[] = []
  const chunks = Array.from({length: SEEDS / CHUNK}, (_, index) => index * CHUNK)

  test.each(chunks)(
    'whatever happens, every run keeps its promises (from seed %i)',
    {timeout: 60_000},
    first => {
      for (let seed = first; seed < first + CHUNK; seed += 1) lives.push(liveOrName(seed))
    },
  )

  test('in which enough happened to prove something', () => {
    const total = (of: (life: Life) => number) => lives.reduce((sum, life) => sum + of(life), 0)
    expect(lives).toHaveLength(SEEDS)
    for (const status of ['completed', 'failed', 'cancelled']) {
      expect(lives.filter(life => life.status === status).length).toBeGreaterThan(SEEDS / 10)
    }
    expect(total(({crashes}) => crashes)).toBeGreaterThan(SEEDS)
    expect(total(({refused}) => refused)).toBeGreaterThan(SEEDS)
    expect(total(({compensated}) => compensated)).toBeGreaterThan(SEEDS / 4)
    const seen = new Set(lives.flatMap(life => [...life.seen]))
    expect([...FACTS, ...EFFECTS].filter(kind => !seen.has(kind))).toEqual([])
  })
} else {
  test(`the run of seed ${replayed} keeps its promises`, () => {
    live(Number(replayed))
  })
}

function liveOrName(seed: number): Life {
  try {
    return live(seed)
  } catch (error) {
    throw new Error(`SEED=${seed} replays it: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}
