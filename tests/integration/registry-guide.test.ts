import type {FastifyInstance} from 'fastify'
import {readFile} from 'node:fs/promises'
import {afterEach, beforeEach, expect, test} from 'vitest'
import agent from '../../agents/status_reporter.ts'
import {registryRoutes} from '../../src/api/registry.ts'
import {createApi} from '../../src/api/server.ts'
import {silentLogger, type LogFields} from '../../src/platform/logger.ts'
import {joinRegistry, type Membership} from '../../src/registry/membership.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {runSample, samplesOf} from '../support/guide.ts'
import {openTestRegistry, type TestRegistry} from '../support/open-registry.ts'

const GUIDE = 'AGENT_REGISTRY.md'
const TOKEN = 'guide-token-for-tests-0123'
const samples = await samplesOf(GUIDE)

let database: TestDatabase
let registry: TestRegistry
let app: FastifyInstance
let url: string
let said: string[]
let onTerm: (() => void) | undefined
let membership: Membership | undefined

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
  said = []
  onTerm = undefined
  membership = undefined
})

afterEach(async () => {
  await membership?.close()
  await app.close()
  await registry.close()
  await database.drop()
})

async function run(title: string): Promise<void> {
  const sample = samples.find(each => each.title.startsWith(title))
  if (!sample) throw new Error(`${GUIDE} has no sample under ${title}`)
  const say = (fields: LogFields, message: string) => void said.push(`${message} ${JSON.stringify(fields)}`)
  await runSample(sample, {
    url,
    token: TOKEN,
    agent,
    log: {info: say, warn: say},
    process: {once: (_signal: string, listener: () => void) => (onTerm = listener)},
  })
}

/** The agent of the samples, serving in this process. */
async function someoneWhoReports(): Promise<void> {
  membership = joinRegistry({
    registry,
    agents: [agent],
    instanceId: 'here',
    load: () => ({active: 0, capacity: 4}),
    heartbeatMs: 10_000,
    log: silentLogger,
  })
  await membership.joined
}

test('every sample of the guide is run here', () => {
  expect(samples.map(({title}) => title)).toEqual([
    'Example 1: an agent elsewhere registers itself',
    'Example 2: discovery',
    'Example 3: health, and falling back',
    'Nobody can do it',
    'Registration is refused',
    'A heartbeat is not taken',
  ])
})

test('self-registration: the agent is there, says when it is busy, and leaves when told to end', async () => {
  await run('Example 1')
  const status = async () => (await registry.directory.get(agent.id))?.status
  await expect.poll(status).toBe('busy')
  onTerm?.()
  await expect.poll(status).toBe('offline')
})

test('discovery finds who can do it', async () => {
  await someoneWhoReports()
  await run('Example 2')
  expect(said).toEqual([
    expect.stringContaining('"capability":"digest"'),
    `is a candidate ${JSON.stringify({agent: agent.id, confidence: 0.8})}`,
    `gets the work ${JSON.stringify({agent: agent.id, load: {active: 0, capacity: 4}})}`,
  ])
})

test('the fallback takes the shift', async () => {
  await someoneWhoReports()
  await run('Example 3')
  expect(said).toEqual([
    `fleet ${JSON.stringify({source: 'registry', living: 1, offline: 0})}`,
    `takes the shift ${JSON.stringify({agent: agent.id})}`,
  ])
})

test('a missing capability is left for a person', async () => {
  await run('Nobody can do it')
  expect(said.join()).toContain('No living agent offers translate.')
})

test('a refused address is told with its reason', async () => {
  await run('Registration is refused')
  expect(said.join()).toContain('base_url')
})

test('an agent that the registry does not know registers again', async () => {
  await run('A heartbeat is not taken')
  expect(await registry.directory.get('sleeper')).toMatchObject({status: 'active'})
})

test('the guide names every metric and every route', async () => {
  const guide = await readFile(new URL(`../../docs/${GUIDE}`, import.meta.url), 'utf8')
  for (const [, name = '', type = ''] of (await registry.scrape()).matchAll(/^# TYPE (\S+) (\S+)$/gm))
    expect(guide).toContain(`| \`${name}\` | ${type} |`)
  const openapi = (
    await app.inject({url: '/openapi.json', headers: {authorization: `Bearer ${TOKEN}`}})
  ).json<{
    paths: Record<string, Record<string, unknown>>
  }>()
  for (const [path, methods] of Object.entries(openapi.paths)) {
    if (path === '/openapi.json') continue
    for (const method of Object.keys(methods))
      expect(guide).toContain(`\`${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`)
  }
})
