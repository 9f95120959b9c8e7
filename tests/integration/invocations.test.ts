import {randomUUID} from 'node:crypto'
import type pg from 'pg'
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import {createCancellation} from '../../src/deployments/cancellation.ts'
import type {NewInvocation} from '../../src/invocations/invocation.ts'
import {createInvocations} from '../../src/invocations/service.ts'
import {createInvocationStore, type EndedCommand, type InvocationStore} from '../../src/invocations/store.ts'
import {createReplyStore} from '../../src/notifications/store.ts'
import type {OutboxEntry} from '../../src/platform/outbox.ts'
import {createPool} from '../../src/platform/postgres.ts'
import type {Queues} from '../../src/platform/queue.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

let database: TestDatabase
let pool: pg.Pool
let store: InvocationStore

beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
})
beforeEach(async () => {
  await pool.query('truncate invocations, replies, outbox cascade')
  // One of its own for each test, as for each process.
  store = createInvocationStore({pool})
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

function aCommand(given: Partial<NewInvocation> = {}): NewInvocation {
  const id = randomUUID()
  return {
    id,
    source: 'discord',
    sourceId: `interaction-${id}`,
    command: 'deploy-client',
    options: {target: 'client'},
    actor: {kind: 'discord', id: '1', name: 'ada'},
    agent: 'deploy_client',
    action: 'deploy',
    reply: {
      target: {kind: 'channel', channelId: '5'},
      view: {state: 'running', title: 'deploy of client · queued'},
    },
    ...given,
  }
}

const recorded = async (given: Partial<NewInvocation> = {}) => {
  const command = aCommand(given)
  expect((await store.record(command)).kind).toBe('recorded')
  return command
}
const count = async (table: 'invocations' | 'outbox' | 'replies') =>
  (await pool.query<{n: number}>(`select count(*)::int as n from ${table}`)).rows[0]?.n
const statusOf = async (id: string) =>
  (await pool.query<{status: string}>('select status from invocations where id = $1', [id])).rows[0]?.status
const viewOf = async (id: string) =>
  (
    await pool.query<{view: {title: string}; version: number}>(
      'select view, version from replies where id = $1',
      [id],
    )
  ).rows[0]

describe('recording a command', () => {
  test('commits the command, its message and its job together', async () => {
    const command = await recorded()
    const {rows} = await pool.query('select queue, name, job_id, data from outbox')
    expect(rows).toEqual([
      {
        queue: 'agent-deploy_client',
        name: 'deploy',
        job_id: `invocation-${command.id}`,
        data: {id: command.id},
      },
    ])
    expect(await viewOf(command.id)).toMatchObject({view: command.reply?.view, version: 1})
  })

  test('relays the very job that it committed, so that the sweep repeats the same one', async () => {
    const relayed: OutboxEntry[] = []
    const invocations = createInvocations({
      store,
      outbox: {relay: entries => void relayed.push(...entries)},
      queues: {addMany: async () => undefined},
      lostAfterMs: 10_000,
      clock: Date.now,
    })
    await invocations.accept(aCommand())
    const {rows} = await pool.query('select id as "outboxId", queue, name, job_id as id, data from outbox')
    expect(relayed).toEqual(rows)
  })

  test('the same interaction twice at once is one command, and the other hears which', async () => {
    const commands = Array.from({length: 8}, () => aCommand({sourceId: 'interaction-1'}))
    const outcomes = await Promise.all(commands.map(command => store.record(command)))
    const [first, ...others] = commands.filter((_, i) => outcomes[i]?.kind === 'recorded')
    expect(others).toEqual([])
    expect(outcomes.filter(each => each.kind === 'duplicate').map(each => 'id' in each && each.id)).toEqual(
      Array(7).fill(first?.id),
    )
    expect([await count('invocations'), await count('outbox'), await count('replies')]).toEqual([1, 1, 1])
  })

  test('the same interaction through two processes at once is one command', async () => {
    const other = createInvocationStore({pool})
    for (let round = 0; round < 20; round++) {
      const sourceId = `interaction-${round}`
      const outcomes = await Promise.all([store, other].map(each => each.record(aCommand({sourceId}))))
      expect(outcomes.map(outcome => outcome.kind).sort()).toEqual(['duplicate', 'recorded'])
    }
    expect(await count('outbox')).toBe(20)
  })

  test('one that Postgres can’t store sinks alone, not those recorded at the same time', async () => {
    const commands = [aCommand(), aCommand({options: {target: 'zero \u0000'}}), aCommand(), aCommand()]
    const outcomes = await Promise.allSettled(commands.map(command => store.record(command)))
    expect(outcomes.map(outcome => outcome.status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ])
    expect(await count('invocations')).toBe(3)
    expect(await count('outbox')).toBe(3)
  })
})

describe('joining', () => {
  const join = {key: 'ada deploy-client {}', withinMs: 10_000}

  test('of the same command ten times at once, one is recorded and nine join it', async () => {
    const commands = Array.from({length: 10}, () => aCommand({join}))
    const outcomes = await Promise.all(commands.map(command => store.record(command)))
    const leading = commands.find((_, i) => outcomes[i]?.kind === 'recorded')
    expect(outcomes.filter(each => each.kind === 'joined').map(each => 'id' in each && each.id)).toEqual(
      Array(9).fill(leading?.id),
    )
    expect(await count('outbox')).toBe(1)
  })

  test('the interaction that was recorded, delivered again, is a repetition and no second click', async () => {
    const command = await recorded({join})
    expect(await store.record(aCommand({join, sourceId: command.sourceId}))).toEqual({
      kind: 'duplicate',
      id: command.id,
    })
  })

  test('another key is another command', async () => {
    await recorded({join})
    expect((await store.record(aCommand({join: {...join, key: 'bob deploy-client {}'}}))).kind).toBe(
      'recorded',
    )
  })

  test('a first one that succeeded within the time is joined: it is the same wish', async () => {
    const first = await recorded({join})
    await store.end(first.id, {status: 'succeeded'})
    expect(await store.record(aCommand({join}))).toEqual({kind: 'joined', id: first.id})
  })

  test.each(['failed', 'cancelled'] as const)(
    'a first one that %s is not joined: trying again is the point',
    async status => {
      const first = await recorded({join})
      await store.end(first.id, {status})
      expect((await store.record(aCommand({join}))).kind).toBe('recorded')
    },
  )

  test('a first one longer ago than the time is not joined, even while it runs', async () => {
    const first = await recorded({join})
    await pool.query(`update invocations set created_at = now() - interval '10.1 seconds' where id = $1`, [
      first.id,
    ])
    expect((await store.record(aCommand({join}))).kind).toBe('recorded')
  })
})

describe('claiming', () => {
  test('counts attempts, and gives nothing out that is over', async () => {
    const {id} = await recorded()
    expect(await store.claim(id)).toMatchObject({id, status: 'running', attempt: 1})
    expect(await store.claim(id)).toMatchObject({attempt: 2})
    await store.end(id, {status: 'succeeded'})
    expect(await store.claim(id)).toBeUndefined()
    expect(await store.claim(randomUUID())).toBeUndefined()
  })

  test('gives nothing out that a deployment carries on', async () => {
    const {id} = await recorded()
    expect(await store.followWithin(pool, id)).toBe(true)
    expect(await store.claim(id)).toBeUndefined()
    expect(await store.followWithin(pool, id)).toBe(false)
  })

  test('many at once each get their own', async () => {
    const commands = await Promise.all(Array.from({length: 30}, () => recorded()))
    const ended = commands[7]
    if (ended) await store.end(ended.id, {status: 'cancelled'})
    const claimed = await Promise.all(commands.map(({id}) => store.claim(id)))
    expect(claimed.map(each => each?.id)).toEqual(commands.map(({id}) => (id === ended?.id ? undefined : id)))
  })
})

describe('ending', () => {
  test('happens once: the first end stands, with its message, and later ones are told so', async () => {
    const {id} = await recorded()
    expect(await store.end(id, {status: 'succeeded', result: {run: 1}}, {state: 'ok', title: 'done'})).toBe(
      true,
    )
    expect(await store.end(id, {status: 'failed'}, {state: 'error', title: 'failed'})).toBe(false)
    expect(await store.endWithin(pool, id, {status: 'cancelled'})).toBeUndefined()
    expect(await statusOf(id)).toBe('succeeded')
    expect(await viewOf(id)).toMatchObject({view: {title: 'done'}, version: 2})
  })

  test('by two processes at once has one winner, whose message it is', async () => {
    const other = createInvocationStore({pool})
    for (let round = 0; round < 20; round++) {
      const {id} = await recorded()
      const [success, failure] = await Promise.all([
        store.end(id, {status: 'succeeded'}, {state: 'ok', title: 'succeeded'}),
        other.end(id, {status: 'failed'}, {state: 'error', title: 'failed'}),
      ])
      expect([success, failure].filter(Boolean)).toHaveLength(1)
      expect(await statusOf(id)).toBe(success ? 'succeeded' : 'failed')
      expect((await viewOf(id))?.view.title).toBe(await statusOf(id))
    }
  })

  test('of one command twice at the same moment in one process has one winner too', async () => {
    for (let round = 0; round < 20; round++) {
      const {id} = await recorded()
      const outcomes = await Promise.all([
        store.end(id, {status: 'succeeded'}, {state: 'ok', title: 'succeeded'}),
        store.end(id, {status: 'failed'}, {state: 'error', title: 'failed'}),
        store.end(id, {status: 'cancelled'}, {state: 'other', title: 'cancelled'}),
      ])
      expect(outcomes.filter(Boolean)).toHaveLength(1)
      const winner = (['succeeded', 'failed', 'cancelled'] as const)[outcomes.indexOf(true)]
      expect(await statusOf(id)).toBe(winner)
      expect((await viewOf(id))?.view.title).toBe(winner)
    }
  })

  test('of many at once each says its own last word', async () => {
    const commands = await Promise.all(Array.from({length: 30}, () => recorded()))
    const outcomes = await Promise.all(
      commands.map(({id}, i) =>
        store.end(id, {status: 'succeeded', result: {i}}, {state: 'ok', title: `done ${i}`}),
      ),
    )
    expect(outcomes.every(Boolean)).toBe(true)
    for (const [i, {id}] of commands.entries()) expect((await viewOf(id))?.view.title).toBe(`done ${i}`)
  })

  test('inside a transaction that fails has not happened', async () => {
    const {id} = await recorded()
    const client = await pool.connect()
    await client.query('begin')
    expect(await store.endWithin(client, id, {status: 'cancelled'})).toEqual({
      command: 'deploy-client',
      status: 'cancelled',
      tookMs: expect.any(Number) as number,
    })
    await client.query('rollback')
    client.release()
    expect(await statusOf(id)).toBe('queued')
  })
})

describe('stopping a command that nobody has begun', () => {
  test('ends it, once, and the metrics hear of that end', async () => {
    const {id} = await recorded()
    const ends: EndedCommand[] = []
    const cancellation = createCancellation({
      pool,
      policy: {admin: {userIds: [], roleIds: []}, principals: [], rules: new Map()},
      invocations: store,
      replies: createReplyStore({pool}),
      deployments: undefined,
      carriers: [{cancel: async () => undefined}],
      queues: {remove: async () => 'absent'} as unknown as Queues,
      notify: async () => undefined,
      observeEnd: ended => void ends.push(ended),
    })
    const ada = {kind: 'discord', id: '1', name: 'ada'} as const
    expect(await cancellation.cancel(id, ada)).toEqual({kind: 'cancelled'})
    expect(await cancellation.cancel(id, ada)).toMatchObject({kind: 'already-ended'})
    expect(ends).toEqual([
      {command: 'deploy-client', status: 'cancelled', tookMs: expect.any(Number) as number},
    ])
    expect(ends[0]?.tookMs).toBeGreaterThan(0)
    expect(await statusOf(id)).toBe('cancelled')
  })
})

describe('finding', () => {
  test('works by id and by its beginning, but not by a beginning that two share', async () => {
    const one = await recorded({id: '11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa'})
    await recorded({id: '22222222-aaaa-4aaa-8aaa-aaaaaaaaaaaa'})
    await recorded({id: '22222222-bbbb-4aaa-8aaa-aaaaaaaaaaaa'})
    expect(await store.find(one.id)).toMatchObject({id: one.id, command: 'deploy-client', status: 'queued'})
    expect((await store.find('11111111'))?.id).toBe(one.id)
    expect(await store.find('22222222')).toBeUndefined()
    expect(await store.find('33333333')).toBeUndefined()
    expect(await store.find("%' or 1=1 --")).toBeUndefined()
  })

  test('what is open, newest first, leaves out what has ended', async () => {
    const first = await recorded()
    const second = await recorded()
    const ended = await recorded()
    await store.end(ended.id, {status: 'failed'})
    expect((await store.open()).map(each => each.id)).toEqual([second.id, first.id])
  })
})
