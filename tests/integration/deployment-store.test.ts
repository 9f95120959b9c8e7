import {randomUUID} from 'node:crypto'
import type pg from 'pg'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {newDeployment} from '../../src/deployments/state.ts'
import {createDeploymentStore, type DeploymentStore} from '../../src/deployments/store.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

let database: TestDatabase
let pool: pg.Pool
let store: DeploymentStore

beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  store = createDeploymentStore({pool})
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

const nothingElse = async () => undefined
const LEASE_MS = 60_000
const soon = () => Date.now() + 1000

async function aDeployment(id = randomUUID()): Promise<string> {
  await pool.query(
    `insert into invocations (id, source, source_id, command, options, actor, agent, action, status)
     values ($1, 'discord', $2, 'deploy-client', '{}', '{}', 'deploy_client', 'deploy', 'following')`,
    [id, `interaction-${id}`],
  )
  const state = newDeployment({
    correlationId: id,
    target: 'client',
    repository: 'acme/web',
    workflow: 'client-deploy.yml',
    ref: 'main',
    environment: 'development',
    service: 'web',
    inputs: {correlation_id: id, requester: 'ada'},
    requester: {id: '1', name: 'ada', kind: 'discord'},
    wait: true,
    requestedAt: 1000,
    patience: {discoveryMs: 30_000, watchMs: 180_000, pollMs: 3000},
    workflowUrl: 'https://github.com/acme/web/actions/workflows/client-deploy.yml',
  })
  expect(await store.insertWithin(pool, id, state)).toBe(true)
  expect(await store.insertWithin(pool, id, state)).toBe(false)
  return id
}

const versionOf = async (id: string) =>
  (await pool.query<{version: number}>('select version from deployments where id = $1', [id])).rows[0]
    ?.version
const takeOver = (id: string) =>
  pool.query(`update deployments set lease_until = now() - interval '1 ms' where id = $1`, [id])
const aRun = {
  id: '77',
  url: 'https://github.com/acme/web/actions/runs/77',
  status: 'queued',
  conclusion: null,
  attempt: 1,
}

describe('word left', () => {
  test('for who has it is heard when it is given back: the next look is now', async () => {
    const id = await aDeployment()
    const claim = await store.claim(id, LEASE_MS, soon())
    expect(await store.leaveWord(id)).toBe(true)
    expect(claim && (await store.release(claim, Date.now() + 60_000))).toBe(true)
    const again = await store.claim(id, LEASE_MS, soon())
    expect(again?.fence).toBe(2)
    // Once heard, it is not heard again.
    expect(again && (await store.release(again, Date.now() + 60_000))).toBe(false)
    expect(await store.claim(id, LEASE_MS, soon())).toBeUndefined()
  })

  test('finds nobody where nobody has it', async () => {
    const id = await aDeployment()
    expect(await store.leaveWord(id)).toBe(false)
    await store.claim(id, LEASE_MS, soon())
    await takeOver(id)
    expect(await store.leaveWord(id)).toBe(false)
  })
})

describe('what waits for people', () => {
  test('is looked at by nobody until it is nudged, however long that takes', async () => {
    const id = await aDeployment()
    const claim = await store.claim(id, LEASE_MS, soon())
    await store.release({id, fence: claim?.fence ?? 0}, Number.POSITIVE_INFINITY)
    expect(await store.claim(id, LEASE_MS, Date.now() + 365 * 86_400_000)).toBeUndefined()
    expect(await store.overdue(-1_000_000, 10_000)).not.toContain(id)
    expect(await store.claim(id, LEASE_MS, Number.POSITIVE_INFINITY)).toMatchObject({fence: 2})
  })
})

describe('a claim', () => {
  test('is held by one at a time', async () => {
    const id = await aDeployment()
    const claims = await Promise.all(Array.from({length: 8}, () => store.claim(id, LEASE_MS, soon())))
    expect(claims.filter(claim => claim !== undefined)).toHaveLength(1)
    expect(claims.find(claim => claim !== undefined)).toMatchObject({fence: 1, state: {phase: 'requested'}})
  })

  test('runs out with its lease, and the next one carries a higher fence', async () => {
    const id = await aDeployment()
    await store.claim(id, LEASE_MS, soon())
    await takeOver(id)
    expect((await store.claim(id, LEASE_MS, soon()))?.fence).toBe(2)
  })

  test('is not given before the next look is due, but to a nudge', async () => {
    const id = await aDeployment()
    const claim = await store.claim(id, LEASE_MS, soon())
    await store.release({id, fence: claim?.fence ?? 0}, Date.now() + 60_000)
    expect(await store.claim(id, LEASE_MS, soon())).toBeUndefined()
    expect(await store.claim(id, LEASE_MS, Date.now() + 120_000)).toMatchObject({fence: 2})
  })

  test('given back under an old fence takes nothing from its new holder', async () => {
    const id = await aDeployment()
    await store.claim(id, LEASE_MS, soon())
    await takeOver(id)
    await store.claim(id, LEASE_MS, soon())
    await store.release({id, fence: 1}, Date.now())
    expect(await store.claim(id, LEASE_MS, soon())).toBeUndefined()
  })

  test('is not to be had for what is finished', async () => {
    const id = await aDeployment()
    await store.fold(id, {type: 'cancel-requested', at: 2000, by: 'ada'}, nothingElse)
    expect((await store.find(id))?.phase).toBe('finished')
    expect(await store.claim(id, LEASE_MS, soon())).toBeUndefined()
  })
})

describe('folding a fact in', () => {
  test('under an old fence writes nothing, and does nothing beside', async () => {
    const id = await aDeployment()
    const old = {fence: (await store.claim(id, LEASE_MS, soon()))?.fence ?? 0, leaseMs: LEASE_MS}
    await takeOver(id)
    const fresh = {fence: (await store.claim(id, LEASE_MS, soon()))?.fence ?? 0, leaseMs: LEASE_MS}
    let also = 0
    const began = {type: 'dispatch-began', at: 2000} as const
    expect(await store.fold(id, began, async () => void also++, old)).toBeUndefined()
    expect(also).toBe(0)
    expect((await store.find(id))?.phase).toBe('requested')
    expect(await versionOf(id)).toBe(1)
    expect((await store.fold(id, began, async () => void also++, fresh))?.phase).toBe('dispatching')
    expect(also).toBe(1)
  })

  test('keeps the claim alive', async () => {
    const id = await aDeployment()
    const claim = await store.claim(id, 200, soon())
    await store.fold(id, {type: 'dispatch-began', at: 2000}, nothingElse, {
      fence: claim?.fence ?? 0,
      leaseMs: LEASE_MS,
    })
    const {rows} = await pool.query<{left: number}>(
      'select extract(epoch from lease_until - now())::float8 as left from deployments where id = $1',
      [id],
    )
    expect(rows[0]?.left).toBeGreaterThan(30)
  })

  test('happens one after the other: of many at once none is lost', async () => {
    const id = await aDeployment()
    const claim = {fence: (await store.claim(id, LEASE_MS, soon()))?.fence ?? 0, leaseMs: LEASE_MS}
    await store.fold(id, {type: 'dispatch-began', at: 2000}, nothingElse, claim)
    await store.fold(id, {type: 'dispatch-accepted', at: 2100, run: aRun}, nothingElse, claim)
    const before = (await versionOf(id)) ?? 0
    await Promise.all(
      Array.from({length: 12}, (_, i) => store.fold(id, {type: 'look-failed', at: 3000 + i}, nothingElse)),
    )
    expect((await store.find(id))?.misses).toBe(12)
    expect(await versionOf(id)).toBe(before + 12)
  })

  test('a stop asked for at the very moment of the dispatch is one or the other, never both', async () => {
    for (let round = 0; round < 20; round++) {
      const id = await aDeployment()
      const claim = {fence: (await store.claim(id, LEASE_MS, soon()))?.fence ?? 0, leaseMs: LEASE_MS}
      const [begun, stopped] = await Promise.all([
        store.fold(id, {type: 'dispatch-began', at: 2000}, nothingElse, claim),
        store.fold(id, {type: 'cancel-requested', at: 2000, by: 'ada'}, nothingElse),
      ])
      const mayDispatch = begun?.phase === 'dispatching'
      expect(mayDispatch).toBe(stopped?.phase !== 'finished')
    }
  })

  test('that changes nothing commits nothing', async () => {
    const id = await aDeployment()
    let also = 0
    await store.fold(id, {type: 'cancel-sent', at: 2000, forced: false}, async () => void also++)
    expect(also).toBe(0)
    expect(await versionOf(id)).toBe(1)
  })

  test('is undone when what commits with it fails', async () => {
    const id = await aDeployment()
    const fails = store.fold(id, {type: 'cancel-requested', at: 2000, by: 'ada'}, async () => {
      throw new Error('no message')
    })
    await expect(fails).rejects.toThrow('no message')
    expect((await store.find(id))?.phase).toBe('requested')
  })

  test('of a deployment that does not exist is nothing', async () => {
    expect(await store.fold(randomUUID(), {type: 'look-failed', at: 1}, nothingElse)).toBeUndefined()
  })
})

describe('looking for work', () => {
  test('a webhook is matched by run id or by the correlation id in the run’s title, only while unfinished', async () => {
    const id = await aDeployment()
    expect(await store.matching('1', `Client Deploy — ${id} by ada`)).toEqual([id])
    expect(await store.matching('1', `Client Deploy — ${id.slice(0, 8)} by ada`)).toEqual([])
    const claim = {fence: (await store.claim(id, LEASE_MS, soon()))?.fence ?? 0, leaseMs: LEASE_MS}
    await store.fold(id, {type: 'dispatch-began', at: 2000}, nothingElse, claim)
    await store.fold(
      id,
      {type: 'dispatch-accepted', at: 2100, run: {...aRun, id: '4711'}},
      nothingElse,
      claim,
    )
    expect(await store.matching('4711', '')).toEqual([id])
    await store.fold(
      id,
      {
        type: 'run-observed',
        at: 3000,
        run: {...aRun, id: '4711', status: 'completed', conclusion: 'success', endedAt: 2900},
        jobs: [],
      },
      nothingElse,
    )
    expect((await store.find(id))?.phase).toBe('finished')
    expect(await store.matching('4711', id)).toEqual([])
  })

  test('overdue is what nobody has looked at since it was due, and nobody holds', async () => {
    const [due, held, later, finished] = [
      await aDeployment(),
      await aDeployment(),
      await aDeployment(),
      await aDeployment(),
    ]
    await store.claim(held, LEASE_MS, soon())
    await store.fold(finished, {type: 'cancel-requested', at: 1, by: 'ada'}, nothingElse)
    await pool.query(
      `update deployments set next_tick_at = now() - interval '3 seconds' where id = any($1)`,
      [[due, held, finished]],
    )
    const overdue = await store.overdue(2000, 100)
    expect(overdue).toContain(due)
    for (const id of [held, later, finished]) expect(overdue).not.toContain(id)
  })
})
