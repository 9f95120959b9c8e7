import {describe, expect, test} from 'vitest'
import {createCommits} from '../../../src/workflows/commits.ts'
import {decide} from '../../../src/workflows/decide.ts'
import type {Decision} from '../../../src/workflows/decider.ts'
import {newRun} from '../../../src/workflows/evolve.ts'
import {newLive} from '../../../src/workflows/live.ts'
import type {WorkflowStore} from '../../../src/workflows/store.ts'
import {aPlan} from '../../support/workflow-plans.ts'

const PLAN = aPlan([{id: 'only'}])
const RUN = newRun({id: 'run-1', workflow: 'test', correlationId: 'run-1', input: null})
const BEGUN = decide(PLAN, RUN, {kind: 'begin', at: 0}, {hosts: () => true})
const DECISION: Decision = {...BEGUN, closed: [], parks: false}

/** How one try goes: it is answered, or its answer is lost after it had its effect, or before. */
type Try = 'answered' | 'done, answer lost' | 'not done, answer lost'

/** A run's row, and an instance that commits to it. */
function anInstance({
  tries = [],
  inbox = 0,
  owner = 'us',
}: {tries?: Try[]; inbox?: number; owner?: string} = {}) {
  const row = {seq: 3, owner, inbox, commits: 0}
  const unbegun: string[] = []
  const relayed: unknown[] = []
  const job = {queue: 'agent', name: 'attempt', data: null, id: 'attempt-1', outboxId: '1'}
  const away = () => Object.assign(new Error('read ECONNRESET'), {code: 'ECONNRESET'})
  const store: Pick<WorkflowStore, 'commit' | 'probe'> = {
    async commit({seq, inbox: seen}) {
      const how = tries.shift() ?? 'answered'
      if (how === 'not done, answer lost') throw away()
      const moved = row.owner === 'us' && seen === row.inbox && seq === row.seq + 1
      if (moved) Object.assign(row, {seq, commits: row.commits + 1})
      if (how === 'done, answer lost') throw away()
      return moved
        ? {moved, jobs: [job], unbegun: [{run: 'run-1', path: 'only', attempt: 1}]}
        : {moved, jobs: [], unbegun: []}
    },
    probe: async () => ({seq: row.seq, owned: row.owner === 'us'}),
  }
  const live = newLive({plan: PLAN, run: RUN, fence: 1, parentId: null, createdAt: 0})
  live.seq = 3
  const gone = {closed: false}
  const commit = createCommits({
    store,
    ownership: {regained: async () => undefined},
    decider: {
      ask: async () => undefined,
      standing: () => {
        const nothing = {waitingFor: undefined, result: null, error: undefined, parked: undefined}
        return {...nothing, status: 'running', step: 'only', total: 1, completed: 0, failed: 0, percentage: 0}
      },
    },
    outbox: {relay: jobs => void relayed.push(...jobs)},
    closed: () => gone.closed,
    onUnbegun: (_run, {path}) => void unbegun.push(path),
    log: {warn: () => undefined},
  })
  return {row, live, unbegun, relayed, gone, commit: () => commit(live, DECISION)}
}

describe.concurrent('what was decided', () => {
  test('commits, and what follows from it is told', async () => {
    const {commit, row, live, relayed, unbegun} = anInstance()
    expect(await commit()).toBe('committed')
    expect(row).toMatchObject({seq: 4, commits: 1})
    expect(live).toMatchObject({seq: 4, taken: 0})
    expect([relayed.length, unbegun]).toEqual([1, ['only']])
  })

  test('is stale when the inbox has more than it knew of, and nothing of it counts', async () => {
    const {commit, live, relayed, unbegun} = anInstance({inbox: 1})
    expect(await commit()).toBe('stale')
    expect(live).toMatchObject({seq: 3, taken: 0})
    expect([relayed, unbegun]).toEqual([[], []])
  })

  test('is lost when the run is another’s', async () => {
    const {commit, live} = anInstance({owner: 'another'})
    expect(await commit()).toBe('lost')
    expect(live.seq).toBe(3)
  })

  test.each<[string, Try[]]>([
    ['had its effect', ['done, answer lost']],
    ['had none', ['not done, answer lost']],
    ['had none twice, then one', ['not done, answer lost', 'not done, answer lost', 'done, answer lost']],
  ])('commits once when its answer is lost and it %s', async (_what, tries) => {
    const {commit, row, live} = anInstance({tries})
    expect(await commit()).toBe('committed')
    expect(row).toMatchObject({seq: 4, commits: 1})
    expect(live.seq).toBe(4)
  })

  test('is lost when its answer is, and the run is another’s by then', async () => {
    const {commit, row} = anInstance({tries: ['not done, answer lost'], owner: 'another'})
    expect(await commit()).toBe('lost')
    expect(row.commits).toBe(0)
  })

  test('does not commit once this instance has gone', async () => {
    const {commit, row, gone} = anInstance()
    gone.closed = true
    expect(await commit()).toBe('lost')
    expect(row.commits).toBe(0)
  })
})
