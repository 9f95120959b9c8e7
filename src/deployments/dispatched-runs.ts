import type {CodeHost, Look, RunDetail, RunSummary} from '../integrations/github/code-host.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Logger} from '../platform/logger.ts'
import {findRun} from './find-run.ts'

/** GitHub's clock and ours may differ this much when runs are looked up by their creation time. */
const CLOCK_SKEW_MS = 60_000

/** What became of a dispatch; `at` is milliseconds since the epoch. */
export type DispatchFact = {readonly at: number} & (
  | {readonly type: 'dispatch-accepted'; readonly run?: {readonly id: string; readonly url: string}}
  | {readonly type: 'dispatch-refused'; readonly reason: string}
  | {readonly type: 'slowed'; readonly until: number}
  /** Certain not to have reached GitHub: it may be tried again. */
  | {readonly type: 'dispatch-not-sent'}
  | {readonly type: 'dispatch-unclear'; readonly cause: 'answer-lost'}
)

/** Nothing was learnt. */
export type UnseenFact = {readonly at: number} & (
  {readonly type: 'slowed'; readonly until: number} | {readonly type: 'look-failed'}
)

/** GitHub answered, and does not show us the run. `reason` when it says that we may not see it. */
export type HiddenFact = {readonly at: number; readonly type: 'run-hidden'; readonly reason?: string}

/** Runs that we start and follow: what GitHub says of them, as facts for whoever decides. */
export function createDispatchedRuns({
  codeHost,
  clock,
  log,
}: {
  readonly codeHost: Pick<CodeHost, 'dispatch' | 'dispatchedRuns' | 'run'>
  readonly clock: Clock
  readonly log: Pick<Logger, 'warn' | 'error'>
}) {
  function unseen(look: Exclude<Look<unknown>, {readonly kind: 'seen'}>): UnseenFact {
    return look.kind === 'slow-down'
      ? {type: 'slowed', at: clock(), until: look.until}
      : {type: 'look-failed', at: clock()}
  }

  return {
    /** Sends the request once. `id` is carried by the run, and by it the run is found. */
    async dispatch(
      id: string,
      {repository, workflow, ref, inputs}: Parameters<CodeHost['dispatch']>[0],
    ): Promise<DispatchFact> {
      const outcome = await codeHost.dispatch({repository, workflow, ref, inputs})
      const at = clock()
      switch (outcome.kind) {
        case 'accepted':
          return {type: 'dispatch-accepted', at, ...(outcome.run ? {run: outcome.run} : {})}
        case 'refused':
          return {type: 'dispatch-refused', at, reason: outcome.reason}
        case 'slow-down':
          return {type: 'slowed', at, until: outcome.until}
        case 'not-sent':
          return {type: 'dispatch-not-sent', at}
        case 'unclear':
          log.warn({id, reason: outcome.reason}, 'the answer to a dispatch was lost; looking for its run')
          return {type: 'dispatch-unclear', at, cause: 'answer-lost'}
      }
    },

    /** The run that carries the id, of those dispatched since about then; else the newest of them as a guess, to be shown. */
    async find(
      id: string,
      {
        repository,
        workflow,
        since,
      }: {readonly repository: string; readonly workflow: string; readonly since: number},
    ): Promise<UnseenFact | {readonly run?: RunSummary; readonly bestGuess?: RunSummary}> {
      const look = await codeHost.dispatchedRuns({repository, workflow, since: since - CLOCK_SKEW_MS})
      if (look.kind !== 'seen') return unseen(look)
      const {twins, ...found} = findRun(look.value, id)
      if (twins.length > 0)
        log.error({id, runs: twins.map(twin => twin.id)}, 'more than one run carries this id')
      return found
    },

    async look(repository: string, runId: string): Promise<UnseenFact | HiddenFact | RunDetail> {
      const look = await codeHost.run({repository, runId})
      switch (look.kind) {
        case 'seen':
          return look.value
        case 'missing':
          return {type: 'run-hidden', at: clock()}
        case 'refused':
          return {type: 'run-hidden', at: clock(), reason: look.reason}
        default:
          return unseen(look)
      }
    },

    unseen,
  }
}
