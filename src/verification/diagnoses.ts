import type {Pool} from 'pg'
import {createDispatchedRuns} from '../deployments/dispatched-runs.ts'
import type {CodeHost, RunDetail} from '../integrations/github/code-host.ts'
import type {ReplyTarget} from '../invocations/invocation.ts'
import type {EndedCommand, InvocationStore} from '../invocations/store.ts'
import type {Clock} from '../kernel/clock.ts'
import {correlation} from '../kernel/correlation.ts'
import {toError} from '../kernel/errors.ts'
import type {ReplyStore} from '../notifications/store.ts'
import type {Logger} from '../platform/logger.ts'
import {transaction, type Db} from '../platform/postgres.ts'
import {closing, describe} from './diagnosis-message.ts'
import {
  carriesCommand,
  newDiagnosis,
  next,
  verdictOfEnding,
  type DiagnosisEvent,
  type DiagnosisOrder,
  type DiagnosisState,
  type Next,
} from './diagnosis.ts'
import type {ClaimedDiagnosis, DiagnosisStore} from './diagnosis-store.ts'
import {readEvidence} from './evidence.ts'
import {verdictOf} from './report.ts'

const AT_ONCE = 20
/** Steps in one go before the claim is given back. */
const STEPS_PER_TURN = 10

export type Diagnoses = ReturnType<typeof createDiagnoses>

/**
 * Follows diagnoses to their end: dispatch once, find the run, watch it, read what it found. Each is a row that any
 * process advances in short turns, so nothing waits in memory and a crash loses nothing; the row says `dispatching`
 * before GitHub hears of it, and who finds that word looks for the run first.
 */
export function createDiagnoses({
  pool,
  store,
  codeHost,
  invocations,
  replies,
  notify,
  observeEnd,
  redact,
  clock,
  log,
  leaseMs,
}: {
  readonly pool: Pool
  readonly store: DiagnosisStore
  readonly codeHost: CodeHost
  readonly invocations: Pick<InvocationStore, 'endWithin' | 'followWithin'>
  readonly replies: Pick<ReplyStore, 'open' | 'write'>
  readonly notify: (id: string) => Promise<void>
  /** Told of each command that a diagnosis brought to its end. */
  readonly observeEnd: (ended: EndedCommand) => void
  readonly redact: (text: string) => string
  readonly clock: Clock
  readonly log: Logger
  /** How long a dead worker's diagnosis waits before another one takes it over. */
  readonly leaseMs: number
}) {
  const runs = createDispatchedRuns({codeHost, clock, log})

  /** What commits with each change: its message, and at the end the command's own end. */
  async function mirror(db: Db, state: DiagnosisState): Promise<EndedCommand | undefined> {
    const {order, ending} = state
    await replies.write(db, order.id, describe(state), ending && closing(state))
    if (!ending || !carriesCommand(order)) return undefined
    const verdict = verdictOfEnding(ending, verdictOf)
    return invocations.endWithin(db, order.id, {
      status:
        ending.kind === 'cancelled-before-start'
          ? 'cancelled'
          : verdict === 'failed'
            ? 'failed'
            : 'succeeded',
      result: {verdict, ending: ending.kind, run: state.run?.url ?? null},
    })
  }

  async function fold(
    id: string,
    event: DiagnosisEvent,
    fence?: number,
  ): Promise<DiagnosisState | undefined> {
    let ended: EndedCommand | undefined
    const after = await store.fold(
      id,
      event,
      async (db, state) => {
        ended = await mirror(db, state)
      },
      fence,
    )
    if (ended) observeEnd(ended)
    if (after) await notify(id)
    return after
  }

  /** Takes a diagnosis as far as it goes without waiting. */
  async function turn(claimed: ClaimedDiagnosis): Promise<void> {
    const {id} = claimed
    const renewal = setInterval(() => {
      store
        .renew(claimed, leaseMs)
        .catch((error: unknown) => log.warn({err: error, diagnosis: id}, 'claim not renewed'))
    }, leaseMs / 3).unref()
    try {
      let {state} = claimed
      for (let steps = 0; steps < STEPS_PER_TURN; steps++) {
        const step = next(state, clock())
        if (step.do === 'wait' || step.do === 'nothing') break
        const after = await advance(claimed, state, step)
        if (!after) {
          log.warn({diagnosis: id}, 'another worker took this diagnosis over')
          return
        }
        log.info({diagnosis: id, did: step.do, phase: after.phase}, 'diagnosis advanced')
        state = after
      }
    } finally {
      clearInterval(renewal)
      await store.release(claimed)
    }
  }

  async function advance(
    claimed: ClaimedDiagnosis,
    state: DiagnosisState,
    step: Exclude<Next, {do: 'wait' | 'nothing'}>,
  ): Promise<DiagnosisState | undefined> {
    const {id, fence} = claimed
    if (step.do !== 'dispatch') return fold(id, await learn(state, step.do), fence)
    const begun = await fold(id, {type: 'dispatch-began', at: clock()}, fence)
    if (begun?.phase !== 'dispatching') return begun
    // A process that was frozen for a while must not dispatch in its sleep: whoever took over has seen to it.
    if (!(await store.renew(claimed, leaseMs))) return undefined
    return fold(id, await runs.dispatch(id, begun.order), fence)
  }

  async function learn(
    state: DiagnosisState,
    what: Exclude<Next['do'], 'wait' | 'nothing' | 'dispatch'>,
  ): Promise<DiagnosisEvent> {
    const {repository} = state.order
    switch (what) {
      case 'reconcile':
        return {type: 'dispatch-unclear', at: clock(), cause: 'crashed'}
      case 'locate':
        return locate(state)
      case 'observe': {
        const run = await runs.look(repository, state.run?.id ?? '')
        return 'type' in run ? run : seen(run, run.jobs)
      }
      case 'stop': {
        const outcome = await codeHost.cancel({repository, runId: state.run?.id ?? '', force: false})
        if (outcome.kind === 'slow-down') return {type: 'slowed', at: clock(), until: outcome.until}
        if (outcome.kind === 'failed') return {type: 'look-failed', at: clock()}
        if (outcome.kind === 'refused') return {type: 'stop-refused', at: clock(), reason: outcome.reason}
        return {type: 'stop-sent', at: clock()}
      }
      case 'read': {
        if (!state.run) return {type: 'look-failed', at: clock()}
        const evidence = await readEvidence({order: state.order, run: state.run}, {codeHost, redact})
        return 'kind' in evidence ? runs.unseen(evidence) : {type: 'evidence-read', at: clock(), evidence}
      }
    }
  }

  async function locate({order, dispatchedAt}: DiagnosisState): Promise<DiagnosisEvent> {
    const {repository, workflow, id} = order
    const found = await runs.find(id, {repository, workflow, since: dispatchedAt ?? order.requestedAt})
    if ('type' in found) return found
    return found.run ? seen(found.run, []) : {type: 'run-missing', at: clock()}
  }

  function seen(
    {id, url, status, conclusion}: Omit<RunDetail, 'jobs'>,
    jobs: RunDetail['jobs'],
  ): DiagnosisEvent {
    return {
      type: 'run-seen',
      at: clock(),
      run: {id, url, status, conclusion},
      jobs: jobs.map(job => ({name: job.name, status: job.status, conclusion: job.conclusion})),
    }
  }

  async function claimAndTurn(id: string): Promise<void> {
    const claimed = await store.claim(id, leaseMs)
    if (claimed) await correlation.run(claimed.state.order.command, () => turn(claimed))
  }

  /** A turn that fails is taken again by the sweep. */
  async function attend(id: string): Promise<void> {
    await claimAndTurn(id).catch((error: unknown) =>
      log.warn({diagnosis: id, reason: toError(error).message}, 'a diagnosis is left to the next sweep'),
    )
  }

  return {
    /** Records one that carries its command on, once, and begins it. */
    async follow(order: DiagnosisOrder): Promise<void> {
      const state = newDiagnosis(order)
      await transaction(pool, async db => {
        if (!(await invocations.followWithin(db, order.id))) return
        if (await store.insertWithin(db, state)) await replies.write(db, order.id, describe(state))
      })
      await attend(order.id)
    },

    /** Records one with a message of its own, once, and begins it; answers how it stands after GitHub was asked. */
    async open(order: DiagnosisOrder, target: ReplyTarget): Promise<DiagnosisState> {
      const state = newDiagnosis(order)
      await transaction(pool, async db => {
        if (await store.insertWithin(db, state)) await replies.open(db, order.id, target, describe(state))
      })
      await attend(order.id)
      return (await store.find(order.id)) ?? state
    },

    /** Asks one to stop; undefined when there is none, or it has ended. Once answered, nothing is dispatched any more. */
    async cancel(id: string, by: string): Promise<'stopping' | undefined> {
      const before = await store.find(id)
      if (!before || before.phase === 'ended') return undefined
      await fold(id, {type: 'stop-asked', at: clock(), by})
      return 'stopping'
    },

    /** Advances all that are due. */
    async sweep(): Promise<number> {
      const ids = await store.due(AT_ONCE)
      await Promise.all(ids.map(attend))
      return ids.length
    },

    forgetOld: () => store.forgetOld(),
  }
}
