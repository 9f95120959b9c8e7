import {AppError} from '../kernel/errors.ts'
import type {Bell} from './bells.ts'
import type {LockStore} from './store.ts'

/** A held lock. It renews itself until released; `signal` aborts the moment it can no longer be relied upon. */
export interface HeldLock {
  readonly kind: 'acquired'
  readonly resource: string
  readonly owner: string
  readonly token: string
  /** Rises with every holder of the resource. To be sent along with each protected write, and checked there. */
  readonly fence: number
  /** Aborted when the lock is lost: taken away, or not renewed in time because the database was away. */
  readonly signal: AbortSignal
  /** Whether the lease still runs, decided from this process's clocks alone. */
  held(): boolean
  /** Throws CONFLICT, with the reason where it is known, once the lock can no longer be relied upon. */
  check(): void
  /** Gives it back; safe to call again. `gone`: it was lost before. Never throws: at worst the lease runs out. */
  release(): Promise<'released' | 'gone'>
}

const RETRY_RENEWAL_MS = 500

/**
 * Time since this was made, which neither a paused process, nor a machine put to sleep, nor a clock set back can
 * shorten: a lease must never look younger than it is.
 */
export function stopwatch(): () => number {
  const monotonic = performance.now()
  const wall = Date.now()
  return () => Math.max(performance.now() - monotonic, Date.now() - wall)
}

/** Keeps a granted lease alive at a third of its life, and declares it lost at its end at the latest. */
export function holdLease(options: {
  readonly resource: string
  readonly owner: string
  readonly token: string
  readonly fence: number
  readonly ttlMs: number
  /** What was left of the lease when `since`, started before the database was asked, read zero. */
  readonly leaseMs: number
  readonly since: () => number
  readonly store: Pick<LockStore, 'renew' | 'release'>
  readonly bell: Bell
  readonly onFault: (error: unknown) => void
  /** Told once, when it is over: after the database has answered a release, or at the moment of loss. */
  readonly onEnd: (how: 'released' | 'lost') => void
}): HeldLock {
  const {resource, owner, token, fence, ttlMs, store, bell, onFault, onEnd} = options
  const controller = new AbortController()
  let {leaseMs, since} = options
  let ended = false
  let deadline = setTimeout(expire, leaseMs - since())
  let releasing: Promise<'released' | 'gone'> | undefined

  const left = (): number => leaseMs - since()
  const held = (): boolean => !ended && left() > 0

  function expire(): void {
    lose('it could not be renewed in time')
  }

  function lose(reason: string): void {
    if (ended) return
    end()
    controller.abort(
      new AppError('CONFLICT', `The lock on ${resource} was lost: ${reason}.`, {details: {resource, fence}}),
    )
    onEnd('lost')
  }

  function end(): void {
    ended = true
    clearTimeout(deadline)
    bell.close()
    bell.ring()
  }

  async function keep(): Promise<void> {
    let pause = left() / 3
    for (;;) {
      await bell.heard(pause)
      if (ended) return
      const asked = stopwatch()
      try {
        const renewed = await store.renew(resource, token, ttlMs)
        if (ended) return
        if (!renewed) return lose('somebody took it away, or it lapsed')
        leaseMs = ttlMs
        since = asked
        clearTimeout(deadline)
        deadline = setTimeout(expire, left())
        pause = left() / 3
      } catch (error) {
        // In doubt it is still ours until the deadline, and not a moment longer.
        onFault(error)
        pause = Math.min(RETRY_RENEWAL_MS, ttlMs / 10)
      }
    }
  }

  async function giveBack(): Promise<'released' | 'gone'> {
    if (left() <= 0) expire()
    if (ended) {
      void store.release(resource, token).catch(onFault)
      return 'gone'
    }
    end()
    const answer = store.release(resource, token).catch((error: unknown) => {
      onFault(error)
      return 'gone' as const
    })
    // Once the lease is over it is free without our doing, so nobody need wait for a database that is away.
    let timer: NodeJS.Timeout | undefined
    const lapsed = new Promise<'gone'>(resolve => {
      timer = setTimeout(resolve, left(), 'gone')
    })
    const outcome = await Promise.race([answer, lapsed]).finally(() => clearTimeout(timer))
    onEnd(outcome === 'released' ? 'released' : 'lost')
    return outcome === 'released' ? 'released' : 'gone'
  }

  void keep()
  return {
    kind: 'acquired',
    resource,
    owner,
    token,
    fence,
    signal: controller.signal,
    held,
    check() {
      controller.signal.throwIfAborted()
      if (!held()) throw new AppError('CONFLICT', `The lock on ${resource} is not held any more.`)
    },
    release: () => (releasing ??= giveBack()),
  }
}
