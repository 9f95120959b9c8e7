import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import {createLockStore} from '../../src/locks/store.ts'
import {LOCKS_SWEEP_MS} from '../../src/locks/service.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import {createMetrics} from '../../src/platform/metrics.ts'
import {migrate} from '../../src/platform/migrations.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {openRegistry, watchNotifications} from '../../src/registry/index.ts'
import {REGISTRY_SWEEP_MS} from '../../src/registry/service.ts'
import {startSweeper} from '../../src/worker/sweeper.ts'
import type {Servers} from './servers.ts'
import type {Verdict} from './verdicts.ts'

const LOCKS = 20

/**
 * How late an end is noticed that nobody announces, with the sweeps of a worker: locks whose holders are gone, from the
 * end of their leases to being free; and an agent that fell silent, from its last sign of life to the news.
 */
export async function measureExpiry(
  servers: Servers,
  {agentLeaseMs}: {readonly agentLeaseMs: number},
): Promise<readonly Verdict[]> {
  const databaseUrl = await servers.database()
  await migrate({databaseUrl, queueOnPostgres: false, log: silentLogger})
  const pool = createPool({connectionString: databaseUrl, onError: () => undefined})
  const store = createLockStore({pool})
  let toldAt: number | undefined
  const registry = openRegistry({
    pool,
    watch: watchNotifications(databaseUrl, silentLogger),
    leaseMs: agentLeaseMs,
    urlRules: {},
    agents: [],
    emit:
      async (_type, {to}) =>
      () => {
        if (to === 'offline') toldAt = performance.now()
      },
    metrics: createMetrics(),
    log: silentLogger,
  })
  const sweeper = startSweeper({
    db: pool,
    log: silentLogger,
    sweeps: [
      {name: 'locks', everyMs: LOCKS_SWEEP_MS, run: () => store.sweep()},
      {name: 'agents', everyMs: REGISTRY_SWEEP_MS, run: () => registry.sweep()},
    ],
  })
  try {
    const silentSince = performance.now()
    await registry.register(
      {agentId: 'silent', instanceId: 'gone', agentName: 'Silent', capabilities: [], metadata: {}},
      'bench',
    )
    const late = await Promise.all(Array.from({length: LOCKS}, (_, n) => lateness(store, pool, `file:${n}`)))
    while (toldAt === undefined) await sleep(20)
    const [slowest, noticed] = [Math.max(...late), toldAt - silentSince]
    return [
      {
        what: 'a lapsed lock is free again',
        measured: `${slowest.toFixed(0)} ms at most`,
        goal: '< 5 s',
        reached: slowest < 5_000,
      },
      {
        what: 'a silent agent is noticed',
        measured: `${(noticed / 1000).toFixed(1)} s`,
        goal: '< 60 s',
        reached: noticed < 60_000,
      },
    ]
  } finally {
    await sweeper.close()
    await registry.close()
    await pool.end()
  }
}

/** From the end of a lease that nobody renews to the lock being free. */
async function lateness(
  store: ReturnType<typeof createLockStore>,
  pool: ReturnType<typeof createPool>,
  resource: string,
): Promise<number> {
  const ttlMs = 100 + Math.random() * LOCKS_SWEEP_MS
  const claim = {resource, token: randomUUID(), again: false, owner: 'gone', kind: 'exclusive'} as const
  await store.claim({
    ...claim,
    ...{ttlMs: Math.round(ttlMs), silenceMs: 0, priority: 0, waitedMs: 0},
    ...{holding: [], reason: undefined, metadata: {}},
  })
  const ends = performance.now() + ttlMs
  for (;;) {
    const {rowCount} = await pool.query(
      'select from resource_locks where resource_id = $1 and owner_token is not null',
      [resource],
    )
    if (rowCount === 0) return performance.now() - ends
    await sleep(10)
  }
}
