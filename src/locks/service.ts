import {AsyncLocalStorage} from 'node:async_hooks'
import {AppError} from '../kernel/errors.ts'
import type {Logger} from '../platform/logger.ts'
import {createAcquire} from './acquire.ts'
import {createAnnouncer, type LockEvent} from './announcer.ts'
import {createBells} from './bells.ts'
import {findDeadlocks} from './decide.ts'
import {stopwatch, type HeldLock} from './lease.ts'
import type {LockMetrics} from './metrics.ts'
import {
  refusalError,
  toClaim,
  toRefusal,
  type AcquireOptions,
  type DurableClaim,
  type HeldLocks,
  type Refusal,
} from './request.ts'
import type {LockStore} from './store.ts'

export interface LocksOptions {
  readonly store: LockStore
  /** Of the same database, for wake-ups. */
  readonly databaseUrl: string
  readonly metrics: LockMetrics
  /** Must not throw; nothing waits for it. */
  readonly emit: (event: LockEvent) => void
  readonly log: Pick<Logger, 'warn'>
  /** Told of each grant or loss of a token that no call of this process waits for: the moment to repeat a durable claim. */
  readonly onStranger?: (token: string) => void
}

export type Locks = ReturnType<typeof createLocks>

/**
 * Leases with fences. Postgres is the truth and its clock the only one that counts; this process queues up callers
 * that want the same thing, waits without holding a connection, renews what it holds, and never takes a lock for held
 * when the database is in doubt.
 */
export function createLocks({store, databaseUrl, metrics, emit, log, onStranger}: LocksOptions) {
  const announcer = createAnnouncer({metrics, emit, log})
  const bells = createBells({
    databaseUrl,
    onError: error => log.warn({reason: error.message}, 'wake-ups of locks interrupted'),
    onStranger: token => onStranger?.(token),
  })
  const taking = createAcquire({store, bells, metrics, announcer, untangle, log})
  /** The locks around the code that runs now: what it takes inside, it takes while holding these. */
  const around = new AsyncLocalStorage<readonly string[]>()

  async function acquire(resource: string, request: AcquireOptions): Promise<HeldLock | Refusal> {
    const holding = [...(around.getStore() ?? []), ...(request.holding ?? []).map(lock => lock.token)]
    return taking.acquire(resource, request, holding)
  }

  /** Tells the youngest of each circle of waiters; answers how many. */
  async function untangle(): Promise<number> {
    const {holders, waiters} = await store.tangle()
    let told = 0
    for (const {victim, circle} of findDeadlocks(holders, waiters)) {
      if (!(await store.refuse(victim.token))) continue
      told++
      metrics.deadlocked(victim.resource)
      log.warn(
        {told: victim.owner, circle: circle.map(waiter => `${waiter.owner} waits for ${waiter.resource}`)},
        'deadlock',
      )
    }
    return told
  }

  return {
    /**
     * Takes a lock, or says who has it. Not re-entrant. With `waitMs` it stands in line, first come first served
     * within a priority. Throws UPSTREAM_UNAVAILABLE when the database does not answer: then nothing is held.
     */
    acquire,

    /** Takes all of several locks or none, in one order for everybody, so that no two such calls block each other. */
    async acquireMany(
      resources: readonly string[],
      {waitMs = 0, holding = [], ...request}: AcquireOptions,
    ): Promise<HeldLocks | Refusal> {
      const waited = stopwatch()
      const locks: HeldLock[] = []
      const release = async () => {
        for (const lock of [...locks].reverse()) await lock.release()
      }
      try {
        for (const resource of [...new Set(resources)].sort()) {
          const left = Math.max(0, waitMs - waited())
          const lock = await acquire(resource, {...request, waitMs: left, holding: [...holding, ...locks]})
          if (lock.kind !== 'acquired') {
            await release()
            return lock
          }
          locks.push(lock)
        }
      } catch (error) {
        await release()
        throw error
      }
      const lost = new AbortController()
      for (const {signal} of locks) {
        if (signal.aborted) lost.abort(signal.reason)
        signal.addEventListener('abort', () => lost.abort(signal.reason), {once: true})
      }
      return {kind: 'acquired', locks, signal: lost.signal, release}
    },

    /**
     * Runs `body` while holding the lock and gives it back whatever happens. Throws CONFLICT, naming the holder, when
     * it is not to be had; CONTENDED on a deadlock; and CONFLICT again when it was lost before `body` ended, since
     * what `body` did may then have met somebody else's work.
     */
    async withLock<T>(
      resource: string,
      request: AcquireOptions,
      body: (lock: HeldLock) => Promise<T>,
    ): Promise<T> {
      const lock = await acquire(resource, request)
      if (lock.kind !== 'acquired') throw refusalError(lock)
      try {
        const result = await around.run([...(around.getStore() ?? []), lock.token], () => body(lock))
        lock.signal.throwIfAborted()
        if (!lock.held())
          throw new AppError('CONFLICT', `The lock on ${resource} ran out before the work ended.`)
        return result
      } finally {
        await lock.release()
      }
    },

    /**
     * One step of a request that outlives this process: claims, or asks again under the same token. Granted, it lasts
     * `ttlMs` from now; it is kept by claiming again, and given back by `release`.
     */
    async claim(
      resource: string,
      request: DurableClaim,
    ): Promise<{readonly kind: 'granted'; readonly fence: number} | Refusal> {
      const {token, owner, ttlMs, silenceMs} = request
      const reply = await store.claim({...toClaim(resource, token, request, []), again: true, silenceMs})
      announcer.lapsed(reply.lapsed)
      if (reply.outcome === 'deadlock') return {kind: 'deadlock', resource}
      if (reply.outcome === 'held') return toRefusal(resource, reply)
      if (reply.leaseMs < ttlMs && !(await store.renew(resource, token, ttlMs)))
        throw new AppError('CONTENDED', `The lock on ${resource} was lost while it was being renewed.`)
      if (reply.fence !== request.fence) announcer.locked(resource, owner, ttlMs)
      return {kind: 'granted', fence: reply.fence}
    },

    /** Gives back what a durable claim holds, or its place in line; `gone` when it had neither any more. */
    async release(
      resource: string,
      {token, owner}: {readonly token: string; readonly owner: string},
    ): Promise<'released' | 'left' | 'gone'> {
      const outcome = await store.release(resource, token)
      if (outcome === 'released') announcer.released(resource, owner)
      return outcome
    },

    /** Makes a lease last `ttlMs` from now, while it is still had; false once it is lost. */
    renew: (resource: string, token: string, ttlMs: number) => store.renew(resource, token, ttlMs),

    /**
     * Takes a resource away from its holders, who are told, and hands it to the next in line. With a `fence` only from
     * the holder with that one, so that a decision made about one holder never hits the next. Answers whose it was.
     */
    async forceUnlock(
      resource: string,
      request: {readonly by: string; readonly reason: string; readonly fence?: number | undefined},
    ): Promise<readonly string[]> {
      const previous = await store.force(resource, request)
      for (const {owner} of previous) announcer.forced(resource, owner, request)
      return previous.map(({owner}) => owner)
    },

    /** Every live lock with its line of waiters. */
    list: () => store.list(),

    /** Frees what lapsed and untangles deadlocks; to be run every second or two by some process. */
    async sweep(): Promise<number> {
      const lapsed = await store.sweep()
      announcer.lapsed(lapsed)
      return lapsed.length + (await untangle())
    },

    /** Ends what waits, gives back what this process still holds, and stops listening. */
    async close(): Promise<void> {
      await taking.close()
      await bells.close()
    },
  }
}
