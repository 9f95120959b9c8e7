import {randomUUID} from 'node:crypto'
import {afterAll, afterEach, beforeAll, beforeEach, expect, test} from 'vitest'
import {systemClock} from '../../../src/kernel/clock.ts'
import {createInvocationStore, type EndedCommand} from '../../../src/invocations/store.ts'
import {createReplyStore} from '../../../src/notifications/store.ts'
import {silentLogger} from '../../../src/platform/logger.ts'
import {createFollowers, type Followers} from '../../../src/workflows/followers.ts'
import {createFollowerStore} from '../../../src/workflows/follower-store.ts'
import {createTestDatabase, type TestDatabase} from '../../support/database.ts'
import {
  actionsOf,
  aPlan,
  aStep,
  doing,
  inSequence,
  openWorkflows,
  waitingForSignal,
  type TestWorkflows,
} from '../../support/workflows.ts'

const GATED = aPlan('gated', inSequence(aStep('first', doing('work')), aStep('gate', waitingForSignal('go'))))
const FAILING = aPlan('failing', [aStep('only', doing('break'))])

let database: TestDatabase
let app: TestWorkflows
let ends: EndedCommand[]
let notified: string[]
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())
beforeEach(async () => {
  ends = []
  notified = []
  app = await openWorkflows(database.url, {
    plans: [GATED, FAILING],
    actions: actionsOf({
      work: async () => 'done',
      async break() {
        throw new Error('it broke')
      },
    }),
  })
})
afterEach(() => app.close())

/** One process's worth. */
function followers(): Followers {
  const {pool} = app
  return createFollowers({
    pool,
    store: createFollowerStore({pool}),
    workflows: () => app.workflows,
    invocations: createInvocationStore({pool}),
    replies: createReplyStore({pool}),
    notify: async id => void notified.push(id),
    observeEnd: ended => void ends.push(ended),
    redact: text => text,
    clock: systemClock,
    log: silentLogger,
  })
}

async function aCommand(): Promise<string> {
  const id = randomUUID()
  await createInvocationStore({pool: app.pool}).record({
    id,
    source: 'discord',
    sourceId: id,
    command: 'workflow',
    options: {},
    actor: {kind: 'discord', id: '1', name: 'ada'},
    agent: 'workflow_runner',
    action: 'tell',
    reply: {target: {kind: 'channel', channelId: '1'}, view: {state: 'running', title: 'queued'}},
  })
  return id
}

async function standing(id: string) {
  const {rows} = await app.pool.query<{
    status: string
    title: string
    closing: string | null
    version: number
  }>(
    `select i.status, r.view ->> 'title' as title, r.closing ->> 'title' as closing, r.version
     from invocations i join replies r using (id) where id = $1`,
    [id],
  )
  return rows[0]
}

test('the message follows the run, and both end together, once, however many sweep', async () => {
  const [one, other] = [followers(), followers()]
  const id = await aCommand()
  const {id: run} = await app.workflows.start({workflow: 'gated', input: {}})
  await one.follow(id, run)
  await expect
    .poll(async () => (await one.sweep(), standing(id)))
    .toMatchObject({
      status: 'following',
      title: 'gated · waits for go',
      closing: null,
    })
  // Nothing new: nothing is written.
  const {version} = (await standing(id)) ?? {version: 0}
  expect(await Promise.all([one.sweep(), other.sweep()])).toEqual([0, 0])
  expect((await standing(id))?.version).toBe(version)

  await app.workflows.signal(run, {id: 'now', name: 'go'})
  await app.workflows.ended(run)
  await Promise.all(Array.from({length: 10}, (_, n) => (n % 2 === 0 ? one : other).sweep()))
  expect(await standing(id)).toMatchObject({
    status: 'succeeded',
    title: expect.stringMatching(/^gated · done after/) as string,
    closing: expect.stringMatching(/^gated · done after/) as string,
    version: version + 1,
  })
  expect(ends).toEqual([{command: 'workflow', status: 'succeeded', tookMs: expect.any(Number) as number}])
  expect(await one.sweep()).toBe(0)
})

test('what nobody told when the run ended is told by whoever sweeps next', async () => {
  const id = await aCommand()
  const {id: run} = await app.workflows.start({workflow: 'failing', input: {}})
  // As a worker that died right after the run had begun to carry the command on.
  await app.pool.query(`update invocations set status = 'following' where id = $1`, [id])
  await app.pool.query('insert into workflow_followers (invocation_id, workflow_id) values ($1, $2)', [
    id,
    run,
  ])
  await app.workflows.ended(run)
  await followers().sweep()
  expect(await standing(id)).toMatchObject({status: 'failed'})
  expect(notified).toEqual([id])
})

test('following again changes nothing, and a command that was cancelled meanwhile is not followed', async () => {
  const {id: run} = await app.workflows.start({workflow: 'gated', input: {}})
  const id = await aCommand()
  await followers().follow(id, run)
  await followers().follow(id, run)
  expect((await standing(id))?.status).toBe('following')

  const cancelled = await aCommand()
  await app.pool.query(`update invocations set status = 'cancelled', ended_at = now() where id = $1`, [
    cancelled,
  ])
  await followers().follow(cancelled, run)
  expect(await createFollowerStore({pool: app.pool}).runOf(cancelled)).toBeUndefined()
})

test('cancelling a command cancels its run, and says when there is nothing to cancel', async () => {
  const id = await aCommand()
  const {id: run} = await app.workflows.start({workflow: 'gated', input: {}})
  const all = followers()
  expect(await all.cancel(id, 'ada')).toBeUndefined()
  await all.follow(id, run)
  expect(await all.cancel(id, 'ada')).toBe('stopping')
  expect(await app.workflows.ended(run)).toBe('cancelled')
  expect(await all.cancel(id, 'ada')).toBeUndefined()
  await all.sweep()
  expect(await standing(id)).toMatchObject({status: 'cancelled'})
})

test('a retry of an ended run does not take the ended command up again', async () => {
  const all = followers()
  const [first, second] = [await aCommand(), await aCommand()]
  const {id: run} = await app.workflows.start({workflow: 'failing', input: {}})
  await all.follow(first, run)
  await app.workflows.ended(run)
  await all.sweep()
  const before = await standing(first)
  await app.workflows.retry(run, {by: 'ada', id: second})
  await all.follow(second, run)
  await app.workflows.ended(run)
  await all.sweep()
  expect(await standing(first)).toEqual(before)
  expect(await standing(second)).toMatchObject({status: 'failed'})
})

test('who followed a run is forgotten with it', async () => {
  const id = await aCommand()
  const {id: run} = await app.workflows.start({workflow: 'failing', input: {}})
  await followers().follow(id, run)
  await app.workflows.ended(run)
  await followers().sweep()
  const {runOf} = createFollowerStore({pool: app.pool})
  expect(await app.workflows.forgetOld()).toBe(0)
  expect(await runOf(id)).toBe(run)
  await app.pool.query(
    `update workflow_state set completed_at = completed_at - interval '40 days' where workflow_id = $1`,
    [run],
  )
  expect(await app.workflows.forgetOld()).toBe(1)
  expect(await runOf(id)).toBeUndefined()
})
