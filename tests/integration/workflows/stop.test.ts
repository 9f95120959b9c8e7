import {setTimeout as sleep} from 'node:timers/promises'
import {afterEach, beforeEach, expect, test} from 'vitest'
import type pg from 'pg'
import {createPool} from '../../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../../support/database.ts'
import {
  actionsOf,
  aPlan,
  aStep,
  doing,
  openWorkflows,
  until,
  type TestAction,
  type TestWorkflows,
} from '../../support/workflows.ts'

let database: TestDatabase
let pool: pg.Pool
let opened: TestWorkflows[]

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  opened = []
})

afterEach(async () => {
  await Promise.all(opened.map(each => each.close()))
  await pool.end()
  await database.drop()
})

/** Deaf to its signal, it begins one effect after the other until one is refused. */
const stubborn: TestAction = async (_request, {effect}) => {
  for (let n = 0; n < 200; n++) {
    await effect(`e${n}`, {run: async () => null})
    if (Math.random() < 0.3) await sleep(Math.random() * 3)
  }
}

async function open(agents: readonly string[]): Promise<TestWorkflows> {
  const app = await openWorkflows(database.url, {
    plans: [
      aPlan('here', [aStep('only', doing('stubborn'))]),
      aPlan('far', [aStep('only', doing('stubborn', {agent: 'far'}))]),
    ],
    actions: actionsOf({stubborn}, agents),
  })
  opened.push(app)
  return app
}

async function effects(run: string): Promise<number> {
  const {rows} = await pool.query<{n: number}>(
    'select count(*)::int as n from workflow_effects where workflow_id = $1',
    [run],
  )
  return rows[0]?.n ?? 0
}

/** Stops a run after a random moment; answers how many effects had begun when that was acknowledged, and in the end. */
async function race(
  {workflows}: TestWorkflows,
  workflow: string,
  how: 'pause' | 'cancel',
): Promise<{readonly acknowledged: number; readonly inTheEnd: number}> {
  const {id} = await workflows.start({workflow, input: null})
  if (workflow === 'far') await until(async () => (await effects(id)) > 0)
  await sleep(Math.random() * 15)
  await workflows[how](id, {by: 'ada'})
  const acknowledged = await effects(id)
  if (how === 'cancel') await workflows.ended(id)
  else await sleep(30)
  return {acknowledged, inTheEnd: await effects(id)}
}

test.each(['cancel', 'pause'] as const)(
  'after a %s is acknowledged no effect begins, at whatever moment it comes',
  async how => {
    const app = await open(['tester'])
    let begun = 0
    for (let batch = 0; batch < 15; batch++) {
      const races = await Promise.all(Array.from({length: 20}, () => race(app, 'here', how)))
      for (const {acknowledged, inTheEnd} of races) expect(inTheEnd).toBe(acknowledged)
      begun += races.reduce((sum, {inTheEnd}) => sum + inTheEnd, 0)
    }
    // Where little began, little was proved.
    expect(begun).toBeGreaterThan(100)
  },
)

test('neither does one in the process that carries out an attempt for the run', async () => {
  const owner = await open(['tester'])
  const far = await open(['far'])
  far.serve('far')
  let begun = 0
  for (let batch = 0; batch < 2; batch++) {
    const races = await Promise.all(Array.from({length: 25}, () => race(owner, 'far', 'cancel')))
    for (const {acknowledged, inTheEnd} of races) expect(inTheEnd).toBe(acknowledged)
    begun += races.reduce((sum, {inTheEnd}) => sum + inTheEnd, 0)
  }
  expect(begun).toBeGreaterThan(50)
})
