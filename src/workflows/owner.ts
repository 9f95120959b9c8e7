import {toError} from '../kernel/errors.ts'
import {stopwatch} from '../locks/lease.ts'
import type {Logger} from '../platform/logger.ts'
import type {WorkflowStore} from './store.ts'

/** This instance's right to carry runs on: one lease for all of them. */
export interface Ownership {
  /** Decided from this process's clocks alone. While false, nothing is performed or committed. */
  valid(): boolean
  /** Resolves when it is valid, or closed. */
  regained(): Promise<void>
  /** Ends renewing; the lease is given up with the runs, by the store's `resign`. */
  close(): Promise<void>
}

/**
 * Renews the lease of this instance, and notices the leases of others that have run out: those that two renewals in a
 * row saw lapsed, so that after an outage of the database, in which all leases lapse, everybody has the time to renew.
 * Resolves with the first renewal; it is retried until then.
 */
export async function holdOwnership({
  store,
  leaseMs,
  renewEveryMs,
  onLapsed,
  onRegained,
  log,
}: {
  readonly store: Pick<WorkflowStore, 'renew'>
  readonly leaseMs: number
  readonly renewEveryMs: number
  readonly onLapsed: (instances: readonly string[]) => Promise<void>
  /** It had run out, so that others may have taken runs over. */
  readonly onRegained: () => Promise<void>
  readonly log: Pick<Logger, 'warn' | 'info'>
}): Promise<Ownership> {
  let since = stopwatch()
  let held = false
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let suspects = new Set<string>()
  let failures = 0
  let waiting: (() => void)[] = []
  let renewing: Promise<void> = Promise.resolve()

  const valid = (): boolean => held && since() < leaseMs

  async function renew(): Promise<void> {
    const asked = stopwatch()
    try {
      const lapsed = await store.renew(leaseMs)
      const regained = held && !valid()
      since = asked
      held = true
      if (failures > 0) log.info({failures}, 'the lease on workflow runs is renewed again')
      failures = 0
      for (const resolve of waiting.splice(0)) resolve()
      if (regained) await onRegained()
      const dead = lapsed.filter(instance => suspects.has(instance))
      suspects = new Set(lapsed)
      if (dead.length > 0) await onLapsed(dead)
    } catch (error) {
      if (failures++ === 0)
        log.warn({reason: toError(error).message}, 'the lease on workflow runs was not renewed; trying again')
    }
  }

  function schedule(): void {
    if (closed) return
    timer = setTimeout(
      () => {
        renewing = renew()
        void renewing.then(schedule)
      },
      failures > 0 ? Math.min(500, renewEveryMs) : renewEveryMs,
    )
  }

  while (!held) {
    await renew()
    if (!held) await new Promise(resolve => setTimeout(resolve, 500))
  }
  schedule()

  return {
    valid,
    async regained() {
      if (valid() || closed) return
      await new Promise<void>(resolve => waiting.push(resolve))
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await renewing
      for (const resolve of waiting) resolve()
      waiting = []
    },
  }
}
