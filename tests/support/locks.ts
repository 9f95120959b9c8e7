import type {Pool} from 'pg'
import {Registry} from 'prom-client'
import type {LockEvent} from '../../src/locks/announcer.ts'
import type {HeldLock} from '../../src/locks/lease.ts'
import {createLockMetrics} from '../../src/locks/metrics.ts'
import type {HeldLocks, Refusal} from '../../src/locks/request.ts'
import {createLocks, type Locks} from '../../src/locks/service.ts'
import {createLockStore, type LockStore} from '../../src/locks/store.ts'
import {createPool} from '../../src/platform/postgres.ts'

/** The locks of one process, as production builds them, with its events and warnings in sight. */
export interface LockClient {
  readonly locks: Locks
  readonly store: LockStore
  readonly pool: Pool
  readonly registry: Registry
  readonly events: LockEvent[]
  readonly warnings: string[]
  /** Tokens that rang without a waiter here. */
  readonly strangers: string[]
  close(): Promise<void>
}

export function openLocks(databaseUrl: string, {max = 10}: {readonly max?: number} = {}): LockClient {
  const pool = createPool({
    connectionString: databaseUrl,
    max,
    applicationName: 'locks under test',
    onError: () => undefined,
  })
  const store = createLockStore({pool})
  const registry = new Registry()
  const events: LockEvent[] = []
  const warnings: string[] = []
  const strangers: string[] = []
  const locks = createLocks({
    store,
    databaseUrl,
    metrics: createLockMetrics({
      registry,
      agents: new Set(['deploy_client']),
      countActive: () => store.countActive(),
    }),
    emit: event => events.push(event),
    log: {warn: (_fields, message) => void warnings.push(message)},
  })
  locks.watch(token => void strangers.push(token))
  return {
    locks,
    store,
    pool,
    registry,
    events,
    warnings,
    strangers,
    async close() {
      await locks.close()
      await pool.end()
    },
  }
}

/** The lock, where a test needs it to have been had. */
export function had<T extends HeldLock | HeldLocks>(outcome: T | Refusal): T {
  if (outcome.kind !== 'acquired') throw new Error(`not acquired: ${JSON.stringify(outcome)}`)
  return outcome
}

/** Jain's index of how evenly something was shared out: 1 is perfect, 1/n is all to one. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0)
  const squares = shares.reduce((total, share) => total + share * share, 0)
  return squares === 0 ? 0 : (sum * sum) / (shares.length * squares)
}
