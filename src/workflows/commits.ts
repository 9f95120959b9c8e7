import {setTimeout as sleep} from 'node:timers/promises'
import {toError} from '../kernel/errors.ts'
import type {Logger} from '../platform/logger.ts'
import type {Outbox} from '../platform/outbox.ts'
import {isTransient} from '../platform/postgres.ts'
import type {AttemptKey} from './attempt-store.ts'
import type {Decider, Decision} from './decider.ts'
import type {Live} from './live.ts'
import {patiently} from './patience.ts'
import type {Run} from './run.ts'
import type {WorkflowStore} from './store.ts'

const AGAIN_MS = 200

/** `stale`: more came in meanwhile, so it has to be decided upon again. `lost`: the run is not ours any more. */
export type Committed = 'committed' | 'stale' | 'lost'

/**
 * Commits what was decided on a run that this instance owns, once: an answer that was lost is looked up, not guessed,
 * and an outage of Postgres is waited out. Afterwards the run's `seq` and `taken` are as in its row.
 */
export function createCommits({
  store,
  ownership,
  decider,
  outbox,
  closed,
  onUnbegun,
  log,
}: {
  readonly store: Pick<WorkflowStore, 'commit' | 'probe'>
  readonly ownership: {regained(): Promise<void>}
  readonly decider: Pick<Decider, 'ask' | 'standing'>
  readonly outbox: Pick<Outbox, 'relay'>
  /** This instance has gone: nothing is committed any more. */
  readonly closed: () => boolean
  /** An attempt that the commit closed before anybody had begun it. */
  readonly onUnbegun: (run: Run, attempt: AttemptKey) => void
  readonly log: Pick<Logger, 'warn'>
}) {
  return async (live: Live, decision: Decision): Promise<Committed> => {
    const {id, fence, seen, seq} = live
    const {facts} = decision
    const asked = await patiently(
      () => live.gone,
      () => decider.ask(live, decision),
    )
    for (let tries = 0; ; tries++) {
      await ownership.regained()
      if (live.gone || closed()) return 'lost'
      try {
        const doubtful = tries > 0 ? await store.probe(id, fence) : undefined
        if (doubtful && doubtful.seq > seq) break
        if (doubtful && !doubtful.owned) return 'lost'
        const {moved, jobs, unbegun} = await store.commit({
          id,
          fence,
          inbox: seen,
          seq: seq + 1,
          facts,
          standing: decider.standing(decision, live.plan),
          asked,
        })
        if (jobs.length > 0) outbox.relay(jobs)
        if (moved) {
          for (const attempt of unbegun) onUnbegun(decision.run, attempt)
          break
        }
        const present = await store.probe(id, fence)
        if (present.seq > seq) break
        return present.owned ? 'stale' : 'lost'
      } catch (error) {
        if (!isTransient(error)) throw error
        if (tries === 0)
          log.warn({run: id, reason: toError(error).message}, 'a run’s commit was not answered; asking again')
        await sleep(AGAIN_MS)
      }
    }
    if (facts.length > 0) live.seq = seq + 1
    live.taken = seen
    return 'committed'
  }
}
