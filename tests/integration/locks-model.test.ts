import fc from 'fast-check'
import {randomUUID} from 'node:crypto'
import type {Pool} from 'pg'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {LOCK_KINDS} from '../../src/locks/decide.ts'
import {createLockStore, type LockStore} from '../../src/locks/store.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {createLockModel, type Player} from '../support/lock-model.ts'

let database: TestDatabase
let pool: Pool
let store: LockStore

beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, max: 1, onError: () => undefined})
  store = createLockStore({pool})
})

afterAll(async () => {
  await pool.end()
  await database.drop()
})

const MINUTE = 60_000
const who = fc.nat(7)
const step = fc.oneof(
  {weight: 5, arbitrary: fc.record({do: fc.constant('claim' as const), who, wait: fc.boolean()})},
  {weight: 3, arbitrary: fc.record({do: fc.constant('release' as const), who})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('renew' as const), who})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('force' as const), where: fc.nat(1)})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('lapse' as const), where: fc.nat(1)})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('silence' as const), who})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('sweep' as const)})},
)
// The kinds that may share come most often: they make the interesting lines.
const kind = fc.constantFrom(...LOCK_KINDS, 'deploy' as const, 'backfill' as const, 'backfill' as const)
const lives = fc.record({
  kinds: fc.array(kind, {minLength: 8, maxLength: 8}),
  priorities: fc.array(fc.integer({min: 0, max: 1}), {minLength: 8, maxLength: 8}),
  steps: fc.array(step, {maxLength: 60, size: 'max'}),
})

async function stateOf(resource: string) {
  const holders = await pool.query<{holder: string}>(
    `select owner_token || ' ' || fence as holder from resource_locks where resource_id = $1 and owner_token is not null order by 1`,
    [resource],
  )
  const line = await pool.query<{owner_token: string}>(
    'select owner_token from lock_waiters where resource_id = $1 order by priority desc, requested_at',
    [resource],
  )
  return {
    holders: holders.rows.map(row => row.holder),
    line: line.rows.map(row => row.owner_token),
  }
}

const claim = ({token, resource, kind, priority}: Player, wait: boolean) =>
  store.claim({
    ...{
      token,
      resource,
      kind,
      priority,
      again: true,
      owner: token,
      ttlMs: MINUTE,
      silenceMs: wait ? MINUTE : 0,
    },
    ...{waitedMs: 0, holding: [], reason: undefined, metadata: {}},
  })

test('in every life the database does what the model does: holders, fences, lines and answers', async () => {
  await fc.assert(
    fc.asyncProperty(lives, async ({kinds, priorities, steps}) => {
      const resources = [`deployment:${randomUUID()}`, `database:${randomUUID()}`]
      const players = kinds.map((kind, n): Player => ({
        token: randomUUID(),
        resource: resources[n % 2] ?? '',
        kind,
        priority: priorities[n] ?? 0,
      }))
      const model = createLockModel()
      for (const each of steps) {
        const player = 'who' in each ? (players[each.who] as Player) : (players[0] as Player)
        const resource = ('where' in each ? resources[each.where] : undefined) ?? ''
        switch (each.do) {
          case 'claim':
            expect((await claim(player, each.wait)).outcome).toBe(model.claim(player, each.wait))
            break
          case 'release':
            expect(await store.release(player.resource, player.token)).toBe(model.release(player))
            break
          case 'renew':
            expect(await store.renew(player.resource, player.token, MINUTE)).toBe(model.renew(player))
            break
          case 'force': {
            const previous = await store.force(resource, {by: 'root', reason: 'test'})
            expect(previous.map(({owner}) => owner).sort()).toEqual(model.force(resource))
            break
          }
          case 'lapse':
            await pool.query(
              `update resource_locks set expires_at = now() - interval '1 second'
               where resource_id = $1 and owner_token is not null`,
              [resource],
            )
            model.lapse(resource)
            break
          case 'silence':
            await pool.query(
              `update lock_waiters set alive_until = now() - interval '1 second' where owner_token = $1`,
              [player.token],
            )
            model.silence(player)
            break
          case 'sweep':
            await store.sweep()
            model.sweep(resources)
            break
        }
        for (const each of resources) expect(await stateOf(each)).toEqual(model.state(each))
      }
    }),
    {numRuns: 120},
  )
})
