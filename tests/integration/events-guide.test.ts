import {randomUUID} from 'node:crypto'
import {readFile} from 'node:fs/promises'
import type {FastifyInstance} from 'fastify'
import type pg from 'pg'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {eventRoutes} from '../../src/api/events.ts'
import {metricsRoutes} from '../../src/api/metrics.ts'
import {createApi} from '../../src/api/server.ts'
import {createEvents, type EventsWithJournal} from '../../src/events/index.ts'
import {silentLogger, type LogFields} from '../../src/platform/logger.ts'
import {createMetrics} from '../../src/platform/metrics.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {runSample, samplesOf} from '../support/guide.ts'

const GUIDE = 'EVENT_PROTOCOL.md'
const authorization = 'Bearer events-token-for-tests'
const samples = await samplesOf(GUIDE)

let database: TestDatabase
let pool: pg.Pool
let events: EventsWithJournal
let app: FastifyInstance
let said: string[]

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  const metrics = createMetrics()
  events = createEvents({
    where: {databaseUrl: database.url},
    pool,
    registry: metrics.registry,
    log: silentLogger,
  })
  app = await createApi({
    apiToken: 'events-token-for-tests',
    metricsToken: undefined,
    log: silentLogger,
    routes: [eventRoutes(events), metricsRoutes({metrics})],
  })
  said = []
})

afterEach(async () => {
  await app.close()
  await events.close(0)
  await pool.end()
  await database.drop()
})

async function run(title: string): Promise<void> {
  const sample = samples.find(each => each.title === title)
  if (!sample) throw new Error(`${GUIDE} has no sample under ${title}`)
  const info = (fields: LogFields, message: string) => void said.push(`${message} ${JSON.stringify(fields)}`)
  await runSample(sample, {events, pool, log: {info}})
  await events.bus.settled()
}

const USAGE = ['Emit and subscribe', 'Commit and tell', 'History']
const OUTCOMES: Readonly<Record<string, readonly string[]>> = {
  'Emit and subscribe': ['heard {"data":{"task":"build"}}'],
  'Commit and tell': [],
  History: [],
  Talking: [
    'tester takes over {"data":{"role":"build","result":{"sha":"abc"},"version":2}}',
    'tester answered {"data":{"seen":"ready?"}}',
    'a locked key is not written {"data":{"kind":"locked","key":"plan","by":"builder"}}',
  ],
  'Sequential: a pull request goes from review to deployment': ['success {"data":{"deployed":7}}'],
  'Parallel: documentation in three parts': ['documentation {"data":["# guide","# reference","# changes"]}'],
  'Broadcast: a changed configuration': ['cache reloads {"data":{"changed":["targets"]}}'],
  'Try again': ['success {"data":"fine","tries":3}'],
  'Do without': ['went on {"data":"No explanation today.","code":"AGENT_UNKNOWN"}'],
  'Take what came in time': ['aggregated {"data":["part one"],"missing":1}'],
}

test('every sample of the guide is run here', () => {
  expect(samples.map(({title}) => title)).toEqual(Object.keys(OUTCOMES))
})

test.each(Object.keys(OUTCOMES).filter(title => title !== 'History'))('%s', async title => {
  await run(title)
  expect(said).toEqual(OUTCOMES[title])
})

test('the history tells what the samples did, in the guide and over HTTP', async () => {
  await run(USAGE[0] ?? '')
  await events.journal.flush()
  await run(USAGE[1] ?? '')
  await events.journal.flush()
  said = []
  await run('History')
  expect(said).toEqual([
    'task_completed {"data":{"task":"build"}}',
    'approval_required {"data":{"id":"a-1"}}',
  ])
  const answer = await app.inject({url: '/events?correlation_id=run-7', headers: {authorization}})
  expect(answer.json()).toMatchObject({
    events: [
      {event_type: 'task_completed', source_agent: 'ci', correlation_id: 'run-7'},
      {event_type: 'approval_required', source_agent: 'approvals', payload: {id: 'a-1'}},
    ],
  })
})

test('the history asks for a token and a correlation id', async () => {
  expect((await app.inject({url: '/events?correlation_id=run-7'})).statusCode).toBe(401)
  const answer = await app.inject({url: '/events', headers: {authorization}})
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toMatchObject({
    code: 'INVALID_INPUT',
    detail: expect.stringContaining('correlation_id') as unknown,
  })
})

test('an agent is asked over HTTP; unknown agents and timeouts are answers, nonsense is an error', async () => {
  events.requests.serve('reviewer', async ({payload}) => ({got: payload}))
  events.requests.serve('mute', () => new Promise(() => undefined))
  const ask = (payload: object) =>
    app.inject({method: 'POST', url: '/agent-request', headers: {authorization}, payload})
  const request = {
    request_id: randomUUID(),
    source_agent: 'cli',
    target_agent: 'reviewer',
    request_type: 'review_code',
    payload: {pr: 7},
    priority: 'critical',
  }
  const answer = await ask(request)
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toMatchObject({
    request_id: request.request_id,
    status: 'success',
    result: {got: {pr: 7}},
  })
  expect((await ask({...request, request_id: randomUUID(), target_agent: 'nobody'})).json()).toMatchObject({
    status: 'error',
    code: 'AGENT_UNKNOWN',
  })
  const late = await ask({...request, request_id: randomUUID(), target_agent: 'mute', timeout_seconds: 0.1})
  expect([late.statusCode, late.json<{status: string}>().status]).toEqual([200, 'timeout'])
  const nonsense = await ask({request_type: 'sing'})
  expect(nonsense.statusCode).toBe(400)
  expect(nonsense.json<{detail: string}>().detail).toMatch(/request_type[\s\S]*|source_agent/)
})

test('a live scrape shows the eight metrics with their exact names, labels and buckets, and the guide names them', async () => {
  events.bus.subscribe('task_completed', 'fails', () => {
    throw new Error('no')
  })
  await run('Emit and subscribe')
  await run('Take what came in time')
  const scrape = (await app.inject({url: '/metrics'})).body
  const guide = await readFile(new URL(`../../docs/${GUIDE}`, import.meta.url), 'utf8')
  const pair = ['source_agent', 'target_agent']
  const expected = {
    event_bus_events_emitted_total: ['counter', ['event_type', 'source']],
    event_bus_events_delivered_total: ['counter', ['event_type']],
    event_bus_subscriber_errors_total: ['counter', ['callback_name', 'event_type']],
    agent_request_latency_seconds: ['histogram', [...pair, 'request_type']],
    agent_requests_active: ['gauge', pair],
    agent_requests_total: ['counter', [...pair, 'request_type']],
    agent_responses_total: ['counter', [...pair, 'status']],
    agent_request_timeouts_total: ['counter', pair],
  } as const
  for (const [name, [type, labels]] of Object.entries(expected)) {
    expect(scrape).toContain(`# TYPE ${name} ${type}\n`)
    expect(guide).toContain(`| \`${name}\` | ${type} |`)
    const series = new RegExp(`^${name}(?:_count)?\\{(.*)\\} `, 'm').exec(scrape)?.[1] ?? ''
    const found = [...series.matchAll(/(\w+)="/g)].map(match => match[1])
    expect(found.sort(), name).toEqual([...labels].sort())
  }
  const buckets = [
    ...scrape.matchAll(/^agent_request_latency_seconds_bucket\{le="([^"]+)".*target_agent="quick"/gm),
  ]
  expect(buckets.map(match => match[1])).toEqual([
    '0.1',
    '0.5',
    '1',
    '2.5',
    '5',
    '10',
    '30',
    '60',
    '120',
    '300',
    '+Inf',
  ])
  expect(scrape).toMatch(/^event_bus_transport_up [01]$/m)
})
