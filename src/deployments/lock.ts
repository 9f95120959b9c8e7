import type {Locks} from '../locks/service.ts'
import type {DurableClaim} from '../locks/request.ts'
import {ellipsis} from '../kernel/markdown.ts'
import type {Db} from '../platform/postgres.ts'
import type {DeploymentEvent} from './decide.ts'
import {lockOf, type DeploymentRequest, type DeploymentState} from './state.ts'

export type DeploymentLock = ReturnType<typeof createDeploymentLock>

const MIN_TTL_MS = 60_000

/**
 * `deployment:<environment>:<service>`, held from the record that begins the dispatch to the deployment's end, both
 * times in that very transaction: one round trip each, and no moment in between for a crash. The claim's token is the
 * deployment's id, so whichever worker carries the deployment on carries on the same claim, and while any worker
 * lives `keep` renews the locks of all deployments. The lease outlasts the take-over of a dead worker's work.
 */
export function createDeploymentLock({
  locks,
  leaseMs,
}: {
  readonly locks: Pick<Locks, 'claimWithin' | 'releaseWithin' | 'keep'>
  /** How long a dead worker's deployment waits before another one takes it over. */
  readonly leaseMs: number
}) {
  const ttlMs = Math.max(MIN_TTL_MS, 4 * leaseMs)

  return {
    /** How often `keep` is due. */
    keepEveryMs: ttlMs / 3,

    /** The fact to record for a deployment about to be dispatched: it begins, or stands in line. */
    async enter(
      db: Db,
      {request, phase, line}: DeploymentState,
      at: number,
    ): Promise<{readonly event: DeploymentEvent; readonly announce: () => void}> {
      // Stopped a moment ago: there is nothing to hold a lock for.
      if (phase !== 'requested') return {event: {type: 'dispatch-began', at}, announce: () => undefined}
      const {outcome, announce} = await locks.claimWithin(db, lockOf(request), {
        ...claimOf(request),
        kind: 'deploy',
        ttlMs,
        silenceMs: ttlMs,
        reason: printable(`deploys ${request.target} (${request.ref})`, 500),
        metadata: {deployment: request.correlationId, holder: request.requester},
        waitedMs: line === undefined ? 0 : at - line.since,
      } satisfies DurableClaim)
      switch (outcome.kind) {
        case 'granted':
          return {event: {type: 'dispatch-began', at, fence: outcome.fence}, announce}
        case 'held': {
          const {by, ahead} = outcome
          const holder = by && {owner: by.owner, ...(by.reason === null ? {} : {reason: by.reason})}
          return {event: {type: 'lined-up', at, ahead, ...(holder ? {holder} : {})}, announce}
        }
        case 'deadlock':
          // Only who waits while holding another lock can be part of a circle.
          throw new Error(`${outcome.resource}: a deployment waits for nothing else`)
      }
    },

    /** Gives the lock back, or the place in line; what it answers is to be called after the commit. */
    async leave(db: Db, {request, line, lock}: DeploymentState): Promise<() => void> {
      if (!line && !lock) return () => undefined
      const {announce} = await locks.releaseWithin(db, lockOf(request), claimOf(request))
      return announce
    },

    /** Renews the locks of deployments under way; answers those that have lost theirs. */
    async keep(requests: readonly DeploymentRequest[]): Promise<readonly DeploymentRequest[]> {
      if (requests.length === 0) return []
      const kept = await locks.keep(
        requests.map(request => ({resource: lockOf(request), token: request.correlationId})),
        ttlMs,
      )
      return requests.filter(request => !kept.has(request.correlationId))
    },
  }
}

function claimOf({correlationId, requester}: DeploymentRequest): {
  readonly token: string
  readonly owner: string
} {
  return {token: correlationId, owner: printable(requester.name, 128) || 'somebody'}
}

/** A lock's texts are single lines without invisible characters; names of people may be anything. */
function printable(text: string, maxLength: number): string {
  return ellipsis(text.replace(/[\p{Cc}\p{Cs}]+/gu, ' ').trim(), maxLength)
}
