import {Registry} from 'prom-client'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import {createEvaluationMetrics} from '../../src/evaluation/metrics.ts'
import {createEvaluations, type Evaluations} from '../../src/evaluation/service.ts'
import {createEvaluationStore} from '../../src/evaluation/store.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {
  actionsOf,
  aPlan,
  aStep,
  doing,
  inSequence,
  openWorkflows,
  waitingForSignal,
  type TestWorkflows,
} from '../support/workflows.ts'

const DOCS = aPlan('docs', inSequence(aStep('write', doing('write')), aStep('check', doing('check'))))
const GATED = aPlan(
  'gated',
  inSequence(aStep('gate', waitingForSignal('go')), aStep('after', doing('write'))),
)
const NOTHING = aPlan('nothing', [aStep('only', {kind: 'value', value: () => 1})])

let database: TestDatabase
let app: TestWorkflows
let registry: Registry
let evaluations: Evaluations
let broken = false
/** Added to now, for those who look. */
let later = 0
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())
beforeEach(async () => {
  broken = false
  later = 0
  app = await openWorkflows(database.url, {
    plans: [DOCS, GATED, NOTHING],
    actions: actionsOf({
      write: async () => ({a: 1, b: 2, c: 3, d: 4, e: 5}),
      async check() {
        if (broken) throw new Error('a link is dead')
        return {links: 3}
      },
    }),
  })
  await app.pool.query('truncate evaluations')
  registry = new Registry()
  evaluations = createEvaluations({
    store: createEvaluationStore({pool: app.pool}),
    runs: () => app.workflows,
    metrics: createEvaluationMetrics({registry}),
    clock: () => Date.now() + later,
  })
  // What other tests left.
  while ((await evaluations.sweep()) > 0);
  await app.pool.query('delete from evaluations')
  await app.pool.query('delete from workflow_state')
})
afterEach(() => app.close())

async function ran(workflow: string): Promise<string> {
  const {id} = await app.workflows.start({workflow, input: null})
  await app.workflows.ended(id)
  return id
}
const kept = async () =>
  (
    await app.pool.query<{workflow_id: string; score: string | null; version: number}>(
      'select workflow_id, score, version from evaluations order by completed_at',
    )
  ).rows

describe('every run that has ended', () => {
  test('is graded once, by what its agents did', async () => {
    const [first, second] = [await ran('docs'), await ran('docs')]
    await evaluations.sweep()
    expect((await kept()).map(({workflow_id: id}) => id)).toEqual([first, second])
    const before = await kept()
    expect(await evaluations.sweep()).toBe(0)
    expect(await kept()).toEqual(before)
    expect(Number(before[0]?.score)).toBeGreaterThan(90)
    expect(await registry.metrics()).toContain('workflow_evaluations_total{grade="excellent"} 2')
  })

  test('that ends again after a retry is graded again', async () => {
    broken = true
    const id = await ran('docs')
    await evaluations.sweep()
    const [failed] = await kept()
    expect(Number(failed?.score)).toBeLessThan(75)
    broken = false
    await app.workflows.retry(id, {by: 'ada', id: 'again'})
    await app.workflows.ended(id)
    await evaluations.sweep()
    const [again] = await kept()
    expect(Number(again?.score)).toBeGreaterThan(Number(failed?.score))
    expect(await kept()).toHaveLength(1)
  })

  test('in which no agent did anything is looked at once and has no grade', async () => {
    const id = await ran('nothing')
    expect(await evaluations.sweep()).toBe(1)
    expect(await evaluations.sweep()).toBe(0)
    expect(await kept()).toMatchObject([{workflow_id: id, score: null}])
    expect(await evaluations.report(id)).toEqual({kind: 'empty', run: id, workflow: 'nothing'})
    expect(await evaluations.report()).toEqual({kind: 'none'})
  })
})

describe('a report', () => {
  test('compares with the runs before it, and tells a regression', async () => {
    for (let n = 0; n < 6; n++) await ran('docs')
    broken = true
    const id = await ran('docs')
    await evaluations.sweep()
    const report = await evaluations.report(id)
    if (report.kind !== 'evaluated') throw new Error(report.kind)
    expect(report).toMatchObject({
      status: 'failed',
      evaluation: {grade: 'FAIR'},
      regression: {detected: true},
    })
    expect(report.regression.baseline?.runs).toBe(5)
    expect(report.regression.details.join(' ')).toMatch(
      /score fell from 9\d\.\d to .* success rate fell from 100 % to 50 %/,
    )
    expect(await evaluations.report()).toEqual(report)
  })

  test('of the first of its kind has nothing to compare with', async () => {
    expect(await evaluations.report(await ran('docs'))).toMatchObject({
      kind: 'evaluated',
      regression: {detected: false, baseline: null},
    })
  })

  test('of what still runs, or is not there, says so', async () => {
    const {id} = await app.workflows.start({workflow: 'gated', input: null})
    expect(await evaluations.report(id)).toMatchObject({kind: 'open', workflow: 'gated'})
    expect(await evaluations.report('wf-none')).toEqual({kind: 'unknown'})
  })
})

test('a scorecard sums what an agent did in thirty days', async () => {
  await ran('docs')
  broken = true
  await ran('docs')
  await evaluations.sweep()
  const cards = await evaluations.scorecards()
  expect([...cards.keys()]).toEqual(['tester'])
  expect(cards.get('tester')).toMatchObject({tasks: 4, successRate: 0.75})
  expect(cards.get('tester')?.score).toBeLessThan(90)
  later = 31 * 86_400_000
  expect((await evaluations.scorecards()).size).toBe(0)
})

test('what got worse since the period before is named, and nothing else', async () => {
  await ran('docs')
  await ran('docs')
  await evaluations.sweep()
  await app.pool.query(`update evaluations set completed_at = completed_at - interval '1 day'`)
  broken = true
  await ran('docs')
  await ran('docs')
  await evaluations.sweep()
  expect(await evaluations.worsened(86_400_000 / 2)).toEqual([])
  expect(await evaluations.worsened(86_400_000)).toMatchObject([
    {
      name: 'docs',
      slower: false,
      worse: true,
      before: {runs: 2, successRate: 1},
      now: {runs: 2, successRate: 0.5},
    },
  ])
})
