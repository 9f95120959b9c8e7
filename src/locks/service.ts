import {AsyncLocalStorage} from 'node:async_hooks'
import {AppError} from '../kernel/errors.ts'
import type {Logger} from '../platform/logger.ts'
import type {Db} from '../platform/postgres.ts'
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
  type Claimed,
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
}

interface ClaimId {
  readonly token: string
  readonly owner: string
}

/** Why a lock is taken away from its holders, and from which. */
export interface Forcing {
  readonly by: string
  readonly reason: string
  readonly fence?: number | undefined
}

/** How often a worker frees what lapsed: well within the five seconds that are promised. */
export const LOCKS_SWEEP_MS = 2_000

export type Locks = ReturnType<typeof createLocks>

/**
 * Leases with fences. Postgres is the truth and its clock the only one that counts; this process queues up callers
 * that want the same thing, waits without holding a connection, renews what it holds, and never takes a lock for held
 * when the database is in doubt.
 */
export function createLocks({store, databaseUrl, metrics, emit, log}: LocksOptions) {
  const announcer = createAnnouncer({metrics, emit, log})
  const bells = createBells({
    databaseUrl,
    onError: error => log.warn({reason: error.message}, 'wake-ups of locks interrupted'),
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

  async function claimWithin(
    db: Db | undefined,
    resource: string,
    {waitedMs = 0, ...request}: DurableClaim,
  ): Promise<Claimed> {
    const {token, owner, ttlMs, silenceMs} = request
    const claim = {...toClaim(resource, token, request, []), again: true, silenceMs, waitedMs}
    const reply = await store.claim(claim, db)
    if (reply.outcome !== 'granted') {
      return {
        outcome: reply.outcome === 'deadlock' ? {kind: 'deadlock', resource} : toRefusal(resource, reply),
        announce: () => {
          announcer.lapsed(reply.lapsed)
          if (waitedMs === 0) metrics.contended(resource, owner)
        },
      }
    }
    const {fence, leaseMs, lapsed} = reply
    if (leaseMs < ttlMs && !(await store.renew(resource, token, ttlMs, db)))
      throw new AppError('CONTENDED', `The lock on ${resource} was lost while it was being renewed.`)
    return {
      outcome: {kind: 'granted', fence},
      announce: () => {
        announcer.lapsed(lapsed)
        if (fence === request.fence) return
        metrics.waited(resource, owner, waitedMs / 1000)
        announcer.locked(resource, owner, ttlMs)
      },
    }
  }

  async function releaseWithin(db: Db | undefined, resource: string, {token, owner}: ClaimId) {
    const outcome = await store.release(resource, token, db)
    return {
      outcome,
      announce: () => {
        if (outcome === 'released') announcer.released(resource, owner)
        if (outcome === 'left') metrics.timedOut(resource, owner)
      },
    }
  }

  async function forceWithin(db: Db | undefined, resource: string, request: Forcing) {
    const previous = await store.force(resource, request, db)
    return {
      previous: previous.map(({owner}) => owner),
      announce: () => {
        for (const {owner} of previous) announcer.forced(resource, owner, request)
      },
    }
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
        lock.check()
        return result
      } finally {
        await lock.release()
      }
    },

    /**
     * One step of a request that outlives this process: claims, or asks again under the same token. Granted, it lasts
     * `ttlMs` from now; it is kept by claiming again or by `keep`, and given back by `release`.
     */
    async claim(resource: string, request: DurableClaim): Promise<Claimed['outcome']> {
      const {outcome, announce} = await claimWithin(undefined, resource, request)
      announce()
      return outcome
    },

    /**
     * As `claim`, in the caller's transaction: what else it writes is written under the lock, which nobody can take
     * away before that has ended, so it needs no `checkFence`.
     */
    claimWithin: (db: Db, resource: string, request: DurableClaim) => claimWithin(db, resource, request),

    /** Gives back what a durable claim holds, or its place in line; `gone` when it had neither any more. */
    async release(resource: string, claim: ClaimId): Promise<'released' | 'left' | 'gone'> {
      const {outcome, announce} = await releaseWithin(undefined, resource, claim)
      announce()
      return outcome
    },

    /** As `release`, in the caller's transaction; `announce` is to be called once that is committed. */
    releaseWithin: (db: Db, resource: string, claim: ClaimId) => releaseWithin(db, resource, claim),

    /**
     * Keeps what durable claims hold for `ttlMs` from now, also what lapsed without anybody having taken it since.
     * Answers the tokens that still hold theirs.
     */
    keep: (locks: readonly {readonly resource: string; readonly token: string}[], ttlMs: number) =>
      store.keep(locks, ttlMs),

    /** From now on tells of each grant or loss of a token that no call of this process waits for. */
    watch(told: (token: string) => void): void {
      bells.hearStrangers(told)
    },

    /** Makes a lease last `ttlMs` from now, while it is still had; false once it is lost. */
    renew: (resource: string, token: string, ttlMs: number) => store.renew(resource, token, ttlMs),

    /**
     * Takes a resource away from its holders, who are told, and hands it to the next in line. With a `fence` only from
     * the holder with that one, so that a decision made about one holder never hits the next. Answers whose it was.
     */
    async forceUnlock(resource: string, request: Forcing): Promise<readonly string[]> {
      const {previous, announce} = await forceWithin(undefined, resource, request)
      announce()
      return previous
    },

    /** As `forceUnlock`, in the caller's transaction; `announce` is to be called once that is committed. */
    forceUnlockWithin: (db: Db, resource: string, request: Forcing) => forceWithin(db, resource, request),

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
