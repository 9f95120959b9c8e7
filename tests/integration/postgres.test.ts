import pg from 'pg'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {
  afterCommit,
  createPool,
  isTransient,
  listen,
  SQLSTATE,
  sqlState,
  transaction,
} from '../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

let database: TestDatabase
let pool: pg.Pool
let poolErrors: Error[]
let closers: (() => Promise<unknown>)[]

beforeEach(async () => {
  database = await createTestDatabase()
  poolErrors = []
  pool = createPool({
    connectionString: database.url,
    applicationName: 'under test',
    onError: error => poolErrors.push(error),
  })
  closers = [() => database.drop(), () => pool.end()]
  await pool.query('create table things (id int primary key)')
})

afterEach(async () => {
  for (const close of closers.reverse()) await close()
})

/** What an administrator, a failover or a restart does to a connection. */
async function terminate(applicationName: string): Promise<void> {
  const admin = new pg.Client({connectionString: database.url})
  await admin.connect()
  await admin.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and datname = current_database()',
    [applicationName],
  )
  await admin.end()
}

const things = async (): Promise<unknown[]> =>
  (await pool.query<{id: number}>('select id from things order by id')).rows

test('a transaction commits all or nothing, and its answer comes back', async () => {
  await expect(
    transaction(
      pool,
      async client => (await client.query<{id: number}>('insert into things values (1) returning id')).rows,
    ),
  ).resolves.toEqual([{id: 1}])
  const failing = transaction(pool, async client => {
    await client.query('insert into things values (2)')
    throw new Error('changed my mind')
  })
  await expect(failing).rejects.toThrow('changed my mind')
  expect(await things()).toEqual([{id: 1}])
  expect(pool.idleCount).toBe(pool.totalCount)
})

test('a commit that waits for no answer takes all back when something fails, and lets nothing follow', async () => {
  const insert = (client: Pick<pg.PoolClient, 'query'>, id: number) =>
    client.query('insert into things values ($1) returning id', [id])
  const answered = transaction(pool, (client, commit) => commit(insert(client, 7), insert(client, 8)))
  await expect(answered).resolves.toMatchObject([{rows: [{id: 7}]}, {rows: [{id: 8}]}])
  const stays = [{id: 7}, {id: 8}]
  expect(await things()).toEqual(stays)

  const works: readonly [string, Parameters<typeof transaction>[1]][] = [
    ['nonsense', (client, commit) => commit(client.query('select nonsense'), insert(client, 9))],
    ['not sent', (client, commit) => commit(insert(client, 9), Promise.reject(new Error('not sent')))],
    ['had failed', (client, commit) => commit(Promise.allSettled([client.query('select nonsense')]))],
    ['after the commit', (client, commit) => commit(things().then(() => insert(client, 9)))],
  ]
  for (const [why, work] of works) {
    await expect(transaction(pool, work)).rejects.toThrow(why)
    expect(await things(), why).toEqual(stays)
  }
  expect(pool.idleCount).toBe(pool.totalCount)
})

test('hints go out after the commit, never after a rollback, and at once where there is nothing to wait for', async () => {
  const told: string[] = []
  await transaction(pool, async client => {
    afterCommit(client, () => told.push('committed'))
    afterCommit(pool, () => told.push('at once'))
    expect(told).toEqual(['at once'])
  })
  expect(told).toEqual(['at once', 'committed'])
  const failing = transaction(pool, async client => {
    afterCommit(client, () => told.push('rolled back'))
    await client.query('select nonsense')
  })
  await expect(failing).rejects.toThrow('nonsense')
  // The same connection, in another transaction.
  await transaction(pool, client => client.query('select 1'))
  expect(told).toEqual(['at once', 'committed'])
})

test('a client that broke in a transaction does not go back to the pool', async () => {
  const broken = transaction(pool, async client => {
    await client.query('insert into things values (1)')
    await terminate('under test')
    await client.query('insert into things values (2)')
  })
  const error: unknown = await broken.catch((thrown: unknown) => thrown)
  expect(isTransient(error)).toBe(true)
  expect(pool.totalCount).toBe(0)
  expect(await things()).toEqual([])
})

test('idle connections that break are reported and replaced', async () => {
  await pool.query('select 1')
  await terminate('under test')
  await expect.poll(() => poolErrors.length).toBe(1)
  expect(await things()).toEqual([])
})

test('transient errors are told apart from lasting ones', async () => {
  await pool.query('insert into things values (1)')
  const duplicate: unknown = await pool
    .query('insert into things values (1)')
    .catch((error: unknown) => error)
  expect(sqlState(duplicate)).toBe(SQLSTATE.UNIQUE_VIOLATION)
  expect(isTransient(duplicate)).toBe(false)

  const nobodyThere = new pg.Client({connectionString: 'postgres://x:y@127.0.0.1:1/z'})
  expect(isTransient(await nobodyThere.connect().catch((error: unknown) => error))).toBe(true)
  expect(isTransient(new Error('something else'))).toBe(false)
})

test('a listener hears its channels, whatever their names', async () => {
  const heard: string[] = []
  const listener = listen({
    connectionString: database.url,
    channels: ['replies', 'Odd "name"'],
    onNotify: (channel, payload) => heard.push(`${channel}: ${payload}`),
    onError: () => undefined,
  })
  closers.push(() => listener.close())
  await listener.ready
  await pool.query(`notify replies, 'one'`)
  await pool.query(`select pg_notify('Odd "name"', 'two')`)
  await pool.query(`notify others, 'three'`)
  await expect.poll(() => heard).toEqual(['replies: one', 'Odd "name": two'])
})

test('a listener comes back by itself and says so, so that its owner can read what it missed', async () => {
  const heard: string[] = []
  const errors: Error[] = []
  let began = 0
  const listener = listen({
    connectionString: database.url,
    channels: ['replies'],
    onNotify: (_channel, payload) => heard.push(payload),
    onListening: () => began++,
    onError: error => errors.push(error),
  })
  closers.push(() => listener.close())
  await listener.ready
  expect(began).toBe(1)
  await terminate('signalbox-listen')
  await expect.poll(() => began).toBe(2)
  expect(errors).toHaveLength(1)
  await pool.query(`notify replies, 'again'`)
  await expect.poll(() => heard).toEqual(['again'])
})

test('a listener that never got through can be closed', async () => {
  const listener = listen({
    connectionString: 'postgres://x:y@127.0.0.1:1/z',
    channels: ['a'],
    onNotify: () => undefined,
    onError: () => undefined,
  })
  await listener.close()
  await expect(listener.ready).resolves.toBeUndefined()
})
