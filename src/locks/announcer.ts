import type {Logger} from '../platform/logger.ts'
import type {LockMetrics} from './metrics.ts'
import type {Lapsed} from './store.ts'

export type LockEvent =
  | {
      readonly type: 'resource.locked'
      readonly data: {readonly resource_id: string; readonly agent_id: string; readonly expires_at: string}
    }
  | {
      readonly type: 'resource.unlocked'
      readonly data: {readonly resource_id: string; readonly agent_id: string; readonly reason?: string}
    }

export type Announcer = ReturnType<typeof createAnnouncer>

/** Says what became of locks: events for whoever subscribes, counters, the log. */
export function createAnnouncer(options: {
  readonly metrics: Pick<LockMetrics, 'acquired' | 'released'>
  /** Must not throw; nothing waits for it. */
  readonly emit: (event: LockEvent) => void
  readonly log: Pick<Logger, 'warn'>
}) {
  const {metrics, emit, log} = options

  function unlocked(resource: string, owner: string, reason?: string): void {
    emit({
      type: 'resource.unlocked',
      data: {resource_id: resource, agent_id: owner, ...(reason === undefined ? {} : {reason})},
    })
  }

  return {
    locked(resource: string, owner: string, leaseMs: number): void {
      metrics.acquired(resource, owner)
      const expires_at = new Date(Date.now() + leaseMs).toISOString()
      emit({type: 'resource.locked', data: {resource_id: resource, agent_id: owner, expires_at}})
    },

    released(resource: string, owner: string): void {
      metrics.released(resource, owner)
      unlocked(resource, owner)
    },

    /** Told by whoever found them, once each: their holders may not live any more. */
    lapsed(lapsed: readonly Lapsed[]): void {
      for (const {resource, owner} of lapsed) {
        log.warn({resource, owner}, 'a lock lapsed')
        unlocked(resource, owner, 'expired')
      }
    },

    forced(
      resource: string,
      owner: string,
      {by, reason}: {readonly by: string; readonly reason: string},
    ): void {
      log.warn({resource, owner, by, reason}, 'lock taken away')
      unlocked(resource, owner, 'force_unlock')
    },
  }
}
