import {randomUUID} from 'node:crypto'
import {AppError, toError} from '../kernel/errors.ts'
import type {Logger} from '../platform/logger.ts'
import {isTransient} from '../platform/postgres.ts'
import type {Announcer} from './announcer.ts'
import type {Bell, Bells} from './bells.ts'
import {createLanes, type Turn} from './lanes.ts'
import {holdLease, stopwatch, type HeldLock} from './lease.ts'
import type {LockMetrics} from './metrics.ts'
import {toClaim, toRefusal, type AcquireOptions, type Refusal} from './request.ts'
import type {Claim, ClaimReply, LockStore} from './store.ts'

/** Waiters ask again this often, in case a wake-up was lost; it also keeps their place. */
const ASK_AGAIN_MS = 1_500
const SILENCE_MS = 5_000
/** Whoever waits for longer than this waits in the database, where everybody sees it. */
const VISIBLE_AFTER_MS = 500
/** The database gets this much longer than the wait before a request fails. */
const ANSWER_WITHIN_MS = 5_000

const NO_TURN = {waited: false, pass: () => undefined}

/**
 * Taking a lock and waiting for it: first in this process's own line, then in the database's. A waiter holds no
 * connection; it sleeps until the database wakes it, and asks again now and then in case the wake-up was lost.
 */
export function createAcquire(options: {
  readonly store: LockStore
  readonly bells: Bells
  readonly metrics: LockMetrics
  readonly announcer: Announcer
  readonly untangle: () => Promise<unknown>
  readonly log: Pick<Logger, 'warn'>
}) {
  const {store, bells, metrics, announcer, untangle, log} = options
  const lanes = createLanes()
  const held = new Set<HeldLock>()
  const waiting = new Set<Bell>()
  let closed = false

  async function acquire(
    resource: string,
    request: AcquireOptions,
    holding: readonly string[],
  ): Promise<HeldLock | Refusal> {
    const {owner, waitMs = 0, signal} = request
    const claim = toClaim(resource, randomUUID(), request, holding)
    const waited = stopwatch()
    const turn = await enter(claim, waitMs)
    const bell = bells.open(claim.token)
    const wake = () => bell.ring()
    signal?.addEventListener('abort', wake)
    waiting.add(bell)
    let contended = false
    const contend = () => {
      if (!contended) metrics.contended(resource, owner)
      contended = true
    }
    if (turn.waited) contend()
    let place = ''
    let lock: HeldLock | undefined
    try {
      for (let again = false; ; again = true) {
        if (closed || signal?.aborted === true) {
          if (again) await abandon(claim)
          throw signal?.aborted === true ? toError(signal.reason) : closing()
        }
        const left = waitMs - waited()
        const since = stopwatch()
        const reply = await ask(
          {...claim, again, silenceMs: left > 0 ? SILENCE_MS : 0, waitedMs: waitMs > 0 ? waited() : 0},
          left,
        )
        if (reply === 'no-answer') {
          await bell.heard(Math.min(left, 200 + Math.random() * 200))
          continue
        }
        if (reply.outcome === 'granted') {
          metrics.waited(resource, owner, waited() / 1000)
          // Others are in line: the next of this process joins it now, or it would come last again and again.
          if (reply.contested) turn.pass()
          lock = hold(claim, reply, since, bell, turn)
          return lock
        }
        contend()
        if (reply.outcome === 'deadlock' || left <= 0) {
          if (waitMs > 0) metrics.waited(resource, owner, waited() / 1000)
          if (reply.outcome === 'deadlock') return {kind: 'deadlock', resource}
          if (waitMs > 0) metrics.timedOut(resource, owner)
          return toRefusal(resource, reply)
        }
        const now = JSON.stringify([reply.by?.owner, reply.ahead])
        if (now !== place) request.onWaiting?.(toRefusal(resource, reply))
        place = now
        if (!again && holding.length > 0) await untangle()
        await bell.heard(Math.min(left, ASK_AGAIN_MS * (0.8 + Math.random() * 0.4)))
      }
    } finally {
      signal?.removeEventListener('abort', wake)
      waiting.delete(bell)
      if (!lock) {
        bell.close()
        turn.pass()
      }
    }
  }

  /** Whoever holds something goes to the database at once: only there is a deadlock seen. */
  async function enter(
    {resource, kind, priority, holding}: Claim,
    waitMs: number,
  ): Promise<Turn & {readonly waited: boolean}> {
    if (waitMs <= 0 || holding.length > 0) return NO_TURN
    return lanes.enter(`${priority} ${kind} ${resource}`, Math.min(waitMs, VISIBLE_AFTER_MS))
  }

  /** `no-answer`: the database was away, but there is time left to ask again. */
  async function ask(claim: Claim, left: number): Promise<ClaimReply | 'no-answer'> {
    const answer = store.claim(claim)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('timeout expired')), Math.max(0, left) + ANSWER_WITHIN_MS)
    })
    try {
      const reply = await Promise.race([answer, late])
      announcer.lapsed(reply.lapsed)
      return reply
    } catch (error) {
      if (!isTransient(error)) throw error
      if (left > 0) return 'no-answer'
      // It may have been granted without our knowing; nobody should have to wait for that lease to run out.
      void answer.then(
        () => abandon(claim),
        () => abandon(claim),
      )
      throw new AppError(
        'UPSTREAM_UNAVAILABLE',
        `The database did not say whether ${claim.resource} is free.`,
        {cause: error},
      )
    } finally {
      clearTimeout(timer)
    }
  }

  function hold(
    {resource, owner, token, ttlMs}: Claim,
    {fence, leaseMs}: {readonly fence: number; readonly leaseMs: number},
    since: () => number,
    bell: Bell,
    turn: Turn,
  ): HeldLock {
    announcer.locked(resource, owner, leaseMs)
    const lock = holdLease({
      resource,
      owner,
      token,
      fence,
      ttlMs,
      leaseMs,
      since,
      store,
      bell,
      onFault: error =>
        log.warn({resource, owner, reason: toError(error).message}, 'the database did not answer for a lock'),
      onEnd(how) {
        held.delete(lock)
        turn.pass()
        if (how === 'released') announcer.released(resource, owner)
        else log.warn({resource, owner, fence}, 'lock lost')
      },
    })
    held.add(lock)
    return lock
  }

  async function abandon({resource, token}: Claim): Promise<void> {
    await store
      .release(resource, token)
      .catch((error: unknown) =>
        log.warn({resource, reason: toError(error).message}, 'a place in line is left to fall silent'),
      )
  }

  return {
    acquire,

    /** Ends what waits, and gives back what is held. */
    async close(): Promise<void> {
      closed = true
      for (const bell of waiting) bell.ring()
      await Promise.all([...held].map(lock => lock.release()))
    },
  }
}

function closing(): AppError {
  return new AppError('UPSTREAM_UNAVAILABLE', 'This process is shutting down, so it takes no more locks.')
}
