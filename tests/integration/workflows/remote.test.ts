import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterEach, beforeEach, expect, test} from 'vitest'
import type pg from 'pg'
import {createPool} from '../../../src/platform/postgres.ts'
import {systemClock} from '../../../src/kernel/clock.ts'
import {createAttemptRunner, createAttemptSweep} from '../../../src/worker/workflow-attempts.ts'
import type {AttemptEnd} from '../../../src/workflows/actions.ts'
import {jobId} from '../../../src/workflows/asked.ts'
import {createTestDatabase, type TestDatabase} from '../../support/database.ts'
import {
  actionsOf,
  aPlan,
  aStep,
  createLedger,
  doing,
  ledgerOf,
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
  await createLedger(pool)
  opened = []
})

afterEach(async () => {
  await Promise.all(opened.map(each => each.close()))
  await pool.end()
  await database.drop()
})

const far = aPlan('far', [aStep('only', doing('note', {agent: 'far', input: 'far' as never}))])
const note: TestAction = async ({input}, {effect}) =>
  effect('note', {
    async run() {
      await pool.query('insert into ledger (what) values ($1)', [input as string])
      await sleep(100)
      return input
    },
  })

async function open(agents: readonly string[], table: Readonly<Record<string, TestAction>> = {}) {
  const app = await openWorkflows(database.url, {plans: [far], actions: actionsOf({note, ...table}, agents)})
  opened.push(app)
  return app
}

/** Starts a run whose one attempt is left to another process; resolves when its job is in the queue. */
async function sent(app: TestWorkflows): Promise<{readonly id: string; readonly job: string}> {
  const {id} = await app.workflows.start({workflow: 'far', input: null})
  await until(async () => (await app.queues.counts('agent-far'))['waiting'] === 1, 'its job')
  return {id, job: jobId('attempt-1', id, 1, 'only')}
}

test('an attempt whose job the queue lost is sent again', async () => {
  const owner = await open(['tester'])
  const {id, job} = await sent(owner)
  expect(await owner.queues.remove('agent-far', job)).toBe('removed')
  const {serve} = await open(['far'])
  serve('far')
  const sweep = createAttemptSweep({...owner, silentMs: 500})
  expect(await sweep()).toBe(0)
  await sleep(600)
  expect(await Promise.all([sweep(), sweep()])).toContain(1)
  expect(await owner.workflows.ended(id)).toBe('completed')
  expect(await ledgerOf(pool)).toEqual(['far'])
  await sleep(600)
  expect(await sweep()).toBe(0)
})

test('knows the step that it is performed for', async () => {
  const owner = await open(['tester'])
  const {id} = await sent(owner)
  const {serve} = await open(['far'], {note: async (_request, {step}) => ({...step})})
  serve('far')
  expect(await owner.workflows.ended(id)).toBe('completed')
  const output = {run: id, path: 'only', undoes: false}
  expect(await owner.workflows.get(id)).toMatchObject({steps: [{output}]})
})

test('those of a paused run are not sent again, and neither are those that somebody is at', async () => {
  const owner = await open(['tester'])
  const sweep = createAttemptSweep({...owner, silentMs: 0})
  const {id} = await sent(owner)
  await owner.workflows.pause(id, {by: 'ada'})
  expect(await sweep()).toBe(0)
  await owner.workflows.resume(id, {by: 'ada'})
  const key = {run: id, path: 'only', attempt: 1}
  expect(await owner.store.hold(key, randomUUID(), 300)).toMatchObject({kind: 'held'})
  expect(await sweep()).toBe(0)
  await sleep(400)
  expect(await sweep()).toBe(1)
})

test('an attempt that is given out twice is carried out once, and whoever took it answers', async () => {
  const owner = await open(['tester'])
  const {id} = await sent(owner)
  const {store, workflows} = await open([])
  const answers: AttemptEnd[] = []
  const run = createAttemptRunner({
    store,
    workflows: {
      async answer(of, end) {
        answers.push(end)
        await workflows.answer(of, end)
      },
    },
    actions: actionsOf({note}, ['far']),
    clock: systemClock,
  })
  const job = {data: {run: id, path: 'only', attempt: 1}}
  const {signal} = new AbortController()
  await Promise.all([run(job, signal), run(job, signal), run(job, signal)])
  expect(answers).toMatchObject([{kind: 'attempt-succeeded', output: 'far'}])
  await run(job, signal)
  expect(answers).toHaveLength(1)
  expect(await owner.workflows.ended(id)).toBe('completed')
  expect(await ledgerOf(pool)).toEqual(['far'])
})

test('a process that leaves gives its attempt back: the next one goes on at once', async () => {
  const owner = await open(['tester'])
  const {id} = await sent(owner)
  const {store, workflows} = await open([])
  let tries = 0
  const run = createAttemptRunner({
    store,
    workflows,
    actions: actionsOf(
      {
        async note(_request, {signal}) {
          if (++tries > 1) return 'done'
          await sleep(10_000, undefined, {signal})
          return null
        },
      },
      ['far'],
    ),
    clock: systemClock,
  })
  const job = {data: {run: id, path: 'only', attempt: 1}}
  const leaving = new AbortController()
  const first = run(job, leaving.signal)
  await until(() => tries === 1)
  leaving.abort(new Error('shutting down'))
  await expect(first).rejects.toThrow('shutting down')
  await run(job, new AbortController().signal)
  expect(await owner.workflows.ended(id)).toBe('completed')
})

test('an effect of one that another took over is refused', async () => {
  const owner = await open(['tester'])
  const {id} = await sent(owner)
  const key = {run: id, path: 'only', attempt: 1}
  const [before, after] = [randomUUID(), randomUUID()]
  await owner.store.hold(key, before, 50)
  await sleep(100)
  expect(await owner.store.hold(key, after, 5_000)).toMatchObject({kind: 'held'})
  expect(await owner.store.hold(key, before, 5_000)).toEqual({kind: 'taken'})
  const begin = (holder: string) =>
    owner.store.beginEffect(
      {...key, name: 'note'},
      {kind: 'attempt', holder},
      {compensation: false, mark: randomUUID()},
    )
  expect(await begin(before)).toEqual({kind: 'refused'})
  expect(await begin(after)).toEqual({kind: 'begun'})
})

test('a cancelled run does not wait for an attempt that nobody has begun', async () => {
  const owner = await open(['tester'])
  const {id} = await sent(owner)
  const asked = Date.now()
  await owner.workflows.cancel(id, {by: 'ada'})
  expect(await owner.workflows.ended(id)).toBe('cancelled')
  expect(Date.now() - asked).toBeLessThan(3_000)
  // Its job comes too late.
  const {serve} = await open(['far'])
  serve('far')
  await until(async () => Object.values(await owner.queues.counts('agent-far')).some(Boolean))
  await sleep(500)
  expect(await ledgerOf(pool)).toEqual([])
})
