import {createServer, connect, type Socket} from 'node:net'
import {once} from 'node:events'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {createGuard, guardedWrite, guardHistory} from '../support/guard.ts'
import {startLockProcess, type LockProcess} from '../support/lock-process.ts'
import {had, openLocks, type LockClient} from '../support/locks.ts'

const PATIENTLY = {timeout: 10_000}
const resource = 'deployment:production:web'

let database: TestDatabase
let here: LockClient
let closers: (() => unknown)[]

beforeEach(async () => {
  database = await createTestDatabase()
  closers = [() => database.drop()]
  here = open(database.url)
  await createGuard(here.pool)
})

afterEach(async () => {
  for (const close of closers.reverse()) await close()
})

function open(url: string): LockClient {
  const client = openLocks(url)
  closers.push(() => client.close())
  return client
}

/** Another process, once it holds the lock. */
async function elsewhere(ttlMs: number): Promise<{process: LockProcess; fence: number}> {
  const process = startLockProcess({
    do: 'hold',
    databaseUrl: database.url,
    resource,
    ttlMs,
    owner: 'elsewhere',
  })
  closers.push(() => process.kill())
  const {held} = await process.heard<{held: number}>()
  return {process, fence: held}
}

test('a lock whose holder is killed is free within its lease, also for those in line', async () => {
  const {process, fence} = await elsewhere(1_500)
  const waiting = here.locks.acquire(resource, {owner: 'ada', waitMs: 30_000})
  await process.kill()
  const killed = Date.now()
  const lock = had(await waiting)
  expect(lock.fence).toBeGreaterThan(fence)
  expect(Date.now() - killed).toBeLessThan(1_500 + 5_000)
})

test('nobody need ask for it: the sweep frees what a killed process held', async () => {
  const {process} = await elsewhere(500)
  await process.kill()
  await expect.poll(() => here.locks.sweep(), {timeout: 5_500, interval: 100}).toBe(1)
  expect((await here.pool.query('select from resource_locks where owner_token is not null')).rowCount).toBe(0)
})

test('a process paused past its lease has lost the lock, knows it when it wakes, and its late write is refused', async () => {
  const {process, fence} = await elsewhere(1_000)
  process.pause()
  const lock = had(await here.locks.acquire(resource, {owner: 'ada', waitMs: 30_000}))
  expect(await guardedWrite(here.pool, {resource, client: 'ada', fence: lock.fence, step: 'enter'})).toBe(
    true,
  )
  process.resume()
  process.tell('write')
  expect(await process.heard()).toMatchObject({written: false, heldBefore: false})
  expect(await guardHistory(here.pool, resource)).toEqual([
    {resource, client: 'ada', fence: lock.fence, step: 'enter', accepted: true},
    {resource, client: 'elsewhere', fence, step: 'leave', accepted: false},
  ])
  expect(await guardedWrite(here.pool, {resource, client: 'ada', fence: lock.fence, step: 'leave'})).toBe(
    true,
  )
})

/** A way to the database that can be cut, refused, or left silent. */
async function openWay() {
  const target = new URL(database.url)
  const sockets = new Set<Socket>()
  let mode: 'open' | 'closed' | 'silent' = 'open'
  const server = createServer(client => {
    if (mode === 'closed') return void client.destroy()
    const upstream = connect(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', data => mode === 'open' && upstream.write(data))
    upstream.on('data', data => mode === 'open' && client.write(data))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => server.close())
  const {port} = server.address() as {port: number}
  return {
    url: Object.assign(new URL(database.url), {hostname: '127.0.0.1', port: String(port)}).href,
    set(next: typeof mode) {
      mode = next
      if (next !== 'silent') for (const socket of sockets) socket.destroy()
    },
  }
}

test.each(['closed', 'silent'] as const)(
  'with the way to the database %s a lock is lost no later than its lease, and nothing new is held',
  async mode => {
    const way = await openWay()
    const cutOff = open(way.url)
    const lock = had(await cutOff.locks.acquire(resource, {owner: 'cut off', ttlMs: 1_000}))
    expect(lock.held()).toBe(true)
    way.set(mode)
    await once(lock.signal, 'abort')
    expect(lock.held()).toBe(false)
    const lost = Date.now()
    await expect(cutOff.locks.acquire('file:other', {owner: 'cut off'})).rejects.toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
    })
    // By the time its holder gave it up, or right after, the lock is there for others; never before.
    const next = had(await here.locks.acquire(resource, {owner: 'ada', waitMs: 30_000}))
    expect(next.fence).toBeGreaterThan(lock.fence)
    expect(Date.now() - lost).toBeLessThan(15_000)
    way.set('open')
    expect(await lock.release()).toBe('gone')
    expect(next.held()).toBe(true)
  },
)

test('who waits through an outage of the database is served after it', async () => {
  const way = await openWay()
  const cutOff = open(way.url)
  const lock = had(await here.locks.acquire(resource, {owner: 'ada'}))
  const waiting = cutOff.locks.acquire(resource, {owner: 'patient', waitMs: 30_000})
  await expect.poll(async () => (await here.locks.list())[0]?.waiters.length, PATIENTLY).toBe(1)
  way.set('closed')
  await expect.poll(() => cutOff.warnings, PATIENTLY).toContain('wake-ups of locks interrupted')
  await lock.release()
  way.set('open')
  expect(had(await waiting).held()).toBe(true)
})

test('a lost wake-up only delays: waiters ask again by themselves', async () => {
  const there = open(database.url)
  const lock = had(await here.locks.acquire(resource, {owner: 'ada'}))
  const waiting = there.locks.acquire(resource, {owner: 'bob', waitMs: 30_000})
  await expect.poll(async () => (await here.locks.list())[0]?.waiters.length, PATIENTLY).toBe(1)
  // Granted as the database would, had its notification gone nowhere.
  await here.pool.query('alter function lock_hand_over rename to lock_hand_over_loud')
  await here.pool.query(
    `create function lock_hand_over(r text) returns void language plpgsql as $$ begin end $$`,
  )
  await lock.release()
  expect(had(await waiting).held()).toBe(true)
})
