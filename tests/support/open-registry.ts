import type pg from 'pg'
import {Registry as PrometheusRegistry} from 'prom-client'
import type {Registration} from '../../src/registry/agent.ts'
import {openRegistry, watchNotifications, type Registry} from '../../src/registry/index.ts'
import type {EmitStatusChange, StatusChange} from '../../src/registry/service.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import type {AgentDefinition} from '../../src/sdk/index.ts'
import {aCapability} from './registry.ts'

export interface TestRegistry extends Registry {
  readonly pool: pg.Pool
  readonly changes: readonly StatusChange[]
  /** What a scrape of this process says; `metrics` are its lines without the comments. */
  scrape(): Promise<string>
  metrics(): Promise<readonly string[]>
}

/** One process's worth of registry on the database, which notes the changes it announces. */
export function openTestRegistry(
  databaseUrl: string,
  options: {
    readonly leaseMs?: number
    readonly agents?: Iterable<AgentDefinition>
    readonly emit?: EmitStatusChange
  } = {},
): TestRegistry {
  const pool = createPool({connectionString: databaseUrl, onError: () => undefined})
  const changes: StatusChange[] = []
  const register = new PrometheusRegistry()
  const registry = openRegistry({
    pool,
    watch: watchNotifications(databaseUrl, silentLogger),
    leaseMs: options.leaseMs ?? 30_000,
    urlRules: {},
    agents: options.agents ?? [],
    emit: options.emit ?? (async (_type, change) => void changes.push(change)),
    metrics: {registry: register},
    log: silentLogger,
  })
  return {
    ...registry,
    pool,
    changes,
    scrape: () => register.metrics(),
    async metrics() {
      return (await register.metrics()).split('\n').filter(line => line !== '' && !line.startsWith('#'))
    },
    async close() {
      await registry.close()
      await pool.end()
    },
  }
}

/** What an agent called `a` that can review declares. */
export function aRegistration(registration: Partial<Registration> = {}): Registration {
  return {
    agentId: 'a',
    instanceId: 'i1',
    agentName: `Agent ${registration.agentId ?? 'a'}`,
    capabilities: [aCapability()],
    metadata: {},
    ...registration,
  }
}

/** Ends leases as time would, without waiting for it. */
export async function lapse(pool: pg.Pool, agentId: string, instanceId?: string): Promise<void> {
  await pool.query(
    `update agent_instances set lease_expires_at = now() - interval '1 ms'
     where agent_id = $1 and ($2::text is null or instance_id = $2)`,
    [agentId, instanceId ?? null],
  )
}
