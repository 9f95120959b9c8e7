import type {Registry} from 'prom-client'
import {createInstruments} from '../platform/instruments.ts'
import {RESOURCE_TYPE_LABELS, resourceType} from './decide.ts'
import type {LockStore} from './store.ts'

export interface LockMetrics {
  acquired(resource: string, owner: string): void
  /** The first vain attempt of a call. */
  contended(resource: string, owner: string): void
  released(resource: string, owner: string): void
  /** Waited, then gave up. */
  timedOut(resource: string, owner: string): void
  /** The end of a wait, in whichever way; also a wait of nothing. */
  waited(resource: string, owner: string, seconds: number): void
  deadlocked(resource: string): void
}

/**
 * The metrics of locks. Labels are closed sets: `resource_type` is the known beginning of the resource's name, and
 * `agent_id` the owner where it is a known agent, else `other`.
 */
export function createLockMetrics(options: {
  readonly registry: Registry
  readonly agents: ReadonlySet<string>
  readonly countActive: LockStore['countActive']
}): LockMetrics {
  const {registry, agents, countActive} = options
  const {counter, histogram, gauge} = createInstruments(registry)
  const labelNames = ['resource_type', 'agent_id'] as const
  const labels = (resource: string, owner: string) => ({
    resource_type: resourceType(resource),
    agent_id: agents.has(owner) ? owner : 'other',
  })

  const acquisitions = counter('resource_lock_acquisitions_total', 'Locks taken', labelNames)
  const contentions = counter(
    'resource_lock_contentions_total',
    'Requests that met a holder or a line',
    labelNames,
  )
  const releases = counter('resource_lock_releases_total', 'Locks given back', labelNames)
  const timeouts = counter('resource_lock_timeouts_total', 'Requests that waited and gave up', labelNames)
  const waits = histogram(
    'resource_lock_wait_time_seconds',
    'From a request for a lock to its end',
    [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60],
    labelNames,
  )
  const deadlocks = counter('resource_lock_deadlocks_total', 'Waiters told that they wait for each other', [
    'resource_type',
  ])
  gauge('resource_locks_active', 'Locks held, as the database says; absent while it does not answer', {
    labelNames: ['resource_type'],
    ask: countActive,
    show(counts) {
      const totals = new Map<string, number>(RESOURCE_TYPE_LABELS.map(type => [type, 0]))
      for (const [prefix, count] of counts) {
        const type = resourceType(prefix)
        totals.set(type, (totals.get(type) ?? 0) + count)
      }
      return [...totals].map(([resource_type, total]) => [{resource_type}, total])
    },
  })

  return {
    acquired: (resource, owner) => acquisitions.inc(labels(resource, owner)),
    contended: (resource, owner) => contentions.inc(labels(resource, owner)),
    released: (resource, owner) => releases.inc(labels(resource, owner)),
    timedOut: (resource, owner) => timeouts.inc(labels(resource, owner)),
    waited: (resource, owner, seconds) => waits.observe(labels(resource, owner), seconds),
    deadlocked: resource => deadlocks.inc({resource_type: resourceType(resource)}),
  }
}
