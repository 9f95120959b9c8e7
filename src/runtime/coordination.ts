import {randomUUID} from 'node:crypto'
import type {Pool} from 'pg'
import {z} from 'zod'
import {createEvents, type EventsWithJournal, type RelayWhere} from '../events/index.ts'
import {correlation} from '../kernel/correlation.ts'
import type {UrlRules} from '../kernel/public-url.ts'
import type {LockEvent} from '../locks/announcer.ts'
import {createLockMetrics} from '../locks/metrics.ts'
import {createLocks, type Locks} from '../locks/service.ts'
import {createLockStore} from '../locks/store.ts'
import type {Logger} from '../platform/logger.ts'
import type {Metrics} from '../platform/metrics.ts'
import {agentIdShape} from '../registry/agent.ts'
import {openRegistry, watchNotifications, type Registry} from '../registry/index.ts'
import type {AgentDefinition} from '../sdk/index.ts'

/** How agents find each other, talk, and don't collide: one process's worth of it. */
export interface Coordination {
  /** This process in the registry and on the bus; another at each start, so that nobody waits for a dead one's answer. */
  readonly instanceId: string
  readonly registry: Registry
  readonly events: EventsWithJournal
  readonly locks: Locks
  close(): Promise<void>
}

/** What is still being answered at the end gets this long. */
const GRACE_MS = 5_000

export function openCoordination({
  pool,
  databaseUrl,
  where,
  namespace,
  leaseMs,
  urlRules,
  agents,
  metrics,
  log,
}: {
  readonly pool: Pool
  readonly databaseUrl: string
  /** Where the bus runs, and what keeps installations on one server apart. */
  readonly where: RelayWhere
  readonly namespace: string | undefined
  /** Of agents. */
  readonly leaseMs: number
  readonly urlRules: UrlRules
  readonly agents: ReadonlyMap<string, AgentDefinition>
  readonly metrics: Metrics
  readonly log: Logger
}): Coordination {
  const instanceId = randomUUID()
  const registry = openRegistry({
    pool,
    watch: watchNotifications(databaseUrl, log),
    leaseMs,
    urlRules,
    agents: agents.values(),
    // Written with the change, so that it is told even if this process dies right after.
    emit: async (type, change, db) => {
      const event = await events.journal.emitWithin(db, type, {...change}, {source: 'registry'})
      return () => events.journal.announce([event])
    },
    metrics,
    log,
  })
  const events: EventsWithJournal = createEvents({
    where,
    registry: metrics.registry,
    log,
    directory: registry.directory,
    instanceId,
    pool,
    ...(namespace === undefined ? {} : {namespace}),
  })
  const lockStore = createLockStore({pool})
  const locks = createLocks({
    store: lockStore,
    databaseUrl,
    metrics: createLockMetrics({
      registry: metrics.registry,
      agents: new Set(agents.keys()),
      countActive: () => lockStore.countActive(),
    }),
    emit: tell,
    log,
  })

  // What the database's notifications say, heard by another way: either may be down.
  const changeOf = z.object({agent_id: agentIdShape})
  const subscription = events.bus.subscribe('agent.status_change', 'registry_memory', ({data}) =>
    registry.directory.invalidate(changeOf.parse(data).agent_id),
  )

  function tell({type, data}: LockEvent): void {
    events.bus
      .emit(type, data, {source: 'locks', correlationId: correlation.id()})
      .catch((error: unknown) => log.warn({err: error, event: type}, 'a lock’s event was not told'))
  }

  return {
    instanceId,
    registry,
    events,
    locks,
    async close() {
      await locks.close()
      await subscription.close()
      await events.close(GRACE_MS)
      await registry.close()
    },
  }
}
