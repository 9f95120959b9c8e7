import type {Pool} from 'pg'
import type {UrlRules} from '../kernel/public-url.ts'
import type {Logger} from '../platform/logger.ts'
import type {Metrics} from '../platform/metrics.ts'
import {listen} from '../platform/postgres.ts'
import type {AgentDefinition} from '../sdk/index.ts'
import {createDirectory, type Directory} from './directory.ts'
import {createRegistryMetrics} from './metrics.ts'
import {staticRecord} from './registration.ts'
import {createRegistryService, type EmitStatusChange, type RegistryService} from './service.ts'
import {createRegistryStore, REGISTRY_CHANNEL} from './store.ts'

/** The front door of the registry: who can do what, and is alive. */
export interface Registry extends RegistryService {
  /** Reads, from memory. */
  readonly directory: Directory
  close(): Promise<void>
}

/**
 * Tells which agent changed, or, without one, that any may have: each time listening begins, for one. By Postgres
 * notifications here; the bus may take over.
 */
export type WatchRegistry = (changed: (agentId?: string) => void) => {close(): Promise<void>}

/** The longest that memory is trusted without a word from the registry; less when leases are short. */
const MAX_TTL_MS = 5_000

/** The registry over one pool: written to Postgres, read from memory. To close it ends the listening. */
export function openRegistry({
  pool,
  watch,
  leaseMs,
  urlRules,
  agents,
  emit,
  metrics,
  log,
}: {
  readonly pool: Pool
  readonly watch: WatchRegistry
  readonly leaseMs: number
  /** What the `base_url` of an agent must satisfy. */
  readonly urlRules: UrlRules
  /** The agents of this checkout: the map of last resort while nothing can be read. */
  readonly agents: Iterable<AgentDefinition>
  readonly emit: EmitStatusChange
  readonly metrics: Pick<Metrics, 'registry'>
  readonly log: Logger
}): Registry {
  const store = createRegistryStore({pool, leaseMs})
  const observe = createRegistryMetrics({registry: metrics.registry, census: () => store.census()})
  const directory = createDirectory({
    read: store.reader(),
    ttlMs: Math.min(MAX_TTL_MS, leaseMs / 6),
    statics: [...agents].map(staticRecord),
    assigned: agentId => store.assigned(agentId),
    observe,
  })
  const watching = watch(directory.invalidate)
  const service = createRegistryService({
    pool,
    store,
    urlRules,
    emit,
    metrics: observe,
    changed: directory.invalidate,
    log,
  })
  return {...service, directory, close: () => watching.close()}
}

/** Watches by Postgres notifications: one connection of its own. */
export function watchNotifications(databaseUrl: string, log: Pick<Logger, 'warn'>): WatchRegistry {
  return changed =>
    listen({
      connectionString: databaseUrl,
      channels: [REGISTRY_CHANNEL],
      onNotify: (_channel, agentId) => changed(agentId),
      onListening: () => changed(),
      onError: error => log.warn({err: error}, 'not listening for registry changes; trying again'),
    })
}
