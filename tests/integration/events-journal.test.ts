import type pg from 'pg'
import {afterEach, beforeEach, expect, test} from 'vitest'
import type {Event} from '../../src/events/index.ts'
import {createPool, transaction} from '../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {openNode, type MemoryServer} from '../support/events.ts'
import {createMemoryServer} from '../support/memory-transport.ts'

let database: TestDatabase
let pool: pg.Pool
let server: MemoryServer
let closers: (() => Promise<unknown>)[]

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  server = createMemoryServer()
  closers = [() => database.drop(), () => pool.end()]
})
afterEach(async () => {
  for (const close of closers.reverse()) await close()
})

function open(id: string) {
  const node = openNode(server, {pool, id})
  closers.push(() => node.close())
  const heard: Event[] = []
  node.bus.subscribe('approval_required', 'collect', event => void heard.push(event))
  return {...node, heard, data: () => heard.map(event => event.data)}
}

const about = {source: 'approvals', correlationId: 'run-1'}
const unpublished = async () =>
  (await pool.query<{n: number}>('select count(*)::int as n from events where published_at is null')).rows[0]
    ?.n
const makeOld = () => pool.query(`update events set created_at = created_at - interval '1 minute'`)

test('an event of a transaction that rolled back was never there', async () => {
  const ada = open('ada')
  await expect(
    transaction(pool, async client => {
      await ada.journal.emitWithin(client, 'approval_required', 1, about)
      throw new Error('no')
    }),
  ).rejects.toThrow('no')
  expect(await ada.journal.history({correlationId: 'run-1'})).toEqual([])
  expect(ada.heard).toEqual([])
})

test('announced after the commit, it is heard everywhere once, and the sweep has nothing left to do', async () => {
  const [ada, lin] = [open('ada'), open('lin')]
  const event = await transaction(pool, client =>
    ada.journal.emitWithin(client, 'approval_required', 1, about),
  )
  expect(ada.heard).toEqual([])
  ada.journal.announce([event])
  await ada.journal.flush()
  expect(await unpublished()).toBe(0)
  await makeOld()
  expect(await lin.journal.sweep()).toBe(0)
  await expect.poll(lin.data).toEqual([1])
  expect(ada.data()).toEqual([1])
  expect(
    await ada.metric('event_bus_events_emitted_total', {
      event_type: 'approval_required',
      source: 'approvals',
    }),
  ).toBe(1)
})

test('what its writer never announced is told by whoever sweeps, in the order it was written, once', async () => {
  const [ada, lin, kim] = [open('ada'), open('lin'), open('kim')]
  await ada.journal.emitWithin(pool, 'approval_required', 0, about)
  // Its writer still has time to do it itself.
  expect(await lin.journal.sweep()).toBe(0)
  for (let n = 1; n < 450; n++) await ada.journal.emitWithin(pool, 'approval_required', n, about)
  await makeOld()
  const swept = await Promise.all([lin.journal.sweep(), kim.journal.sweep()])
  expect(swept.reduce((sum, each) => sum + each, 0)).toBe(450)
  const all = Array.from({length: 450}, (_, n) => n)
  for (const node of [ada, lin, kim])
    await expect.poll(() => [...node.data()].sort((a, b) => Number(a) - Number(b))).toEqual(all)
  expect(await unpublished()).toBe(0)
})

test('announced while the transport is away it waits in the table, and is told when the transport is back', async () => {
  const [ada, lin] = [open('ada'), open('lin')]
  server.stop()
  const event = await ada.journal.emitWithin(pool, 'approval_required', 1, about)
  ada.journal.announce([event])
  await ada.journal.flush()
  expect(ada.data()).toEqual([1])
  await makeOld()
  expect(await ada.journal.sweep()).toBe(0)
  expect(await unpublished()).toBe(1)
  server.start()
  expect(await ada.journal.sweep()).toBe(1)
  await expect.poll(lin.data).toEqual([1])
  expect(ada.data()).toEqual([1])
})

test('what was told while the transport had forgotten a process is read from the journal, the known left out', async () => {
  const [ada, lin] = [open('ada'), open('lin')]
  const tell = async (data: number) => {
    ada.journal.announce([await ada.journal.emitWithin(pool, 'approval_required', data, about)])
    await ada.journal.flush()
  }
  await tell(1)
  await expect.poll(lin.data).toEqual([1])
  server.stop()
  server.start({forgetful: true})
  server.remember('ada')
  // Ada told it to a transport that did not know lin.
  const event = await ada.journal.emitWithin(pool, 'approval_required', 2, about)
  await pool.query('update events set published_at = now() where event_id = $1', [event.event_id])
  server.remember('lin')
  await expect.poll(lin.data).toEqual([1, 2])
})

test('the history tells what happened under a correlation id, the fleeting too, the latest in order', async () => {
  const ada = open('ada')
  ada.requests.serve('reviewer', async () => 'secret result')
  ada.journal.announce([await ada.journal.emitWithin(pool, 'approval_required', {n: 1}, about)])
  await ada.bus.emit('task_completed', {n: 2}, about)
  await ada.bus.emit('task_completed', {n: 3}, {...about, correlationId: 'another'})
  await ada.requests.request({
    source_agent: 'planner',
    target_agent: 'reviewer',
    request_type: 'review_code',
    payload: {secret: 'payload'},
    correlation_id: 'run-1',
  })
  await ada.journal.flush()
  const events = await ada.journal.history({correlationId: 'run-1'})
  expect(events.map(event => event.event_type)).toEqual([
    'approval_required',
    'task_completed',
    'agent_response',
  ])
  expect(events[2]?.payload).toMatchObject({request_type: 'review_code', status: 'success'})
  expect(JSON.stringify(events)).not.toContain('secret')
  expect(await ada.journal.history({correlationId: 'run-1', limit: 1})).toEqual(events.slice(-1))
})

test('the history is bounded by age and by rows; what is not told yet stays', async () => {
  const ada = open('ada')
  for (let n = 0; n < 5; n++)
    ada.journal.remember({
      event_id: `6f1c1e5e-6a55-4f0e-9c0e-3f2f2a0b9a1${n}`,
      event_type: 'task_completed',
      source_agent: 'a',
      payload: n,
      timestamp: new Date(Date.now() - (n < 2 ? 8 * 24 * 3_600_000 : 0)).toISOString(),
      correlation_id: 'run-1',
    })
  await ada.journal.flush()
  await ada.journal.emitWithin(pool, 'approval_required', 'untold', about)
  await pool.query(`update events set created_at = now() - interval '9 days' where published_at is null`)
  expect(await ada.journal.forget()).toBe(2)
  const left = await ada.journal.history({correlationId: 'run-1'})
  expect(left.map(event => event.payload)).toEqual([2, 3, 4, 'untold'])
})
