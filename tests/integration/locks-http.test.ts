import type {FastifyInstance} from 'fastify'
import {afterAll, afterEach, beforeAll, expect, test} from 'vitest'
import {lockRoutes} from '../../src/api/locks.ts'
import {createApi} from '../../src/api/server.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {had, openLocks, type LockClient} from '../support/locks.ts'

const headers = {authorization: 'Bearer secret'}

let database: TestDatabase
let client: LockClient
let api: FastifyInstance

beforeAll(async () => {
  database = await createTestDatabase()
  client = openLocks(database.url)
  api = await createApi({
    apiToken: 'secret',
    metricsToken: undefined,
    log: silentLogger,
    routes: [lockRoutes({locks: client.locks})],
  })
})

afterEach(async () => {
  for (const {resource} of await client.locks.list())
    await client.locks.forceUnlock(resource, {by: 'the test', reason: 'over'})
})

afterAll(async () => {
  await api.close()
  await client.close()
  await database.drop()
})

const force = (resource: string, payload: unknown) =>
  api.inject({
    method: 'POST',
    url: `/locks/${encodeURIComponent(resource)}/force-unlock`,
    headers,
    payload: JSON.stringify(payload),
  })

test('locks are listed with their lines', async () => {
  const lock = had(
    await client.locks.acquire('deployment:production:web', {
      owner: 'deploy_client',
      kind: 'deploy',
      reason: 'ada ships client',
    }),
  )
  const waiting = client.locks.acquire('deployment:production:web', {owner: 'grace', waitMs: 20_000})
  await expect.poll(async () => (await client.locks.list())[0]?.waiters.length, {timeout: 10_000}).toBe(1)
  const response = await api.inject({url: '/locks', headers})
  expect(response.statusCode).toBe(200)
  const date = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string
  expect(response.json()).toEqual({
    locks: [
      {
        resource_id: 'deployment:production:web',
        owner: 'deploy_client',
        kind: 'deploy',
        fence: lock.fence,
        reason: 'ada ships client',
        acquired_at: date,
        expires_at: date,
        waiters: [{owner: 'grace', kind: 'exclusive', position: 1, since: date}],
      },
    ],
  })
  await lock.release()
  await had(await waiting).release()
})

test('a lock is taken away with a reason, whatever its name', async () => {
  const resource = 'repo:acme/web ü'
  const lock = had(await client.locks.acquire(resource, {owner: 'ada'}))
  const response = await force(resource, {reason: 'ada is on holiday'})
  expect(response.json()).toEqual({resource_id: resource, previous_owner: 'ada'})
  await expect.poll(() => lock.signal.aborted, {timeout: 10_000}).toBe(true)
  const again = await force(resource, {reason: 'once more'})
  expect([again.statusCode, again.json<{code: string}>().code]).toEqual([404, 'NOT_FOUND'])
})

test('without a token, or a reason, nothing happens', async () => {
  const lock = had(await client.locks.acquire('file:a', {owner: 'ada'}))
  expect((await api.inject({url: '/locks'})).statusCode).toBe(401)
  expect((await api.inject({method: 'POST', url: '/locks/file%3Aa/force-unlock'})).statusCode).toBe(401)
  for (const payload of [{}, {reason: ' '}, {reason: 'with a \u0000 zero'}, 'no object']) {
    expect((await force('file:a', payload)).statusCode).toBe(400)
  }
  expect(lock.held()).toBe(true)
})
