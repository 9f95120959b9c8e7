import {isDeepStrictEqual} from 'node:util'
import type {Clock} from '../kernel/clock.ts'
import {shortId} from '../kernel/correlation.ts'
import type {CodeHost, RunDetail} from '../integrations/github/code-host.ts'
import type {EndedCommand, InvocationStore} from '../invocations/store.ts'
import type {ReplyStore} from '../notifications/store.ts'
import type {Logger} from '../platform/logger.ts'
import {transaction, type Db} from '../platform/postgres.ts'
import type {QueueJob, Queues} from '../platform/queue.ts'
import type {Actor} from '../sdk/index.ts'
import type {Pool} from 'pg'
import type {DeploymentEvent} from './decide.ts'
import {createDispatchedRuns} from './dispatched-runs.ts'
import type {DeploymentGate} from './gate.ts'
import type {DeploymentLock} from './lock.ts'
import {excerptOf, failingStep} from './log-excerpt.ts'
import {closing, describe} from './message.ts'
import type {DeploymentPhases} from './metrics.ts'
import {next, type Next} from './next.ts'
import {
  newDeployment,
  type DeploymentRequest,
  type DeploymentState,
  type FailureView,
  type JobView,
  type RunView,
} from './state.ts'
import type {ClaimedDeployment, DeploymentStore} from './store.ts'

/** Deployments whose next look is due. */
export const DEPLOYMENTS_QUEUE = 'deployments'
/** Webhooks that say a run moved, waiting to be looked at. */
export const WEBHOOKS_QUEUE = 'webhooks'

/** Looks in one go before the claim is given back, so a busy deployment does not keep others waiting. */
const STEPS_PER_TICK = 20
/** A sweep does not ask again for a look that it asked for so shortly before and that still waits. */
const SWEEP_AGAIN_MS = 2_000

export interface DeploymentsOptions {
  readonly pool: Pool
  readonly store: DeploymentStore
  readonly replies: Pick<ReplyStore, 'write'>
  readonly invocations: Pick<InvocationStore, 'endWithin' | 'followWithin'>
  readonly codeHost: CodeHost
  readonly queues: Queues
  readonly lock: DeploymentLock
  readonly gate: DeploymentGate
  readonly notify: (invocationId: string) => Promise<void>
  /** Told of each command that a deployment brought to its end. */
  readonly observeEnd: (ended: EndedCommand) => void
  /** Tells people how a deployment ended, within that transaction. */
  readonly tellEnd: (db: Db, state: DeploymentState) => Promise<void>
  readonly redact: (text: string) => string
  readonly phases: DeploymentPhases
  readonly clock: Clock
  readonly log: Logger
  /** How long a dead worker's deployment waits before another one takes it over. */
  readonly leaseMs: number
}

/** What happened, or what to do within the transaction to find out. */
type Fact = DeploymentEvent | ((db: Db, before: DeploymentState) => Promise<DeploymentEvent>)

export type Deployments = ReturnType<typeof createDeployments>

/**
 * Follows deployments to their end: dispatch once, find the run, watch it, say why it failed. Each is a row that
 * is advanced in short ticks, so nothing waits in memory, any worker can go on where another died, and a webhook
 * merely makes the next tick come sooner.
 */
export function createDeployments(options: DeploymentsOptions) {
  const {pool, store, replies, invocations, codeHost, queues, notify, observeEnd, tellEnd, redact} = options
  const {lock, gate, phases, clock, log, leaseMs} = options
  const runs = createDispatchedRuns({codeHost, clock, log})

  /** What commits with each change of a deployment: its message, and at the end the command's own end. */
  async function mirror(
    db: Db,
    state: DeploymentState,
    before: DeploymentState,
  ): Promise<EndedCommand | undefined> {
    const id = state.request.correlationId
    const over = state.phase === 'finished'
    // Who waits asks often, and is told when something changed.
    if ((state.line || state.phase === 'parked') && isDeepStrictEqual(describe(state), describe(before)))
      return undefined
    await replies.write(db, id, describe(state), over && isAwaited(state) ? closing(state) : undefined)
    if (!over) return undefined
    await tellEnd(db, state)
    return invocations.endWithin(db, id, {
      status: invocationStatus(state),
      result: {
        verdict: state.verdict?.kind ?? null,
        conclusion: state.run?.conclusion ?? null,
        run: state.run?.url ?? null,
      },
    })
  }

  async function fold(
    id: string,
    fact: Fact,
    claim?: {readonly fence: number; readonly leaseMs: number},
  ): Promise<DeploymentState | undefined> {
    let ended: EndedCommand | undefined
    let announce: (() => void) | undefined
    const after = await store.fold(
      id,
      fact,
      async (db, state, before) => {
        ended = await mirror(db, state, before)
        if (state.phase === 'finished') announce = await lock.leave(db, state)
        if (before.phase === 'parked' && state.verdict?.kind === 'cancelled-before-start')
          await gate.withdraw(db, state)
      },
      claim,
    )
    announce?.()
    if (ended) observeEnd(ended)
    return after
  }

  /** A nudge that finds someone at it leaves word, so that they look once more instead of missing the news. */
  async function claim(id: string, nudged: boolean): Promise<ClaimedDeployment | undefined> {
    if (!nudged) return store.claim(id, leaseMs, clock() + 20)
    const claimed = await store.claim(id, leaseMs, Number.POSITIVE_INFINITY)
    if (claimed || (await store.leaveWord(id))) return claimed
    // They were done in between, so it is free; and whoever else took it since has not looked yet.
    return store.claim(id, leaseMs, Number.POSITIVE_INFINITY)
  }

  async function tick(id: string, nudged: boolean): Promise<void> {
    const claimed = await claim(id, nudged)
    if (!claimed) return
    let {state} = claimed
    const renewal = setInterval(() => {
      store
        .renew(claimed, leaseMs)
        .catch((error: unknown) => log.warn({err: error, deployment: id}, 'claim not renewed'))
    }, leaseMs / 3).unref()
    try {
      let fresh = nudged
      for (let steps = 0; steps < STEPS_PER_TICK; steps++) {
        let step = next(state, clock())
        if (step.do === 'nothing') return
        if (step.do === 'wait') {
          // A webhook says that there is news: look now instead of when the next look is due.
          const look = fresh && (state.slowUntil ?? 0) <= clock() ? lookNow(state) : undefined
          if (!look) return
          fresh = false
          step = look
        } else if (step.do === 'observe' || step.do === 'locate') fresh = false
        const after = await advance(claimed, state, step)
        if (!after) return
        state = after
      }
    } finally {
      clearInterval(renewal)
      await settle(claimed, state)
    }
  }

  async function settle(claimed: ClaimedDeployment, state: DeploymentState): Promise<void> {
    if (state.phase === 'finished') return
    const step = next(state, clock())
    const at = step.do === 'wait' ? step.until : clock()
    const word = await store.release(claimed, at)
    if (word) await nudge(claimed.id).catch(leftToSweep(claimed.id))
    else if (Number.isFinite(at)) await schedule(claimed.id, at)
  }

  /** One step: act, then record what was learnt. Undefined when another worker took over meanwhile. */
  async function advance(
    claimed: ClaimedDeployment,
    state: DeploymentState,
    step: Exclude<Next, {do: 'wait' | 'nothing'}>,
  ): Promise<DeploymentState | undefined> {
    if (step.do === 'inspect') {
      const seen = await gate.inspect(state)
      if ('type' in seen) return record(claimed, seen)
      const after = await record(claimed, (db, before) => gate.ask(db, before, seen))
      // Its own message was written with it.
      if (after?.phase === 'parked' && after.gate?.ask) await notify(after.gate.ask.approvalId)
      return after
    }
    if (step.do === 'dispatch') {
      // The record says "dispatching" before GitHub hears of it: whoever finds that word after a crash looks first.
      const begun = await begin(claimed, state)
      if (begun?.phase !== 'dispatching') return begun
      // A process that was frozen for a while must not dispatch in its sleep: whoever took over has seen to it.
      if (!(await store.renew(claimed, leaseMs))) return takenOver(claimed)
      const {request, dispatchRef: ref = request.ref} = begun
      return record(claimed, await runs.dispatch(request.correlationId, {...request, ref}))
    }
    return record(claimed, await learn(state, step))
  }

  /**
   * Takes the lock, and uses the approval where one was needed, and says so in one transaction; or takes a place in line;
   * or learns that what was approved is not what would ship.
   */
  async function begin(
    claimed: ClaimedDeployment,
    state: DeploymentState,
  ): Promise<DeploymentState | undefined> {
    const fresh = state.gate ? await gate.reread(state) : {}
    if ('type' in fresh) return record(claimed, fresh)
    const announcements: (() => void)[] = []
    const after = await record(claimed, async (db, before) => {
      const {event, announce} = await lock.enter(db, before, clock())
      announcements.push(announce)
      if (event.type !== 'dispatch-began' || before.phase !== 'requested') return event
      const refusal = await gate.redeem(db, before, fresh)
      if (!refusal) return fresh.ref === undefined ? event : {...event, ref: fresh.ref}
      announcements.push(await lock.leave(db, {...before, lock: {fence: event.fence ?? 0}}))
      return refusal
    })
    for (const announce of announcements) announce()
    return after
  }

  async function record(claimed: ClaimedDeployment, fact: Fact): Promise<DeploymentState | undefined> {
    let folded: {readonly before: DeploymentState; readonly event: DeploymentEvent} | undefined
    const after = await fold(
      claimed.id,
      async (db, before) => {
        const event = typeof fact === 'function' ? await fact(db, before) : fact
        folded = {before, event}
        return event
      },
      {fence: claimed.fence, leaseMs},
    )
    if (!after || !folded) return takenOver(claimed)
    const {before, event} = folded
    log.info({deployment: claimed.id, event: event.type, phase: after.phase}, 'deployment advanced')
    phases.observe(after, event, before)
    await notify(claimed.id)
    return after
  }

  function takenOver(claimed: ClaimedDeployment): undefined {
    log.warn({deployment: claimed.id}, 'another worker took this deployment over')
    return undefined
  }

  async function learn(
    state: DeploymentState,
    step: Exclude<Next, {do: 'wait' | 'nothing' | 'dispatch' | 'inspect'}>,
  ): Promise<DeploymentEvent> {
    const {repository} = state.request
    switch (step.do) {
      case 'consult':
        return gate.consult(state.gate?.ask?.approvalId ?? '')
      case 'reconcile':
        return {type: 'dispatch-unclear', at: clock(), cause: 'crashed'}
      case 'locate':
        return locate(state)
      case 'observe': {
        const seen = await runs.look(repository, state.run?.id ?? '')
        return 'type' in seen ? seen : {type: 'run-observed', at: clock(), run: toRun(seen), jobs: seen.jobs}
      }
      case 'read-log': {
        const look = await codeHost.jobLog({repository, jobId: step.job.id})
        if (look.kind === 'slow-down') return {type: 'slowed', at: clock(), until: look.until}
        if (look.kind !== 'seen') return {type: 'log-unreadable', at: clock()}
        return {type: 'log-read', at: clock(), failure: toFailure(step.job, look.value, redact)}
      }
      case 'cancel': {
        const outcome = await codeHost.cancel({repository, runId: state.run?.id ?? '', force: step.force})
        switch (outcome.kind) {
          case 'accepted':
          case 'already-ended':
            return {type: 'cancel-sent', at: clock(), forced: step.force || outcome.kind === 'already-ended'}
          case 'refused':
            return {type: 'cancel-refused', at: clock(), reason: outcome.reason}
          case 'slow-down':
            return {type: 'slowed', at: clock(), until: outcome.until}
          case 'failed':
            return {type: 'cancel-failed', at: clock()}
        }
      }
    }
  }

  async function locate({request, dispatchBeganAt}: DeploymentState): Promise<DeploymentEvent> {
    const {repository, workflow, correlationId} = request
    const since = dispatchBeganAt ?? clock()
    const found = await runs.find(correlationId, {repository, workflow, since})
    if ('type' in found) return found
    const {run, bestGuess} = found
    if (run) return {type: 'run-found', at: clock(), run: toRun(run)}
    return {type: 'run-missing', at: clock(), ...(bestGuess ? {bestGuessUrl: bestGuess.url} : {})}
  }

  /** The tick carries the moment it was set for; superseded ones find nothing due and end at once. */
  async function schedule(id: string, at: number): Promise<void> {
    const delayMs = Math.max(0, at - clock())
    await queues
      .add({queue: DEPLOYMENTS_QUEUE, name: 'tick', data: {id, at}, ...(delayMs > 0 ? {delayMs} : {})})
      .catch(leftToSweep(id))
  }

  function leftToSweep(id: string): (error: unknown) => void {
    return error => log.warn({err: error, deployment: id}, 'next look left to the sweep')
  }

  async function nudge(
    id: string,
    deduplicate: QueueJob['deduplicate'] = {id: `tick-${id}`, keepLast: true},
  ): Promise<void> {
    await queues.add({queue: DEPLOYMENTS_QUEUE, name: 'tick', data: {id, nudged: true}, deduplicate})
  }

  /** Renews the locks of all deployments under way, whoever is at them: a dead worker's keep theirs. */
  async function keepLocks(): Promise<void> {
    for (const {correlationId: id} of await lock.keep(await store.holding())) {
      log.warn({deployment: id}, 'a deployment goes on without its lock')
      if (await fold(id, {type: 'lock-lost', at: clock()})) await notify(id)
    }
  }

  return {
    /** Records a deployment for a command and starts it; asking twice for the same command changes nothing. */
    async request(request: DeploymentRequest): Promise<void> {
      const state = newDeployment(request, {guarded: gate.guards(request.environment)})
      const id = request.correlationId
      await transaction(pool, async client => {
        if (!(await invocations.followWithin(client, id))) return
        if (await store.insertWithin(client, id, state)) await replies.write(client, id, describe(state))
      })
      await schedule(id, 0)
    },

    tick,

    /** Something happened at GitHub: look now. The webhook's own content is only a hint; the truth is read. */
    async heard(runId: string, title: string): Promise<number> {
      const ids = await store.matching(runId, title)
      for (const id of ids) await nudge(id)
      return ids.length
    },

    /** Its request for approval was voted upon, decided or moved: what the record says by now counts. */
    async approvalChanged(id: string, approvalId: string): Promise<void> {
      const event = await gate.consult(approvalId)
      let before: DeploymentState | undefined
      const after = await fold(id, async (_db, known) => {
        before = known
        return event
      })
      if (!after || !before) return
      phases.observe(after, event, before)
      await notify(id)
      if (after.phase !== 'parked' && after.phase !== 'finished') await nudge(id).catch(leftToSweep(id))
    },

    /** Asks to stop. Once answered, no dispatch starts any more; a run that exists is told to stop. */
    async cancel(
      id: string,
      {kind, id: account, name}: Pick<Actor, 'kind' | 'id' | 'name'>,
    ): Promise<DeploymentState | undefined> {
      const actor = {kind, id: account, name}
      const after = await fold(id, {type: 'cancel-requested', at: clock(), by: name, actor})
      if (after) {
        await notify(id)
        if (after.phase !== 'finished') await nudge(id)
      }
      return after
    },

    /** Stops the run of a deployment that is no longer watched. */
    async cancelRun(
      state: DeploymentState,
    ): Promise<'accepted' | 'already-ended' | {readonly refused: string}> {
      if (!state.run) return 'already-ended'
      const outcome = await codeHost.cancel({
        repository: state.request.repository,
        runId: state.run.id,
        force: false,
      })
      switch (outcome.kind) {
        case 'accepted':
        case 'already-ended':
          return outcome.kind
        case 'slow-down':
          return {refused: 'GitHub asks us to slow down. Try again in a minute.'}
        case 'refused':
        case 'failed':
          return {refused: outcome.reason}
      }
    },

    find: (id: string) => store.find(id),

    keepLocksEveryMs: lock.keepEveryMs,

    keepLocks,

    /** A lock was granted to, or taken from, whoever claimed it under this id. */
    async lockGranted(id: string): Promise<void> {
      const standing = await store.standing(id).catch(() => 'in line' as const)
      if (standing === 'in line') await nudge(id).catch(leftToSweep(id))
      if (standing === 'holding') await keepLocks().catch(leftToSweep(id))
    },

    /** Takes up what crashes and lost jobs left behind. */
    async sweep(): Promise<number> {
      const ids = await store.overdue(2000, 100)
      // A key of its own: the ordinary one may be held for ever by a job that the queue lost in a crash.
      const round = Math.floor(clock() / SWEEP_AGAIN_MS)
      for (const id of ids) {
        log.info({deployment: id}, `deployment ${shortId(id)} taken up again`)
        await nudge(id, {id: `tick-${id}-sweep-${round}`})
      }
      return ids.length
    },
  }
}

/** What a nudge may bring forward: a look, or asking for one's turn; never another act. */
function lookNow({
  phase,
  line,
}: DeploymentState): Extract<Next, {do: 'consult' | 'observe' | 'locate' | 'dispatch'}> | undefined {
  if (phase === 'parked') return {do: 'consult'}
  if (phase === 'requested' && line) return {do: 'dispatch'}
  if (phase === 'watching') return {do: 'observe'}
  return phase === 'locating' ? {do: 'locate'} : undefined
}

/** Somebody waits for its end: who said so, and who had to wait for people. */
function isAwaited({request, gate, verdict}: DeploymentState): boolean {
  if (request.announcedElsewhere && verdict?.kind === 'concluded') return false
  return request.wait || gate?.ask !== undefined
}

function invocationStatus(state: DeploymentState): 'succeeded' | 'failed' | 'cancelled' {
  const {verdict} = state
  switch (verdict?.kind) {
    case 'started':
      return 'succeeded'
    case 'concluded':
      if (verdict.conclusion === 'success') return 'succeeded'
      return verdict.conclusion === 'cancelled' ? 'cancelled' : 'failed'
    case 'cancelled-before-start':
    case 'not-approved':
      return 'cancelled'
    default:
      return 'failed'
  }
}

function toRun(run: Omit<RunDetail, 'jobs'>): RunView {
  return {
    id: run.id,
    url: run.url,
    sha: run.headSha,
    status: run.status,
    conclusion: run.conclusion,
    attempt: run.attempt,
    ...(run.startedAt === undefined ? {} : {startedAt: run.startedAt}),
    ...(run.status === 'completed' ? {endedAt: run.updatedAt} : {}),
  }
}

function toFailure(job: JobView, log: string, redact: (text: string) => string): FailureView {
  const step = failingStep(job)
  const excerpt = excerptOf(log, step, redact)
  return {
    jobId: job.id,
    job: job.name,
    jobUrl: job.url,
    ...(step ? {step: step.name} : {}),
    ...(excerpt.exitCode === undefined ? {} : {exitCode: excerpt.exitCode}),
    ...(excerpt.text === '' ? {} : {excerpt: excerpt.text}),
    ...(excerpt.moreLines > 0 ? {moreLines: excerpt.moreLines} : {}),
  }
}
