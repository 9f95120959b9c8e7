import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {AppError} from '../../src/kernel/errors.ts'
import {agree, LOCK_KINDS} from '../../src/locks/decide.ts'
import {checkFence} from '../../src/locks/store.ts'
import {transaction} from '../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {had, jain, openLocks, type LockClient} from '../support/locks.ts'

const PATIENTLY = {timeout: 10_000}
const WEB = 'deployment:production:web'

let database: TestDatabase
let here: LockClient
let there: LockClient
let closers: (() => Promise<unknown>)[]

beforeEach(async () => {
  database = await createTestDatabase()
  closers = [() => database.drop()]
  here = open()
  there = open()
})

afterEach(async () => {
  for (const close of closers.reverse()) await close()
})

function open(): LockClient {
  const client = openLocks(database.url)
  closers.push(() => client.close())
  return client
}

/** As if the holder had died that long ago. */
async function lapse(resource: string): Promise<void> {
  await here.pool.query(
    `update resource_locks set acquired_at = now() - interval '2 minutes', expires_at = now() - interval '1 minute'
     where resource_id = $1 and owner_token is not null`,
    [resource],
  )
}

function createGate() {
  let open = (): void => undefined
  const opened = new Promise<void>(resolve => (open = resolve))
  return {open: () => open(), opened}
}

/** Resolves when as many wait for the resource. */
async function lineOf(resource: string, length: number): Promise<void> {
  await expect
    .poll(
      async () =>
        (await here.pool.query('select from lock_waiters where resource_id = $1', [resource])).rowCount,
      PATIENTLY,
    )
    .toBe(length)
}

async function historyOf(resource: string): Promise<unknown[]> {
  const {rows} = await here.pool.query<{line: string}>(
    `select operation || ' by ' || owner || case when success then '' else ', in vain' end as line
     from lock_history where resource_id = $1 order by id`,
    [resource],
  )
  return rows.map(row => row.line)
}

test('a lock that is held is refused by name, and free again once released', async () => {
  const lock = had(await here.locks.acquire(WEB, {owner: 'ada', reason: 'release 7'}))
  expect(lock.held()).toBe(true)
  expect(await there.locks.acquire(WEB, {owner: 'grace'})).toMatchObject({
    kind: 'held',
    resource: WEB,
    by: {owner: 'ada', reason: 'release 7', kind: 'exclusive', holds: true},
    position: 1,
    ahead: [],
  })
  await expect(there.locks.withLock(WEB, {owner: 'grace'}, async () => 'in')).rejects.toThrow(
    'locked by ada: release 7',
  )
  expect(await lock.release()).toBe('released')
  expect(lock.held()).toBe(false)
  expect(lock.signal.aborted).toBe(false)
  expect(await there.locks.withLock(WEB, {owner: 'grace'}, async () => 'in')).toBe('in')
  expect(await historyOf(WEB)).toEqual(['release by ada', 'release by grace'])
})

test('it is not re-entrant, also for the same owner', async () => {
  had(await here.locks.acquire(WEB, {owner: 'ada'}))
  expect(await here.locks.acquire(WEB, {owner: 'ada'})).toMatchObject({kind: 'held', by: {owner: 'ada'}})
})

test('the fence of a resource rises with every holder and survives release', async () => {
  const fences: number[] = []
  for (const client of [here, there, here]) {
    const lock = had(await client.locks.acquire(WEB, {owner: 'ada'}))
    fences.push(lock.fence)
    await lock.release()
  }
  expect(fences).toEqual([1, 2, 3])
})

test('withLock gives back the lock whatever happens, and passes the error on', async () => {
  await expect(
    here.locks.withLock(WEB, {owner: 'ada'}, async () => {
      throw new Error('broken')
    }),
  ).rejects.toThrow('broken')
  expect(await here.locks.list()).toEqual([])
})

test('the database and the code agree on which kinds may share a resource', async () => {
  for (const a of LOCK_KINDS) {
    for (const b of LOCK_KINDS) {
      const resource = `database:${a}-${b}`
      had(await here.locks.acquire(resource, {owner: 'ada', kind: a}))
      const second = await there.locks.acquire(resource, {owner: 'grace', kind: b})
      expect([a, b, second.kind]).toEqual([a, b, agree(a, b) ? 'acquired' : 'held'])
    }
  }
})

describe('the line', () => {
  test('is first come, first served across processes, within a priority', async () => {
    const served: string[] = []
    const first = had(await here.locks.acquire(WEB, {owner: 'ada'}))
    const clients = {b: here, c: there, d: here, e: there}
    const waits: Promise<void>[] = []
    let length = 0
    for (const [name, client] of Object.entries(clients)) {
      waits.push(
        client.locks.withLock(
          WEB,
          {owner: name, waitMs: 20_000, priority: name === 'e' ? 1 : 0},
          async () => void served.push(name),
        ),
      )
      await lineOf(WEB, ++length)
    }
    expect((await there.locks.list())[0]).toMatchObject({
      owner: 'ada',
      waiters: ['e', 'b', 'c', 'd'].map((owner, at) => ({owner, position: at + 1})),
    })
    await first.release()
    await Promise.all(waits)
    expect(served).toEqual(['e', 'b', 'c', 'd'])
  })

  test('tells those who wait their position and who is ahead, and tells them again when that changes', async () => {
    const first = had(await here.locks.acquire(WEB, {owner: 'ada'}))
    const places: unknown[] = []
    const second = there.locks.acquire(WEB, {owner: 'bob', waitMs: 20_000})
    await lineOf(WEB, 1)
    const third = here.locks.acquire(WEB, {
      owner: 'cat',
      waitMs: 20_000,
      onWaiting: ({by, position, ahead}) => places.push([by?.owner, position, ...ahead]),
    })
    await lineOf(WEB, 2)
    await first.release()
    const held = had(await second)
    await expect
      .poll(() => places, PATIENTLY)
      .toEqual([
        ['ada', 2, 'bob'],
        ['bob', 1],
      ])
    await held.release()
    await had(await third).release()
  })

  test('is left after the wait, with the name of the holder', async () => {
    had(await here.locks.acquire(WEB, {owner: 'ada'}))
    expect(await there.locks.acquire(WEB, {owner: 'bob', waitMs: 100})).toMatchObject({
      kind: 'held',
      by: {owner: 'ada'},
      position: 1,
    })
    await lineOf(WEB, 0)
    expect(await historyOf(WEB)).toEqual(['acquire by bob, in vain'])
  })

  test('is left at once by whoever is called away', async () => {
    had(await here.locks.acquire(WEB, {owner: 'ada'}))
    const away = new AbortController()
    const waiting = there.locks.acquire(WEB, {owner: 'bob', waitMs: 20_000, signal: away.signal})
    await lineOf(WEB, 1)
    away.abort(new Error('never mind'))
    await expect(waiting).rejects.toThrow('never mind')
    await lineOf(WEB, 0)
  })

  test('is not overtaken by a kind that agrees with the holder but not with those ahead', async () => {
    const backfill = had(await here.locks.acquire(WEB, {owner: 'ada', kind: 'backfill'}))
    const order: string[] = []
    const migration = there.locks.withLock(
      WEB,
      {owner: 'bob', kind: 'migration', waitMs: 20_000},
      async () => void order.push('migration'),
    )
    await lineOf(WEB, 1)
    expect(await here.locks.acquire(WEB, {owner: 'cat', kind: 'deploy'})).toMatchObject({
      kind: 'held',
      position: 2,
      by: {owner: 'bob', holds: false},
    })
    const deploy = here.locks.withLock(
      WEB,
      {owner: 'cat', kind: 'deploy', waitMs: 20_000},
      async () => void order.push('deploy'),
    )
    await lineOf(WEB, 2)
    await backfill.release()
    await Promise.all([migration, deploy])
    expect(order).toEqual(['migration', 'deploy'])
  })

  test('moves on when somebody in the middle leaves who was in the way', async () => {
    had(await here.locks.acquire(WEB, {owner: 'ada', kind: 'backfill'}))
    const away = new AbortController()
    const migration = there.locks.acquire(WEB, {
      owner: 'bob',
      kind: 'migration',
      waitMs: 20_000,
      signal: away.signal,
    })
    await lineOf(WEB, 1)
    const deploy = here.locks.acquire(WEB, {owner: 'cat', kind: 'deploy', waitMs: 20_000})
    await lineOf(WEB, 2)
    away.abort(new Error('never mind'))
    await expect(migration).rejects.toThrow('never mind')
    expect(had(await deploy).held()).toBe(true)
  })

  test('passes over a waiter that fell silent', async () => {
    const first = had(await here.locks.acquire(WEB, {owner: 'ada'}))
    await here.store.claim({
      ...{resource: WEB, token: randomUUID(), again: false, owner: 'dead', kind: 'exclusive', ttlMs: 60_000},
      ...{silenceMs: 1, priority: 0, waitedMs: 0, holding: [], reason: undefined, metadata: {}},
    })
    const second = there.locks.acquire(WEB, {owner: 'bob', waitMs: 20_000})
    await lineOf(WEB, 2)
    await first.release()
    expect(had(await second).held()).toBe(true)
    await there.locks.sweep()
    await lineOf(WEB, 0)
  })

  test('is fair to 50 clients of 5 processes', async () => {
    const processes = [here, there, open(), open(), open()]
    const counts: number[] = []
    let total = 0
    await Promise.all(
      processes.flatMap((client, process) =>
        Array.from({length: 10}, async (_, index) => {
          const me = counts.push(0) - 1
          while (total < 1_000) {
            await client.locks.withLock(WEB, {owner: `${process}-${index}`, waitMs: 60_000}, async () => {
              total++
              counts[me] = (counts[me] ?? 0) + 1
            })
          }
        }),
      ),
    )
    expect(counts).toHaveLength(50)
    expect(jain(counts)).toBeGreaterThanOrEqual(0.98)
  })
})

describe('a lease', () => {
  test('is renewed for as long as its holder lives', async () => {
    const lock = had(await here.locks.acquire(WEB, {owner: 'ada', ttlMs: 300}))
    const renewals = async () =>
      (
        await here.pool.query<{n: number}>(
          'select (extract(epoch from expires_at - acquired_at) * 1000)::int as n from resource_locks',
        )
      ).rows[0]?.n ?? 0
    await expect.poll(renewals, PATIENTLY).toBeGreaterThan(900)
    expect(lock.held()).toBe(true)
    expect(await there.locks.acquire(WEB, {owner: 'bob'})).toMatchObject({kind: 'held'})
  })

  test('that lapsed is taken over by the next who asks, and its holder is told', async () => {
    const lock = had(await here.locks.acquire(WEB, {owner: 'ada', ttlMs: 600}))
    await lapse(WEB)
    const next = had(await there.locks.acquire(WEB, {owner: 'bob'}))
    expect(next.fence).toBeGreaterThan(lock.fence)
    await expect.poll(() => lock.signal.aborted, PATIENTLY).toBe(true)
    expect(lock.signal.reason).toBeInstanceOf(AppError)
    expect(await lock.release()).toBe('gone')
    expect(next.held()).toBe(true)
    expect(there.events).toContainEqual({
      type: 'resource.unlocked',
      data: {resource_id: WEB, agent_id: 'ada', reason: 'expired'},
    })
    expect(await historyOf(WEB)).toEqual(['timeout by ada'])
  })

  test('that lapsed is freed by the sweep, which hands over to the line', async () => {
    had(await here.locks.acquire(WEB, {owner: 'ada', ttlMs: 60_000}))
    had(await here.locks.acquire('file:a', {owner: 'ada', ttlMs: 60_000}))
    const waiting = there.locks.acquire(WEB, {owner: 'bob', waitMs: 20_000})
    await lineOf(WEB, 1)
    await lapse(WEB)
    await lapse('file:a')
    expect(await there.locks.sweep()).toBe(2)
    expect(had(await waiting).held()).toBe(true)
    expect((await here.locks.list()).map(({resource, owner}) => [resource, owner])).toEqual([[WEB, 'bob']])
  })

  test('can be made longer by its token while it is had, and not once it is lost', async () => {
    const lock = had(await here.locks.acquire(WEB, {owner: 'ada', ttlMs: 60_000}))
    expect(await there.locks.renew(WEB, lock.token, 120_000)).toBe(true)
    expect(await there.locks.renew(WEB, randomUUID(), 120_000)).toBe(false)
    await lapse(WEB)
    expect(await there.locks.renew(WEB, lock.token, 120_000)).toBe(false)
  })

  test('work that outlived its lock fails, even when it ended well', async () => {
    await expect(
      here.locks.withLock(WEB, {owner: 'ada'}, async ({signal}) => {
        await there.locks.forceUnlock(WEB, {by: 'root', reason: 'stuck'})
        await expect.poll(() => signal.aborted, PATIENTLY).toBe(true)
        return 'done'
      }),
    ).rejects.toThrow(`The lock on ${WEB} was lost`)
  })
})

describe('a protected write', () => {
  const write = (client: LockClient, fence: number, before: () => Promise<unknown> = async () => undefined) =>
    transaction(client.pool, async db => {
      await checkFence(db, WEB, fence)
      await before()
      await db.query('create table if not exists written (fence bigint)')
      await db.query('insert into written values ($1)', [fence])
    })

  test('goes through under a live fence and is refused under a stale one', async () => {
    const stale = had(await here.locks.acquire(WEB, {owner: 'ada'}))
    await write(here, stale.fence)
    await lapse(WEB)
    await expect(write(here, stale.fence)).rejects.toThrow('was lost, so nothing was written')
    const fresh = had(await there.locks.acquire(WEB, {owner: 'bob'}))
    await expect(write(here, stale.fence)).rejects.toMatchObject({code: 'CONFLICT'})
    await write(there, fresh.fence)
    const {rows} = await here.pool.query('select * from written order by fence')
    expect(rows).toEqual([{fence: String(stale.fence)}, {fence: String(fresh.fence)}])
  })

  test('that has begun keeps the lock from being handed on until it has ended', async () => {
    const lock = had(await here.locks.acquire(WEB, {owner: 'ada', ttlMs: 60_000}))
    await write(here, lock.fence, async () => {
      await lapse(WEB)
      expect(await there.locks.sweep()).toBe(0)
      expect(await there.locks.acquire(WEB, {owner: 'bob'})).toMatchObject({kind: 'held', by: {owner: 'ada'}})
    })
    expect(had(await there.locks.acquire(WEB, {owner: 'bob'})).held()).toBe(true)
  })
})

describe('forcing', () => {
  test('takes a lock away at once, tells the holder, hands over and is remembered', async () => {
    const lock = had(await here.locks.acquire(WEB, {owner: 'ada'}))
    const next = there.locks.acquire(WEB, {owner: 'bob', waitMs: 20_000})
    await lineOf(WEB, 1)
    expect(await there.locks.forceUnlock(WEB, {by: 'root', reason: 'ada is on holiday'})).toEqual(['ada'])
    expect(had(await next).held()).toBe(true)
    await expect.poll(() => lock.signal.aborted, PATIENTLY).toBe(true)
    expect(there.events).toContainEqual({
      type: 'resource.unlocked',
      data: {resource_id: WEB, agent_id: 'ada', reason: 'force_unlock'},
    })
    const {rows} = await here.pool.query('select operation, owner, detail from lock_history')
    expect(rows).toEqual([{operation: 'force_release', owner: 'ada', detail: 'by root: ada is on holiday'}])
  })

  test('what nobody holds answers nobody', async () => {
    expect(await here.locks.forceUnlock(WEB, {by: 'root', reason: 'why not'})).toEqual([])
  })
})

describe('several at once', () => {
  test('are all had or none', async () => {
    const other = had(await there.locks.acquire('file:b', {owner: 'bob'}))
    expect(await here.locks.acquireMany(['file:c', 'file:b', 'file:a'], {owner: 'ada'})).toMatchObject({
      kind: 'held',
      resource: 'file:b',
    })
    expect((await here.locks.list()).map(({resource}) => resource)).toEqual(['file:b'])
    await other.release()
    const all = had(await here.locks.acquireMany(['file:c', 'file:b', 'file:a', 'file:b'], {owner: 'ada'}))
    expect(all.locks.map(({resource}) => resource)).toEqual(['file:a', 'file:b', 'file:c'])
    await there.locks.forceUnlock('file:b', {by: 'root', reason: 'test'})
    await expect.poll(() => all.signal.aborted, PATIENTLY).toBe(true)
    await all.release()
    expect(await here.locks.list()).toEqual([])
  })

  test('asked for in opposite orders never block each other', async () => {
    const files = Array.from({length: 6}, (_, n) => `file:${n}`)
    const rounds = await Promise.all(
      Array.from({length: 20}, async (_, n) => {
        const client = n % 2 === 0 ? here : there
        const all = had(
          await client.locks.acquireMany(n % 2 === 0 ? files : [...files].reverse(), {
            owner: `agent ${n}`,
            waitMs: 30_000,
          }),
        )
        await all.release()
        return all.locks.length
      }),
    )
    expect(rounds).toEqual(rounds.map(() => 6))
  })
})

describe('a deadlock', () => {
  test('across processes is found at once; the youngest waiter is told and the other gets on', async () => {
    const inside = [createGate(), createGate()] as const
    const both = Promise.all(inside.map(gate => gate.opened))
    const first = here.locks.withLock('file:a', {owner: 'ada'}, async () => {
      inside[0].open()
      await both
      return here.locks.withLock('file:b', {owner: 'ada', waitMs: 30_000}, async () => 'ada got both')
    })
    const second = there.locks.withLock('file:b', {owner: 'bob'}, async () => {
      inside[1].open()
      await both
      await lineOf('file:b', 1)
      return there.locks.withLock('file:a', {owner: 'bob', waitMs: 30_000}, async () => 'bob got both')
    })
    await expect(second).rejects.toMatchObject({code: 'CONTENDED'})
    expect(await first).toBe('ada got both')
    expect(await there.registry.getSingleMetricAsString('resource_lock_deadlocks_total')).toContain(
      '{resource_type="file"} 1',
    )
  })

  test('with oneself is refused instead of waited for', async () => {
    await expect(
      here.locks.withLock(WEB, {owner: 'ada'}, () =>
        here.locks.withLock(WEB, {owner: 'ada', waitMs: 30_000}, async () => 'inside'),
      ),
    ).rejects.toMatchObject({code: 'CONTENDED'})
  })
})

describe('a durable claim', () => {
  const ask = (client: LockClient, token: string, owner: string) =>
    client.locks.claim(WEB, {token, owner, kind: 'deploy', ttlMs: 60_000, silenceMs: 30_000})

  test('keeps its place from any process until granted, and is announced when it is', async () => {
    const [one, two] = [randomUUID(), randomUUID()]
    expect(await ask(here, one, 'deploy_client')).toEqual({kind: 'granted', fence: 1})
    expect(await ask(here, two, 'bob')).toMatchObject({
      kind: 'held',
      position: 1,
      by: {owner: 'deploy_client'},
    })
    expect(await ask(there, two, 'bob')).toMatchObject({kind: 'held', position: 1})
    expect(await there.locks.release(WEB, {token: one, owner: 'deploy_client'})).toBe('released')
    expect(await ask(there, two, 'bob')).toEqual({kind: 'granted', fence: 2})
    expect(await here.locks.release(WEB, {token: one, owner: 'deploy_client'})).toBe('gone')
    expect(await here.locks.release(WEB, {token: two, owner: 'bob'})).toBe('released')
  })

  test('is kept by whoever lives, also when it lapsed and nobody has taken it, and not once somebody has', async () => {
    const [mine, other] = [randomUUID(), randomUUID()]
    await ask(here, mine, 'ada')
    await lapse(WEB)
    expect(await there.locks.keep([{resource: WEB, token: mine}], 60_000)).toEqual(new Set([mine]))
    expect(await ask(there, other, 'bob')).toMatchObject({kind: 'held', by: {owner: 'ada'}})
    expect(await ask(here, mine, 'ada')).toEqual({kind: 'granted', fence: 1})

    await lapse(WEB)
    expect(await ask(there, other, 'bob')).toEqual({kind: 'granted', fence: 2})
    expect(await here.locks.keep([{resource: WEB, token: mine}], 60_000)).toEqual(new Set())
    expect((await here.locks.list())[0]).toMatchObject({owner: 'bob', fence: 2})
  })

  test('made in a transaction is made with it, and can’t be taken away before it has ended', async () => {
    const claim = {
      token: randomUUID(),
      owner: 'ada',
      kind: 'deploy',
      ttlMs: 60_000,
      silenceMs: 60_000,
    } as const
    await expect(
      transaction(here.pool, async db => {
        expect((await here.locks.claimWithin(db, WEB, claim)).outcome.kind).toBe('granted')
        throw new Error('never mind')
      }),
    ).rejects.toThrow('never mind')
    expect(await here.locks.list()).toEqual([])

    const standing = async () => {
      const forced: Promise<readonly string[]>[] = []
      let ended = false
      await transaction(here.pool, async db => {
        expect((await here.locks.claimWithin(db, WEB, claim)).outcome.kind).toBe('granted')
        forced.push(
          there.locks.forceUnlock(WEB, {by: 'root', reason: 'test'}).finally(() => expect(ended).toBe(true)),
        )
        await sleep(200)
        ended = true
      })
      return forced[0]
    }
    // The first grants it, the second finds it granted: either way it stays until the end.
    await here.locks.claim(WEB, claim)
    expect(await standing()).toEqual(['ada'])
    expect(await here.locks.list()).toEqual([])
  })

  test('that is given up in line counts as a wait in vain', async () => {
    had(await here.locks.acquire(WEB, {owner: 'ada'}))
    const token = randomUUID()
    await ask(there, token, 'bob')
    expect(await there.locks.release(WEB, {token, owner: 'bob'})).toBe('left')
    expect(await there.registry.getSingleMetricAsString('resource_lock_timeouts_total')).toContain(
      '{resource_type="deployment",agent_id="other"} 1',
    )
    await lineOf(WEB, 0)
  })

  test('of another process is heard of when it is granted', async () => {
    const lock = had(await here.locks.acquire('file:x', {owner: 'ada'}))
    const token = randomUUID()
    await there.locks.claim('file:x', {token, owner: 'bob', ttlMs: 60_000, silenceMs: 30_000})
    await lock.release()
    await expect.poll(() => there.strangers, PATIENTLY).toEqual([token])
  })
})

test('closing gives back what is held, and ends what waits', async () => {
  had(await here.locks.acquire(WEB, {owner: 'ada'}))
  had(await there.locks.acquire('file:a', {owner: 'bob'}))
  const waiting = here.locks.acquire('file:a', {owner: 'ada', waitMs: 30_000})
  await lineOf('file:a', 1)
  const ended = expect(waiting).rejects.toThrow('shutting down')
  await here.locks.close()
  await ended
  expect((await there.locks.list()).map(({resource, waiters}) => [resource, waiters.length])).toEqual([
    ['file:a', 0],
  ])
})

test('the metrics have the promised names, labels and buckets, and count what happened', async () => {
  const lock = had(await here.locks.acquire(WEB, {owner: 'deploy_client'}))
  await here.locks.acquire(WEB, {owner: 'somebody', waitMs: 50})
  const scrape = await there.registry.metrics()
  expect(scrape).toContain('resource_locks_active{resource_type="deployment"} 1')
  expect(scrape).toContain('resource_locks_active{resource_type="file"} 0')
  await lock.release()
  const after = await here.registry.metrics()
  for (const line of [
    'resource_lock_acquisitions_total{resource_type="deployment",agent_id="deploy_client"} 1',
    'resource_lock_contentions_total{resource_type="deployment",agent_id="other"} 1',
    'resource_lock_releases_total{resource_type="deployment",agent_id="deploy_client"} 1',
    'resource_lock_timeouts_total{resource_type="deployment",agent_id="other"} 1',
    'resource_lock_wait_time_seconds_count{resource_type="deployment",agent_id="other"} 1',
    'resource_locks_active{resource_type="deployment"} 0',
  ]) {
    expect(after).toContain(line)
  }
  const buckets = [...after.matchAll(/wait_time_seconds_bucket\{le="([^"]+)".*agent_id="other"\}/g)]
  expect(buckets.map(match => match[1])).toEqual([
    '0.01',
    '0.05',
    '0.1',
    '0.5',
    '1',
    '2.5',
    '5',
    '10',
    '30',
    '60',
    '+Inf',
  ])
})

test('the history keeps the newest and lets go of the rest', async () => {
  await here.pool.query(
    `insert into lock_history (resource_id, owner, kind, operation, success, waited_ms)
     select 'file:x', 'ada', 'exclusive', 'release', true, 0 from generate_series(1, 100500)`,
  )
  await here.locks.sweep()
  const {rows} = await here.pool.query('select count(*)::int as n, max(id)::int as newest from lock_history')
  expect(rows).toEqual([{n: 100_000, newest: 100_500}])
})

test('what no lock can be is refused in words', async () => {
  await expect(here.locks.acquire('', {owner: 'ada'})).rejects.toThrow('1 to 256 characters')
  await expect(here.locks.acquire(WEB, {owner: 'ada', ttlMs: 1})).rejects.toThrow('100 ms to a day')
})
