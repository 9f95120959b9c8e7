import {Registry} from 'prom-client'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import type {Conversation, MessageView} from '../../src/emulators/discord/index.ts'
import {createEvents, type AgentResponse, type EventsWithJournal} from '../../src/events/index.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {API_TOKEN, DEFAULT_YAML, openWorld, type World, type WorldOptions} from '../support/world.ts'

const YAML = DEFAULT_YAML.replace(
  'principals:',
  'principals:\n  - { id: bob, discord: "333333333333333333", roles: [developer] }',
)
const PATIENTLY = {timeout: 20_000}
const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = (talk: Conversation, text: string) =>
  talk.settled(({reply}) => textOf(reply()).includes(text), {timeoutMs: 20_000})

let world: World
let closers: (() => Promise<unknown>)[]
beforeEach(() => void (closers = []))
afterEach(async () => {
  for (const close of closers.reverse()) await close()
  await world.close()
})

const open = async (options: WorldOptions = {}) =>
  (world = await openWorld({
    yaml: YAML,
    queue: 'postgres',
    ...options,
    env: {AGENT_HEARTBEAT_MS: '300', AGENT_LEASE_MS: '1500', ...options.env},
  }))

async function call(method: string, path: string, body?: unknown, url = world.app.url ?? '') {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {authorization: `Bearer ${API_TOKEN}`},
    ...(body === undefined ? {} : {body: JSON.stringify(body)}),
  })
  return {status: response.status, body: (await response.json()) as Record<string, unknown>}
}

const ask = async (request: object, url?: string) =>
  (await call('POST', '/agent-request', {source_agent: 'tester', timeout_seconds: 10, ...request}, url))
    .body as unknown as AgentResponse

/** As an agent on another machine registers; it never beats. */
async function register(id: string, instanceId = 'elsewhere'): Promise<void> {
  const {status} = await call('POST', '/register', {
    agent_id: id,
    agent_name: id,
    base_url: `https://${id}.example.com`,
    capabilities: [],
    instance_id: instanceId,
  })
  expect(status).toBe(200)
}

/** What /agents says about one: with so many, a line each. */
async function lineOf(agent: string): Promise<string> {
  const talk = await world.bob.runs('/agents')
  await says(talk, 'total: ')
  const lines = textOf(talk.reply()).split('\n')
  return lines.find(line => line.includes(`\`${agent}\``)) ?? ''
}

/** Another node on the product's bus, as an agent of another make would be. */
async function joinBus(): Promise<EventsWithJournal> {
  const pool = createPool({connectionString: world.database.url, onError: () => undefined})
  const events = createEvents({
    where: {databaseUrl: world.database.url},
    registry: new Registry(),
    log: silentLogger,
    pool,
  })
  closers.push(
    () => pool.end(),
    () => events.close(0),
  )
  await events.requests.ready
  return events
}

describe('/agents', () => {
  test('shows who is alive, how busy over all processes, and when last seen; who left or fell silent is offline', async () => {
    await open()
    await expect.poll(() => lineOf('deploy_client'), PATIENTLY).toMatch(/^🟢 `deploy_client` .*0\/10$/)
    const second = await world.startMore({ROLES: 'worker'})
    await expect.poll(() => lineOf('deploy_client'), PATIENTLY).toMatch(/^🟢 .* 0\/20$/)
    await second.stop()
    await expect.poll(() => lineOf('deploy_client'), PATIENTLY).toMatch(/^🟢 .* 0\/10$/)

    await register('visitor')
    await expect.poll(() => lineOf('visitor'), PATIENTLY).toMatch(/^🟢 `visitor`/)
    await expect.poll(() => lineOf('visitor'), PATIENTLY).toMatch(/^🔴 `visitor` seen <t:\d+:R>$/)
  })

  test('the last worker that stops leaves no agent that seems alive', async () => {
    await open({roles: 'bot,api'})
    const worker = await world.startMore({ROLES: 'worker'})
    const status = async () => (await call('GET', '/agents/status_reporter')).body['status']
    await expect.poll(status, PATIENTLY).toBe('active')
    await worker.stop()
    expect(await status()).toBe('offline')
    expect((await call('GET', '/capabilities/search?q=runs')).body).toEqual({capabilities: []})
  })
})

describe('an agent that is asked over the bus', () => {
  test('answers from another process: how it is, what it can do, and tasks that change nothing', async () => {
    await open({roles: 'bot,api'})
    await world.startMore({ROLES: 'worker'})
    const status = {target_agent: 'deploy_client', request_type: 'get_status'}
    await expect.poll(async () => (await ask(status)).status, PATIENTLY).toBe('success')
    expect((await ask(status)).result).toEqual({
      agent_id: 'deploy_client',
      status: 'active',
      load: {active: 0, capacity: 10},
    })
    const able = {target_agent: 'status_reporter', request_type: 'query_capability'}
    await expect
      .poll(async () => JSON.stringify((await ask(able)).result ?? null), PATIENTLY)
      .toContain('"name":"digest"')

    const runs = await ask({
      target_agent: 'any',
      request_type: 'execute_task',
      metadata: {capability: 'runs'},
      payload: {input: {count: 1}},
      correlation_id: 'from-the-test',
    })
    expect(runs).toMatchObject({status: 'success', source_agent: 'status_reporter'})
    expect(JSON.stringify(runs.result)).toContain('client-deploy')

    const told = async () => (await call('GET', '/events?correlation_id=from-the-test')).body['events']
    await expect
      .poll(told, PATIENTLY)
      .toMatchObject([
        {event_type: 'agent_response', source_agent: 'status_reporter', payload: {status: 'success'}},
      ])
  })

  test('does for nobody what only people may ask for', async () => {
    await open()
    const deploy = {target_agent: 'deploy_client', request_type: 'execute_task'}
    const input = {wait: true, target: 'client'}
    await expect
      .poll(async () => (await ask({...deploy, payload: {task: 'deploy', input}})).error, PATIENTLY)
      .toBe('REJECTED: only people can ask for this, by /deploy-client')
    expect(await ask({...deploy, payload: {task: 'constructor'}})).toMatchObject({status: 'rejected'})
    expect(await ask({...deploy, request_type: 'deploy_service'})).toMatchObject({
      status: 'rejected',
      code: 'UNSUPPORTED_REQUEST',
    })
    expect(
      await ask({
        target_agent: 'status_reporter',
        request_type: 'execute_task',
        payload: {task: 'runs', input: {count: 'many'}},
      }),
    ).toMatchObject({status: 'rejected'})
    expect(world.github.count('dispatch')).toBe(0)
  })

  test('that nobody knows, or that is gone, is an answer at once', async () => {
    await open()
    const began = Date.now()
    expect(await ask({target_agent: 'nobody', request_type: 'get_status'})).toMatchObject({
      status: 'error',
      code: 'AGENT_UNKNOWN',
    })
    await register('visitor')
    await call('DELETE', '/agents/visitor')
    expect(await ask({target_agent: 'visitor', request_type: 'get_status'})).toMatchObject({
      status: 'error',
      code: 'AGENT_OFFLINE',
    })
    expect(Date.now() - began).toBeLessThan(5_000)
  })
})

/** The 19: name → type, labels and, for histograms, buckets, as dashboards ask for them. */
const NINETEEN: Readonly<
  Record<string, {type: string; labels: readonly string[]; buckets?: readonly number[]}>
> = {
  agent_registry_agents_total: {type: 'gauge', labels: ['status']},
  agent_registry_capabilities_total: {type: 'gauge', labels: []},
  agent_registry_heartbeat_latency_seconds: {type: 'histogram', labels: ['agent_id']},
  agent_registry_discovery_requests_total: {type: 'counter', labels: ['capability']},
  agent_registry_stale_agents_total: {type: 'counter', labels: []},
  event_bus_events_emitted_total: {type: 'counter', labels: ['event_type', 'source']},
  event_bus_events_delivered_total: {type: 'counter', labels: ['event_type']},
  event_bus_subscriber_errors_total: {type: 'counter', labels: ['callback_name', 'event_type']},
  agent_request_latency_seconds: {
    type: 'histogram',
    labels: ['request_type', 'source_agent', 'target_agent'],
    buckets: [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
  },
  agent_requests_active: {type: 'gauge', labels: ['source_agent', 'target_agent']},
  agent_requests_total: {type: 'counter', labels: ['request_type', 'source_agent', 'target_agent']},
  agent_responses_total: {type: 'counter', labels: ['source_agent', 'status', 'target_agent']},
  agent_request_timeouts_total: {type: 'counter', labels: ['source_agent', 'target_agent']},
  resource_lock_acquisitions_total: {type: 'counter', labels: ['agent_id', 'resource_type']},
  resource_lock_contentions_total: {type: 'counter', labels: ['agent_id', 'resource_type']},
  resource_lock_releases_total: {type: 'counter', labels: ['agent_id', 'resource_type']},
  resource_lock_timeouts_total: {type: 'counter', labels: ['agent_id', 'resource_type']},
  resource_lock_wait_time_seconds: {
    type: 'histogram',
    labels: ['agent_id', 'resource_type'],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  resource_locks_active: {type: 'gauge', labels: ['resource_type']},
}

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

function samplesOf(scrape: string): readonly Sample[] {
  return [...scrape.matchAll(/^([a-z_]+)(?:\{(.*)\})? (\S+)$/gm)].map(
    ([, name = '', labels = '', value]) => ({
      name,
      labels: Object.fromEntries(
        [...labels.matchAll(/([a-z_]+)="([^"]*)"/g)].map(match => [match[1] ?? '', match[2] ?? '']),
      ),
      value: Number(value),
    }),
  )
}

test('one scrape of the running product after traffic shows the 19, with exact names, labels and buckets', async () => {
  await open()
  expect(Object.keys(NINETEEN)).toHaveLength(19)

  // Locks: one deploy holds, one waits and is served, one waits and gives up.
  world.github.repository('acme/web').workflow('client-deploy.yml', {
    name: 'Client Deploy',
    inputs: {correlation_id: {required: true}, requester: {required: true}, VITE_API_BASE: {}},
    jobs: [{name: 'deploy', steps: [{name: 'Upload', ms: 120_000}]}],
  })
  // One after the other: the queue promises no order to commands given at the same time.
  const first = await world.ada.runs('/deploy-client wait:true')
  await says(first, 'Upload')
  const second = await world.root.runs('/deploy-client wait:true')
  await says(second, 'in line')
  const third = await world.bob.runs('/deploy-client wait:true')
  await says(third, 'in line')
  await world.bob.presses({id: third.reply()?.id ?? ''}, 'Cancel')
  await says(third, 'cancelled before it started')

  // Registry: an agent that falls silent, and a search.
  await register('visitor')
  await call('GET', '/capabilities/search?q=runs')

  // Bus: an agent that never answers, and an event that its subscriber can't read.
  const events = await joinBus()
  await register('sleeper', events.instanceId)
  const service = events.requests.serve('sleeper', () => new Promise(() => undefined))
  await service.ready
  expect(
    (await ask({target_agent: 'sleeper', request_type: 'get_status', timeout_seconds: 0.5})).status,
  ).toBe('timeout')
  await events.bus.emit('agent.status_change', {agent_id: 'no such id!'}, {source: 'sleeper'})
  for (const deploy of [first, second]) await says(deploy, '🟢')

  const scrape = async () => await (await fetch(`${world.app.url ?? ''}/metrics`)).text()
  await expect.poll(scrape, PATIENTLY).toMatch(/^event_bus_subscriber_errors_total\{.*\} [1-9]/m)
  await expect.poll(scrape, PATIENTLY).toMatch(/^agent_registry_stale_agents_total [1-9]/m)
  const text = await scrape()
  const samples = samplesOf(text)
  for (const [name, {type, labels, buckets}] of Object.entries(NINETEEN)) {
    expect(text, name).toContain(`# TYPE ${name} ${type}\n`)
    const own = samples.filter(sample => sample.name === (type === 'histogram' ? `${name}_count` : name))
    expect(own.length, `${name} has samples`).toBeGreaterThan(0)
    for (const sample of own) expect(Object.keys(sample.labels).sort(), name).toEqual(labels)
    if (buckets === undefined) continue
    const series = samples.filter(sample => sample.name === `${name}_bucket`)
    const bounds = new Set(series.map(sample => sample.labels['le']))
    expect([...bounds], name).toEqual([...buckets.map(String), '+Inf'])
  }

  const value = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    samples.find(
      sample =>
        sample.name === name && Object.entries(labels).every(([key, each]) => sample.labels[key] === each),
    )?.value
  const web = {resource_type: 'deployment', agent_id: 'other'}
  expect(value('resource_lock_acquisitions_total', web)).toBe(2)
  expect(value('resource_lock_contentions_total', web)).toBe(2)
  expect(value('resource_lock_releases_total', web)).toBe(2)
  expect(value('resource_lock_timeouts_total', web)).toBe(1)
  expect(value('resource_lock_wait_time_seconds_count', web)).toBe(2)
  expect(value('resource_locks_active', {resource_type: 'deployment'})).toBe(0)
  expect(value('agent_registry_agents_total', {status: 'active'})).toBeGreaterThanOrEqual(3)
  expect(value('agent_request_timeouts_total', {target_agent: 'sleeper', source_agent: 'tester'})).toBe(1)
  expect(value('agent_requests_active', {target_agent: 'sleeper'})).toBe(0)
  expect(value('event_bus_transport_up')).toBe(1)
  expect(value('event_bus_subscriber_errors_total', {callback_name: 'registry_memory'})).toBe(1)
})
