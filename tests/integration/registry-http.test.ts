import type {FastifyInstance} from 'fastify'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {createApi} from '../../src/api/server.ts'
import {registryRoutes} from '../../src/api/registry.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import {createDirectory} from '../../src/registry/directory.ts'
import {createRegistryClient} from '../../src/registry/http-client.ts'
import type {RegistryPort} from '../../src/registry/membership.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {aRegistration, lapse, openTestRegistry, type TestRegistry} from '../support/open-registry.ts'

const TOKEN = 'registry-token-for-tests-0123'

let database: TestDatabase
let registry: TestRegistry
let app: FastifyInstance
let url: string

beforeEach(async () => {
  database = await createTestDatabase()
  registry = openTestRegistry(database.url)
  app = await createApi({
    apiToken: TOKEN,
    metricsToken: undefined,
    log: silentLogger,
    routes: [registryRoutes({registry})],
  })
  url = await app.listen({host: '127.0.0.1', port: 0})
})

afterEach(async () => {
  await app.close()
  await registry.close()
  await database.drop()
})

type Answer = {readonly status: number; readonly body: Record<string, unknown>}

async function call(method: string, path: string, body?: unknown, token = TOKEN): Promise<Answer> {
  const response = await fetch(new URL(path, url), {
    method,
    headers: {authorization: `Bearer ${token}`, 'content-type': 'application/json'},
    ...(body === undefined ? {} : {body: typeof body === 'string' ? body : JSON.stringify(body)}),
  })
  return {status: response.status, body: (await response.json()) as Record<string, unknown>}
}

const REVIEWER = {
  agent_id: 'reviewer',
  agent_name: 'Reviewer',
  base_url: 'https://reviewer.example.com',
  capabilities: [
    {
      name: 'review_code',
      description: 'Reads pull requests',
      tags: ['quality'],
      parameters: {pr: 'integer'},
      cost_estimate: '2k tokens',
    },
  ],
  metadata: {team: 'web'},
}

const isoTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string

test('an agent registers, is listed, beats, is asked about and leaves', async () => {
  expect(await call('POST', '/register', REVIEWER)).toEqual({
    status: 200,
    body: {status: 'registered', agent_id: 'reviewer', timestamp: isoTime},
  })
  expect(await call('GET', '/agents')).toMatchObject({body: {agents: [{agent_id: 'reviewer'}]}})
  expect(await call('GET', '/agents/reviewer')).toMatchObject({
    status: 200,
    body: {
      ...REVIEWER,
      status: 'active',
      last_heartbeat: isoTime,
      created_at: isoTime,
      updated_at: isoTime,
      instances: [{instance_id: 'default', status: 'active', load: 0, capacity: 1}],
    },
  })
  expect(await call('POST', '/agents/reviewer/heartbeat')).toEqual({
    status: 200,
    body: {status: 'ok', agent_id: 'reviewer', last_heartbeat: isoTime},
  })
  expect(await call('GET', '/health/reviewer')).toMatchObject({
    status: 200,
    body: {
      agent_id: 'reviewer',
      agent_name: 'Reviewer',
      status: 'active',
      is_healthy: true,
      last_heartbeat: isoTime,
      seconds_since_heartbeat: expect.any(Number) as number,
    },
  })
  expect(await call('DELETE', '/agents/reviewer')).toEqual({
    status: 200,
    body: {status: 'left', agent_id: 'reviewer'},
  })
  expect(await call('GET', '/health/reviewer')).toMatchObject({body: {status: 'offline', is_healthy: false}})
  expect(await call('POST', '/agents/reviewer/heartbeat')).toMatchObject({status: 404})
})

test('busy is said without declaring anything again, kept by heartbeats, and filtered by', async () => {
  await call('POST', '/register', REVIEWER)
  expect(await call('PATCH', '/agents/reviewer/status', {status: 'busy'})).toMatchObject({
    status: 200,
    body: {status: 'busy', capabilities: [{name: 'review_code'}]},
  })
  await call('POST', '/agents/reviewer/heartbeat', {})
  expect(await call('GET', '/agents?status=busy')).toMatchObject({body: {agents: [{agent_id: 'reviewer'}]}})
  expect(await call('GET', '/agents?status=active')).toMatchObject({body: {agents: []}})
})

test('a search finds capabilities of living agents', async () => {
  await call('POST', '/register', REVIEWER)
  expect(await call('GET', '/capabilities/search?q=PULL')).toEqual({
    status: 200,
    body: {
      capabilities: [
        {
          agent_id: 'reviewer',
          agent_name: 'Reviewer',
          capability: 'review_code',
          description: 'Reads pull requests',
          base_url: 'https://reviewer.example.com',
          tags: ['quality'],
        },
      ],
    },
  })
  await lapse(registry.pool, 'reviewer')
  registry.directory.invalidate()
  expect(await call('GET', '/capabilities/search?q=PULL')).toMatchObject({body: {capabilities: []}})
})

test('a query answers who fits, how well, and whom to take', async () => {
  await call('POST', '/register', REVIEWER)
  await call('POST', '/register', {
    ...REVIEWER,
    agent_id: 'second',
    capabilities: [{name: 'x', description: 'can review'}],
  })
  expect(await call('POST', '/capabilities/query', {capability_keywords: ['review']})).toMatchObject({
    status: 200,
    body: {
      matched_agents: ['reviewer', 'second'],
      confidence_scores: {reviewer: 0.6, second: 0.4},
      selected_agent: 'reviewer',
      agent: {base_url: 'https://reviewer.example.com'},
    },
  })
  expect(
    await call('POST', '/capabilities/query', {
      capability_keywords: ['review', 'quality'],
      required_all: true,
      min_confidence: 0.5,
      exclude_agents: ['reviewer'],
    }),
  ).toMatchObject({body: {matched_agents: [], confidence_scores: {}, selected_agent: null}})
})

test('a query that assigns spreads work over equals', async () => {
  for (const agent_id of ['a', 'b']) await call('POST', '/register', {...REVIEWER, agent_id})
  const picked: unknown[] = []
  for (let i = 0; i < 4; i++) {
    const {body} = await call('POST', '/capabilities/query', {capability_keywords: ['quality'], assign: true})
    picked.push(body['selected_agent'])
  }
  expect(picked).toEqual(['a', 'b', 'a', 'b'])
})

describe('refused is', () => {
  test('everything without the token', async () => {
    for (const [method, path] of [
      ['POST', '/register'],
      ['GET', '/agents'],
      ['GET', '/agents/a'],
      ['POST', '/agents/a/heartbeat'],
      ['PATCH', '/agents/a/status'],
      ['DELETE', '/agents/a'],
      ['GET', '/health/a'],
      ['GET', '/capabilities/search?q=a'],
      ['POST', '/capabilities/query'],
    ] as const) {
      const answer = await call(method, path, undefined, 'somebody')
      expect([path, answer.status, answer.body['code']]).toEqual([path, 401, 'UNAUTHENTICATED'])
    }
  })

  test.each([
    ['an address inside', {...REVIEWER, base_url: 'http://169.254.169.254/'}],
    ['credentials in the address', {...REVIEWER, base_url: 'https://a:b@example.com'}],
    ['an address longer than the record', {...REVIEWER, base_url: `https://example.com/${'a'.repeat(300)}`}],
    ['no address', {...REVIEWER, base_url: undefined}],
    ['an id with a slash', {...REVIEWER, agent_id: '../admin'}],
    ['an id that is too long', {...REVIEWER, agent_id: 'a'.repeat(65)}],
    ['no name', {...REVIEWER, agent_name: ' '}],
    ['a status that is noticed, not said', {...REVIEWER, status: 'offline'}],
    ['a capability without a name', {...REVIEWER, capabilities: [{description: 'x'}]}],
    ['a null character', {...REVIEWER, metadata: {note: 'a\u0000b'}}],
    ['half a surrogate pair', {...REVIEWER, agent_name: '\ud800'}],
    ['no capacity', {...REVIEWER, capacity: 0}],
    ['text', '"register me"'],
    ['what is not JSON', '{'],
  ])('%s', async (_what, body) => {
    expect(await call('POST', '/register', body)).toMatchObject({status: 400, body: {code: 'INVALID_INPUT'}})
    expect(await call('GET', '/agents')).toMatchObject({body: {agents: []}})
  })

  test('an unknown agent', async () => {
    for (const [method, path, body] of [
      ['GET', '/agents/nobody', undefined],
      ['GET', '/health/nobody', undefined],
      ['POST', '/agents/nobody/heartbeat', {}],
      ['PATCH', '/agents/nobody/status', {status: 'busy'}],
      ['DELETE', '/agents/nobody', undefined],
    ] as const)
      expect([path, (await call(method, path, body)).status]).toEqual([path, 404])
  })

  test('a search for nothing, and a query without keywords', async () => {
    expect(await call('GET', '/capabilities/search')).toMatchObject({status: 400})
    expect(await call('POST', '/capabilities/query', {capability_keywords: []})).toMatchObject({status: 400})
    expect(await call('GET', '/agents?status=dead')).toMatchObject({status: 400})
  })
})

describe.each([
  ['our own', () => registry],
  [
    'another machine’s, over HTTP',
    () => createRegistryClient({url, token: TOKEN, baseUrl: 'https://here.example.com'}),
  ],
] as const)('to members, the registry is the same: %s', (_name, open: () => RegistryPort) => {
  test('it takes registrations, renews the leases it knows, and says goodbye', async () => {
    const port = open()
    await port.register(aRegistration({load: {active: 1, capacity: 3}}), 'member')
    expect(await registry.directory.get('a')).toMatchObject({
      status: 'active',
      load: {active: 1, capacity: 3},
      instances: [{instanceId: 'i1'}],
    })
    const renewed = await port.heartbeat([
      {agentId: 'a', instanceId: 'i1', status: 'busy', load: {active: 3}},
      {agentId: 'b', instanceId: 'i1'},
    ])
    expect([renewed.has('a'), renewed.has('b')]).toEqual([true, false])
    expect(await registry.directory.get('a')).toMatchObject({status: 'busy', load: {active: 3, capacity: 3}})
    await port.leave('a', 'i1')
    expect(await registry.directory.get('a')).toMatchObject({status: 'offline', instances: []})
  })
})

describe('the registry of another machine', () => {
  const client = (token = TOKEN) => createRegistryClient({url, token, baseUrl: 'https://here.example.com'})

  test('is looked up like our own, and by its last word when it is away', async () => {
    await client().register(aRegistration({load: {active: 1, capacity: 4}}), 'member')
    const directory = createDirectory({read: () => client().read(), ttlMs: 0})
    const [ours] = await registry.directory.query({keywords: ['review']})
    const [theirs] = await directory.query({keywords: ['review']})
    expect(theirs).toMatchObject({
      confidence: 1,
      agent: {
        agentId: 'a',
        status: 'active',
        baseUrl: 'https://here.example.com',
        load: {active: 1, capacity: 4},
        createdAt: ours?.agent.createdAt,
      },
    })
    await app.close()
    expect(await directory.list()).toMatchObject({source: 'cache', agents: [{agentId: 'a'}]})
  })

  test('says why it refuses, and when it is away', async () => {
    await expect(client('wrong').read()).rejects.toMatchObject({code: 'UPSTREAM_REFUSED'})
    await expect(client().register(aRegistration({baseUrl: 'https://localhost'}), 'member')).rejects.toThrow(
      '400: base_url',
    )
    await app.close()
    await expect(client().read()).rejects.toMatchObject({code: 'UPSTREAM_UNAVAILABLE'})
  })
})
