import type pg from 'pg'
import {registryRoutes} from '../../src/api/registry.ts'
import {createApi} from '../../src/api/server.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {createMetrics} from '../../src/platform/metrics.ts'
import {migrate} from '../../src/platform/migrations.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createRedactor} from '../../src/platform/redact.ts'
import {openRegistry, watchNotifications} from '../../src/registry/index.ts'
import type {Servers} from './servers.ts'
import {median, percentile} from './statistics.ts'
import {sayVerdicts, type Verdict} from './verdicts.ts'

const AGENTS = 1_000
const CAPABILITIES = 10
const TOKEN = 'bench-token-0123456789'

export interface LookupResult {
  readonly name: string
  /** Milliseconds; medians over the rounds. */
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface RegistryResult {
  /** Reading all agents for the first time. */
  readonly coldMs: number
  /** The heartbeats of all agents in one statement. */
  readonly beatMs: number
  readonly lookups: readonly LookupResult[]
}

/**
 * Discovery at 1,000 agents of 10 capabilities each, through the parts that production runs, while heartbeats come in
 * and another agent changes status ten times a second, so that memory is dropped as often. Beside it, interleaved:
 * the same lookup as one indexed SQL query, which knows nothing of leases, scores or loads.
 */
export async function measureRegistry(
  servers: Servers,
  {rounds, lookups}: {readonly rounds: number; readonly lookups: number},
): Promise<RegistryResult> {
  const databaseUrl = await servers.database()
  const log = createLogger({
    level: 'warn',
    redactor: createRedactor([]),
    destination: {write: line => void process.stderr.write(line)},
  })
  await migrate({databaseUrl, queueOnPostgres: false, log})
  const pool = createPool({
    connectionString: databaseUrl,
    onError: error => log.warn({err: error}, 'connection'),
  })
  const registry = openRegistry({
    pool,
    watch: watchNotifications(databaseUrl, log),
    leaseMs: 30_000,
    urlRules: {},
    agents: [],
    emit: async () => undefined,
    metrics: createMetrics(),
    // A thousand agents that change status would fill the screen.
    log: {...log, info: () => undefined},
  })
  const app = await createApi({
    apiToken: TOKEN,
    metricsToken: undefined,
    log,
    routes: [registryRoutes({registry})],
  })
  const url = await app.listen({host: '127.0.0.1', port: 0})
  const {directory} = registry

  await fill(pool, registry)
  const beats = Array.from({length: AGENTS}, (_, n) => ({agentId: agentId(n), load: {active: n % 4}}))
  const coldMs = await timed(() => directory.list())
  const beatMs = await timed(() => registry.heartbeat(beats))

  let changes = 0
  const churn = setInterval(() => {
    const n = ++changes % AGENTS
    void registry.setStatus(agentId(n), changes % (2 * AGENTS) < AGENTS ? 'busy' : 'active')
  }, 100)
  const beating = setInterval(() => void registry.heartbeat(beats), 2_000)

  const subjects: readonly {readonly name: string; look(n: number): Promise<unknown>}[] = [
    {name: 'query by exact name', look: n => directory.query({keywords: [capability(n, n % CAPABILITIES)]})},
    {name: 'query, 3 loose keywords', look: n => directory.query({keywords: ['deploy', `${n}`, 'team']})},
    {name: 'search by text', look: n => directory.search(`of agent ${n}`)},
    {name: 'one agent', look: n => directory.get(agentId(n))},
    {
      name: 'query over HTTP',
      look: n => ask(url, {capability_keywords: [capability(n, 3)]}),
    },
    {
      name: 'SQL alone, exact name',
      look: n =>
        pool.query({
          name: 'bench-capability',
          text: 'select agent_id, agent_name, base_url from agent_registry where capabilities @> $1::jsonb',
          values: [JSON.stringify([{name: capability(n, n % CAPABILITIES)}])],
        }),
    },
  ]
  const samples = subjects.map(() => [] as number[][])
  for (let round = -1; round < rounds; round++) {
    for (const [index, {look}] of subjects.entries()) {
      const times: number[] = []
      for (let i = 0; i < lookups; i++) times.push(await timed(() => look((i * 7 + round) % AGENTS)))
      if (round >= 0) samples[index]?.push(times)
    }
  }

  clearInterval(churn)
  clearInterval(beating)
  await app.close()
  await registry.close()
  await pool.end()
  return {
    coldMs,
    beatMs,
    lookups: subjects.map(({name}, index) => {
      const times = samples[index] ?? []
      return {
        name,
        p50: median(times.map(round => percentile(round, 0.5))),
        p99: median(times.map(round => percentile(round, 0.99))),
        max: Math.max(...times.flat()),
      }
    }),
  }
}

/** `npm run bench -- registry`, and the part of `coordination` about it. */
export async function benchRegistry(
  servers: Servers,
  size: {readonly rounds: number; readonly lookups: number} = {rounds: 5, lookups: 200},
): Promise<readonly Verdict[]> {
  const {coldMs, beatMs, lookups} = await measureRegistry(servers, size)
  const say = (line: string) => process.stdout.write(`${line}\n`)
  say(
    `Discovery among ${AGENTS.toLocaleString('en')} agents of ${CAPABILITIES} capabilities, one changing every 100 ms`,
  )
  say('                                  p50 ms    p99 ms    max ms')
  for (const {name, p50, p99, max} of lookups)
    say(`  ${name.padEnd(30)}${[p50, p99, max].map(value => value.toFixed(2).padStart(8)).join('  ')}`)
  say(
    `  first read of all ${coldMs.toFixed(0)} ms   heartbeats of all, one statement ${beatMs.toFixed(0)} ms`,
  )
  const worst = Math.max(...lookups.map(({p99}) => p99))
  const verdicts = [
    {what: 'discovery', measured: `p99 ${worst.toFixed(2)} ms`, goal: '< 50 ms', reached: worst < 50},
  ]
  sayVerdicts(verdicts)
  say('')
  return verdicts
}

/** A thousand registrations, the way agents make them. */
async function fill(
  pool: pg.Pool,
  registry: Pick<ReturnType<typeof openRegistry>, 'register'>,
): Promise<void> {
  for (let n = 0; n < AGENTS; n++) {
    await registry.register(
      {
        agentId: agentId(n),
        instanceId: 'bench',
        agentName: `Agent ${n}`,
        baseUrl: `https://agent-${n}.example.com`,
        capabilities: Array.from({length: CAPABILITIES}, (_, index) => ({
          name: capability(n, index),
          description: `Deploys part ${index} of agent ${n}, and says what came of it`,
          parameters: {target: 'string', count: 'integer'},
          tags: ['bench', `team-${n % 20}`],
        })),
        metadata: {team: `team-${n % 20}`},
        load: {active: n % 4, capacity: 4},
      },
      'bench',
    )
  }
  await pool.query('analyze agent_registry')
}

const agentId = (n: number) => `agent-${n}`
const capability = (n: number, index: number) => `deploy_${n % 100}_part_${index}`

async function ask(url: string, query: object): Promise<void> {
  const response = await fetch(new URL('/capabilities/query', url), {
    method: 'POST',
    headers: {authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json'},
    body: JSON.stringify(query),
  })
  await response.json()
  if (!response.ok) throw new Error(`query answered ${response.status}`)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}
