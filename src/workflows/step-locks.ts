import {createHash} from 'node:crypto'
import {toError} from '../kernel/errors.ts'
import {stopwatch} from '../locks/lease.ts'
import type {Locks} from '../locks/service.ts'
import type {Logger} from '../platform/logger.ts'

/** A lock that an attempt of a step wants, or has. */
export interface StepClaim {
  readonly run: string
  readonly path: string
  readonly resource: string
  readonly kind: string
  /** The same at each try of the same attempt, also in another process. */
  readonly token: string
}

export interface StepLocks {
  /** Stands in line, or goes on with what it holds already, and tells of the grant. Asking again is harmless. */
  acquire(lock: StepClaim): void
  /** Gives it back, or its place in line. Never throws: at worst the lease runs out. */
  release(lock: Pick<StepClaim, 'run' | 'resource' | 'token'>): Promise<void>
  /** Keeps the run's locks no longer: the run is another's, which goes on with them under the same tokens. */
  forsake(run: string): void
  /** Something happened to a token: asks at once instead of in a while. */
  rang(token: string): void
  close(): void
}

// Longer than it takes to notice a dead owner, so that whoever takes a run over still finds its locks.
const TTL_MS = 60_000
const SILENCE_MS = 45_000
const ASK_EVERY_MS = 1_000
const KEEP_EVERY_MS = 10_000

interface Held extends StepClaim {
  /** As the locks know it: they take UUIDs only. */
  readonly uuid: string
  readonly waited: () => number
  /** `left`: given back. */
  state: 'waiting' | 'held' | 'left'
  asking: boolean
}

/** The locks of steps: claims that live in rows, kept by the run's owner for as long as it is that. */
export function createStepLocks({
  locks,
  onGranted,
  onLost,
  log,
}: {
  readonly locks: Pick<Locks, 'claim' | 'release' | 'keep'>
  readonly onGranted: (lock: StepClaim, fence: number) => void
  /** Taken away, or it would never be had because its holder waits for this run in turn. */
  readonly onLost: (lock: StepClaim) => void
  readonly log: Pick<Logger, 'warn'>
}): StepLocks {
  const held = new Map<string, Held>()
  const owner = (run: string) => `workflow:${run}`

  async function ask(lock: Held): Promise<void> {
    if (lock.asking) return
    lock.asking = true
    try {
      const outcome = await locks.claim(lock.resource, {
        token: lock.uuid,
        owner: owner(lock.run),
        kind: lock.kind as 'exclusive',
        ttlMs: TTL_MS,
        silenceMs: SILENCE_MS,
        waitedMs: lock.waited(),
        reason: `step ${lock.path.slice(0, 400)}`,
      })
      if (held.get(lock.uuid) !== lock) {
        // Given up while the question was on its way.
        if (outcome.kind === 'granted' && !held.has(lock.uuid) && lock.state === 'left')
          await locks.release(lock.resource, {token: lock.uuid, owner: owner(lock.run)})
        return
      }
      if (outcome.kind === 'granted') {
        lock.state = 'held'
        onGranted(lock, outcome.fence)
      } else if (outcome.kind === 'deadlock') {
        lose(lock)
      }
    } catch (error) {
      log.warn(
        {resource: lock.resource, reason: toError(error).message},
        'a step’s lock could not be asked for',
      )
    } finally {
      lock.asking = false
    }
  }

  function lose(lock: Held): void {
    held.delete(lock.uuid)
    onLost(lock)
  }

  async function keep(): Promise<void> {
    const mine = [...held.values()].filter(lock => lock.state === 'held')
    if (mine.length === 0) return
    try {
      const kept = await locks.keep(
        mine.map(({resource, uuid}) => ({resource, token: uuid})),
        TTL_MS,
      )
      for (const lock of mine) {
        if (held.get(lock.uuid) === lock && !kept.has(lock.uuid)) lose(lock)
      }
    } catch (error) {
      log.warn(
        {locks: mine.length, reason: toError(error).message},
        'locks of steps were not renewed; trying again',
      )
    }
  }

  const asking = setInterval(() => {
    for (const lock of held.values()) if (lock.state === 'waiting') void ask(lock)
  }, ASK_EVERY_MS)
  const keeping = setInterval(() => void keep(), KEEP_EVERY_MS)

  return {
    acquire(wanted) {
      const uuid = toUuid(wanted.token)
      if (held.has(uuid)) return
      const lock: Held = {...wanted, uuid, waited: stopwatch(), state: 'waiting', asking: false}
      held.set(uuid, lock)
      void ask(lock)
    },

    async release({run, resource, token}) {
      const uuid = toUuid(token)
      const lock = held.get(uuid)
      if (lock) lock.state = 'left'
      held.delete(uuid)
      await locks
        .release(resource, {token: uuid, owner: owner(run)})
        .catch((error: unknown) =>
          log.warn({resource, reason: toError(error).message}, 'a step’s lock is left to run out'),
        )
    },

    forsake(run) {
      for (const lock of held.values()) if (lock.run === run) held.delete(lock.uuid)
    },

    rang(token) {
      const lock = held.get(token)
      if (lock?.state === 'waiting') void ask(lock)
      else if (lock) void keep()
    },

    close() {
      clearInterval(asking)
      clearInterval(keeping)
    },
  }
}

function toUuid(token: string): string {
  const hex = createHash('sha256').update(token).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  )
}
