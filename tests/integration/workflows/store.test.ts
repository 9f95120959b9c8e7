import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterEach, beforeEach, expect, test} from 'vitest'
import type pg from 'pg'
import {createPool} from '../../../src/platform/postgres.ts'
import type {Commit} from '../../../src/workflows/commit-store.ts'
import type {Performer} from '../../../src/workflows/effect-store.ts'
import type {Delivery} from '../../../src/workflows/inbox-store.ts'
import type {Message} from '../../../src/workflows/run.ts'
import {createWorkflowStore} from '../../../src/workflows/store.ts'
import {createTestDatabase, type TestDatabase} from '../../support/database.ts'

const MARK = randomUUID()
const trying = () => ({compensation: false, mark: randomUUID()})

let database: TestDatabase
let pool: pg.Pool

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
})

afterEach(async () => {
  await pool.end()
  await database.drop()
})

const standing = {
  status: 'running' as const,
  step: 'a',
  waitingFor: undefined,
  result: null,
  error: undefined,
  total: 1,
  completed: 0,
  failed: 0,
  percentage: 0,
  parked: undefined,
}
const begun = [{is: 'begun' as const, size: 1, at: 1_000}]

/** The store of an instance that lives, with a run of its own. */
async function withRun(id = 'wf-1') {
  const store = createWorkflowStore({pool, instance: 'me'})
  await store.renew(60_000)
  await store.pin('hash', 'test', {name: 'test'})
  const run = {
    id,
    workflow: 'test',
    definition: 'hash',
    correlationId: id,
    input: null,
    agents: [],
    metadata: {},
  }
  expect(await store.create(run, {facts: begun, standing})).toBe(true)
  return store
}

const commitOf = (more: Partial<Commit> = {}): Commit => ({
  id: 'wf-1',
  fence: 1,
  inbox: 0,
  seq: 2,
  facts: [{is: 'started', path: 'a', n: 1, where: 'here', at: 2_000}],
  standing,
  asked: undefined,
  ...more,
})

const signal: Message = {kind: 'signal', id: 's', name: 'go', payload: null, at: 1}
const order = (how: 'pause' | 'cancel'): Delivery => ({
  run: 'wf-1',
  messageId: how,
  message: {kind: how, id: how, by: 'ada', at: 1},
  allowedWhen: ['running'],
  stop: how,
})

/** Alone, and in one statement with another run's commit. */
const ways = ['alone', 'with others'] as const

async function commit(
  store: ReturnType<typeof createWorkflowStore>,
  way: (typeof ways)[number],
  what: Commit,
): Promise<boolean> {
  const others = way === 'alone' ? [] : [store.commit(commitOf({id: 'wf-none'}))]
  const [{moved} = {moved: undefined}] = await Promise.all([store.commit(what), ...others])
  return moved === true
}

test.each(ways)('a commit %s is refused while there is a message it did not decide upon', async way => {
  const store = await withRun()
  const other = createWorkflowStore({pool, instance: 'other'})
  const told = await other.deliver(
    {run: 'wf-1', messageId: 's', message: signal, allowedWhen: ['running']},
    {claim: true},
  )
  expect(told).toEqual({outcome: 'delivered', owner: 'me'})
  expect(await commit(store, way, commitOf())).toBe(false)
  expect(await store.messages('wf-1', 0)).toEqual([signal])
  expect(await commit(store, way, commitOf({inbox: 1}))).toBe(true)
  expect((await store.journalSince('wf-1', 0)).map(({seq, at, facts}) => ({seq, at, facts}))).toEqual([
    {seq: 1, at: 1_000, facts: begun},
    {seq: 2, at: 2_000, facts: commitOf().facts},
  ])
})

test.each(ways)('a commit %s is refused once the run was taken over', async way => {
  const store = await withRun()
  const other = createWorkflowStore({pool, instance: 'other'})
  expect(await other.claim(['wf-1'])).toEqual([])
  await pool.query(
    `update workflow_owners set expires_at = now() - interval '1 second' where instance = 'me'`,
  )
  expect(await other.claim(['wf-1'])).toMatchObject([{id: 'wf-1', fence: 2, journal: [begun], messages: []}])
  expect(await commit(store, way, commitOf())).toBe(false)
  expect(await commit(store, way, commitOf({fence: 2}))).toBe(false)
})

test('a message counts once, and only when the run stands as it needs it to', async () => {
  const store = await withRun()
  const told = () => store.deliver(order('pause'), {claim: false})
  expect(await told()).toMatchObject({outcome: 'delivered'})
  expect(await told()).toMatchObject({outcome: 'repeated'})
  expect(await store.deliver(order('cancel'), {claim: false})).toMatchObject({
    outcome: 'refused',
    standing: 'held',
  })
  expect(await store.deliver({...order('pause'), run: 'wf-none'}, {claim: false})).toEqual({
    outcome: 'unknown',
  })
})

test.each([
  ['the owner', {kind: 'owner', instance: 'me', fence: 1}],
  ['who carries an attempt out for it', {kind: 'attempt', holder: MARK}],
] satisfies [string, Performer][])(
  'a stop is acknowledged only after an effect that %s is about to begin has begun',
  async (_who, by) => {
    await withRun()
    await pool.query(
      `insert into workflow_attempts (workflow_id, path, attempt, call, holder) values ('wf-1', 'a', 1, '{}', $1)`,
      [MARK],
    )
    const key = {run: 'wf-1', path: 'a', attempt: 1, name: 'note'}
    const client = await pool.connect()
    try {
      // An effect whose row is not committed yet, for longer than any statement takes.
      const beginning = createWorkflowStore({pool: client as unknown as pg.Pool, instance: 'me'})
      await client.query('begin')
      expect(await beginning.beginEffect(key, by, trying())).toEqual({kind: 'begun'})
      let acknowledged = false
      const stopping = createWorkflowStore({pool, instance: 'other'})
        .deliver(order('cancel'), {claim: false})
        .then(() => (acknowledged = true))
      await sleep(200)
      expect(acknowledged).toBe(false)
      await client.query('commit')
      await stopping
    } finally {
      client.release()
    }
    const store = createWorkflowStore({pool, instance: 'me'})
    expect(await store.beginEffect({...key, name: 'next'}, by, trying())).toEqual({kind: 'refused'})
    expect(await store.beginEffect({...key, name: 'undo'}, by, {...trying(), compensation: true})).toEqual({
      kind: 'begun',
    })
  },
)

test('an effect is begun once: later tries are told what it came to, or that nobody knows', async () => {
  const store = await withRun()
  const key = {run: 'wf-1', path: 'a', attempt: 1, name: ''}
  const me = {kind: 'owner', instance: 'me', fence: 1} as const
  const begin = () => store.beginEffect(key, me, trying())
  const tries = await Promise.all([begin(), begin(), begin()])
  expect(tries.filter(({kind}) => kind === 'begun')).toHaveLength(1)
  expect(await begin()).toEqual({kind: 'uncertain'})
  await store.finishEffect(key, {n: 1})
  expect(await begin()).toEqual({kind: 'done', result: {n: 1}})
  expect(
    await store.beginEffect({...key, attempt: 2}, {kind: 'owner', instance: 'me', fence: 2}, trying()),
  ).toEqual({
    kind: 'refused',
  })
})

test('a try whose answer was lost has begun what it began, and no other try has', async () => {
  const store = await withRun()
  const key = {run: 'wf-1', path: 'a', attempt: 1, name: ''}
  const me = {kind: 'owner', instance: 'me', fence: 1} as const
  const lost = trying()
  expect(await store.beginEffect(key, me, lost)).toEqual({kind: 'begun'})
  expect(await store.beginEffect(key, me, lost)).toEqual({kind: 'begun'})
  expect(await store.beginEffect(key, me, trying())).toEqual({kind: 'uncertain'})
})
