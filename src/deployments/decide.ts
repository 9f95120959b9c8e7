import type {Release} from '../approvals/releases.ts'
import type {Actor} from '../sdk/index.ts'
import {LOG_READS, locatingDeadline, unreadFailure, watchDeadline} from './next.ts'
import {furthestJobs, isForward} from './progress.ts'
import type {Ask, DeploymentState, FailureView, Gate, JobView, Refusal, RunView, Verdict} from './state.ts'

/** A fact about a deployment, stamped by the shell: `at` is milliseconds since the epoch. */
export type DeploymentEvent = {readonly at: number} &
  /** Somebody else is at what it deploys. */
  (
    | {
        readonly type: 'lined-up'
        readonly holder?: {readonly owner: string; readonly reason?: string}
        /** The next one first. */
        readonly ahead: readonly string[]
      }
    /** People are asked about exactly this. */
    | {readonly type: 'parked'; readonly release: Release; readonly ask: Ask}
    /** Nobody has to be asked. Where it is known what would ship, that alone may. */
    | {
        readonly type: 'gate-passed'
        readonly how: 'not-needed' | 'glass-broken'
        readonly release?: Release
      }
    /** It may not ship, whoever agrees. */
    | {readonly type: 'gate-closed'; readonly reason: string; readonly until?: number}
    /** How the request stands, as of its record. */
    | {
        readonly type: 'ask-seen'
        readonly approvalId: string
        readonly version: number
        readonly given: number
        readonly expiresAt?: number
        readonly url?: string
        readonly outcome: 'pending' | 'approved' | Refusal
      }
    /** What was approved is not what would ship now. */
    | {readonly type: 'release-moved'; readonly changes: readonly string[]}
    /** Under the lock with this fence, where it takes one; `ref` where it is not started at the ref asked for. */
    | {readonly type: 'dispatch-began'; readonly fence?: number; readonly ref?: string}
    /** Somebody took its lock away, or nobody renewed it in time. */
    | {readonly type: 'lock-lost'}
    | {readonly type: 'dispatch-accepted'; readonly run?: {readonly id: string; readonly url: string}}
    | {readonly type: 'dispatch-refused'; readonly reason: string}
    /** Certain not to have reached GitHub: it may be tried again. */
    | {readonly type: 'dispatch-not-sent'}
    | {readonly type: 'dispatch-unclear'; readonly cause: 'crashed' | 'answer-lost'}
    | {readonly type: 'run-found'; readonly run: RunView}
    | {readonly type: 'run-missing'; readonly bestGuessUrl?: string}
    | {readonly type: 'run-observed'; readonly run: RunView; readonly jobs: readonly JobView[]}
    | {readonly type: 'log-read'; readonly failure: FailureView}
    | {readonly type: 'log-unreadable'}
    | {readonly type: 'slowed'; readonly until: number}
    | {readonly type: 'look-failed'}
    /** GitHub answered, and does not show us the run. `reason` when it says that we may not see it. */
    | {readonly type: 'run-hidden'; readonly reason?: string}
    | {
        readonly type: 'cancel-requested'
        readonly by: string
        readonly actor?: Pick<Actor, 'kind' | 'id' | 'name'>
      }
    | {readonly type: 'cancel-sent'; readonly forced: boolean}
    | {readonly type: 'cancel-refused'; readonly reason: string}
    | {readonly type: 'cancel-failed'}
  )

/** What moves each time it was approved is not asked for for ever. */
const ROUNDS = 3
/** What is to be approved is read this often in vain before it is given up. */
const MISSES = 5
const UNREADABLE = 'GitHub did not say what would be shipped, so nobody was asked. Try again in a minute.'

/**
 * Folds one fact into a deployment. Total: a fact that no longer fits the phase changes nothing, so late,
 * repeated and reordered facts are harmless, and `finished` is for ever.
 */
export function decide(state: DeploymentState, event: DeploymentEvent): DeploymentState {
  if (state.phase === 'finished') return state
  const after = fold(state, event)
  const resumed = after !== state && after.slowUntil !== undefined && event.at >= after.slowUntil
  return resumed ? omit(after, 'slowUntil') : after
}

function fold(state: DeploymentState, event: DeploymentEvent): DeploymentState {
  switch (event.type) {
    case 'parked':
      return state.phase === 'inspecting' && state.gate
        ? {
            ...omit(state, 'lookedAt'),
            phase: 'parked',
            misses: 0,
            gate: {...state.gate, release: event.release, ask: event.ask},
          }
        : state
    case 'gate-passed':
      return state.phase === 'inspecting' && state.gate
        ? passed(state, event.release ? {...state.gate, release: event.release} : state.gate, event)
        : state
    case 'gate-closed':
      return isGated(state) ? finish(state, blocked(event), event.at) : state
    case 'ask-seen':
      return state.phase === 'parked' && state.gate?.ask?.approvalId === event.approvalId
        ? asked(state, state.gate, state.gate.ask, event)
        : state
    case 'release-moved':
      return state.phase === 'requested' && state.gate?.release ? moved(state, state.gate, event) : state
    case 'lined-up':
      return state.phase === 'requested' ? linedUp(state, event) : state
    case 'lock-lost':
      return state.lock && !state.lock.lost ? {...state, lock: {...state.lock, lost: true}} : state
    case 'dispatch-began':
      if (state.phase !== 'requested' || (state.gate && !state.gate.passed)) return state
      return {
        ...omit(omit(state, 'line'), 'dispatchRef'),
        ...(state.gate ? {gate: {...state.gate, used: true}} : {}),
        ...(event.ref === undefined ? {} : {dispatchRef: event.ref}),
        ...(event.fence === undefined ? {} : {lock: {fence: event.fence}}),
        phase: 'dispatching',
        dispatches: state.dispatches + 1,
        dispatchBeganAt: state.dispatchBeganAt ?? event.at,
      }
    case 'dispatch-accepted':
      if (state.phase !== 'dispatching') return state
      return event.run
        ? found(state, {...event.run, status: 'queued', conclusion: null, attempt: 1}, event.at)
        : locating(state, event.at)
    case 'dispatch-refused':
      return state.phase === 'dispatching'
        ? finish(state, {kind: 'refused', reason: event.reason}, event.at)
        : state
    case 'dispatch-not-sent':
      return state.phase === 'dispatching' ? notSent(state, event.at) : state
    case 'dispatch-unclear':
      return state.phase === 'dispatching' ? {...locating(state, event.at), unclear: event.cause} : state
    case 'run-found':
      return state.phase === 'locating' ? found(state, event.run, event.at) : state
    case 'run-missing':
      return state.phase === 'locating' ? missing({...state, misses: 0, lookedAt: event.at}, event) : state
    case 'run-observed':
      return state.phase === 'watching' ? observed(state, event.run, event.jobs, event.at) : state
    case 'log-read':
      return state.phase === 'watching'
        ? concludeIfDone({...state, failure: event.failure, logReads: LOG_READS}, event.at)
        : state
    case 'log-unreadable':
      return state.phase === 'watching'
        ? concludeIfDone({...state, logReads: state.logReads + 1, lookedAt: event.at}, event.at)
        : state
    case 'slowed':
      return slowed(state, event.until, event.at)
    case 'look-failed':
      return isLooking(state) ? expireIfDue(missed(state, event.at), event.at) : state
    case 'run-hidden':
      return state.phase === 'watching' ? hidden(state, event) : state
    case 'cancel-requested':
      if (state.cancel) return state
      return state.phase === 'inspecting' || state.phase === 'parked' || state.phase === 'requested'
        ? finish({...state, cancel: cancelOf(event)}, {kind: 'cancelled-before-start'}, event.at)
        : {...state, cancel: cancelOf(event)}
    case 'cancel-sent':
    case 'cancel-refused':
    case 'cancel-failed':
      return state.phase === 'watching' && state.cancel
        ? {...state, cancel: passedOn(state.cancel, event)}
        : state
  }
}

function cancelOf({
  by,
  actor,
  at,
}: Extract<DeploymentEvent, {type: 'cancel-requested'}>): NonNullable<DeploymentState['cancel']> {
  return {by, at, ...(actor ? {actor} : {})}
}

/** Something is to be read at its gate, at once or before its turn comes. */
function isGated({phase, gate}: DeploymentState): boolean {
  return gate !== undefined && (phase === 'inspecting' || phase === 'requested')
}

function isLooking(state: DeploymentState): boolean {
  return isGated(state) || state.phase === 'locating' || state.phase === 'watching'
}

function asked(
  state: DeploymentState,
  gate: Gate,
  ask: Ask,
  seen: Extract<DeploymentEvent, {type: 'ask-seen'}>,
): DeploymentState {
  const waited = {...gate, waitedMs: gate.waitedMs + Math.max(0, seen.at - ask.askedAt)}
  if (seen.outcome === 'approved') return passed(state, waited, {at: seen.at, how: 'approved'})
  if (seen.outcome !== 'pending')
    return finish({...state, gate: waited}, {kind: 'not-approved', ...seen.outcome}, seen.at)
  const newer = seen.version > ask.version
  const found = seen.url === undefined ? {} : {url: seen.url}
  const known = newer
    ? {...omitExpiry(ask), version: seen.version, given: seen.given, ...expiryOf(seen)}
    : ask
  return {...state, gate: {...gate, ask: {...known, ...found, looks: ask.looks + 1}}}
}

function omitExpiry({expiresAt: _before, ...ask}: Ask): Ask {
  return ask
}

function expiryOf({expiresAt}: {readonly expiresAt?: number}): {readonly expiresAt?: number} {
  return expiresAt === undefined ? {} : {expiresAt}
}

function blocked({reason, until}: {readonly reason: string; readonly until?: number}): Verdict {
  return {kind: 'blocked', reason, ...(until === undefined ? {} : {until})}
}

/** From here on it is a deployment like any other, which takes its turn. */
function passed(
  state: DeploymentState,
  gate: Gate,
  {how, at}: {readonly how: NonNullable<Gate['passed']>['how']; readonly at: number},
): DeploymentState {
  const ready: DeploymentState = {...omit(state, 'lookedAt'), phase: 'requested', slowedMs: 0, misses: 0}
  return {...ready, gate: {...gate, passed: {how, at}}}
}

function moved(
  state: DeploymentState,
  {round, waitedMs}: Gate,
  {changes, at}: Extract<DeploymentEvent, {type: 'release-moved'}>,
): DeploymentState {
  const before = omit(omit(state, 'line'), 'lookedAt')
  if (round >= ROUNDS) {
    const reason = `It moved ${ROUNDS} times while it waited for approval: ${changes.join('; ')}. Run it again when the branch is still.`
    return finish(before, {kind: 'blocked', reason}, at)
  }
  return {
    ...before,
    phase: 'inspecting',
    slowedMs: 0,
    misses: 0,
    gate: {round: round + 1, waitedMs, moved: changes},
  }
}

/** Since when it could have been dispatched. */
function readyAt({request, gate}: DeploymentState): number {
  return gate?.passed?.at ?? request.requestedAt
}

function linedUp(
  state: DeploymentState,
  {at, holder, ahead}: Extract<DeploymentEvent, {type: 'lined-up'}>,
): DeploymentState {
  const since = state.line?.since ?? at
  return {...state, misses: 0, line: {since, askedAt: at, ahead, ...(holder === undefined ? {} : {holder})}}
}

function locating(state: DeploymentState, at: number): DeploymentState {
  return omit({...state, phase: 'locating', locatingSince: at, slowedMs: 0, misses: 0}, 'lookedAt')
}

function passedOn(
  cancel: NonNullable<DeploymentState['cancel']>,
  event: Extract<DeploymentEvent, {type: 'cancel-sent' | 'cancel-refused' | 'cancel-failed'}>,
): NonNullable<DeploymentState['cancel']> {
  switch (event.type) {
    case 'cancel-sent':
      return {...cancel, sentAt: cancel.sentAt ?? event.at, ...(event.forced ? {forcedAt: event.at} : {})}
    case 'cancel-refused':
      return {...cancel, sentAt: cancel.sentAt ?? event.at, forcedAt: event.at, refusal: event.reason}
    case 'cancel-failed':
      return {...cancel, failedAt: event.at}
  }
}

function notSent(state: DeploymentState, at: number): DeploymentState {
  if (state.cancel) return finish(state, {kind: 'cancelled-before-start'}, at)
  const again = missed({...state, phase: 'requested', dispatches: state.dispatches - 1}, at)
  return at >= readyAt(state) + state.request.patience.discoveryMs + state.slowedMs
    ? finish(
        again,
        {
          kind: 'refused',
          reason: 'GitHub could not be reached, so nothing was started. Try again in a minute.',
        },
        at,
      )
    : again
}

function found(state: DeploymentState, run: RunView, at: number): DeploymentState {
  const watching: DeploymentState = {
    ...state,
    phase: 'watching',
    run,
    watchingSince: at,
    slowedMs: 0,
    misses: 0,
  }
  // Someone who does not wait still gets a stop through: the run is followed until it obeyed.
  if (letsGo(watching)) return finish(watching, {kind: 'started'}, at)
  return omit(stray(watching, at), 'lookedAt')
}

/** Nobody waits for its end, and it is known to run what it should. */
function letsGo({request, cancel, gate, run}: DeploymentState): boolean {
  return !request.wait && !cancel && (!gate?.release || run?.sha === gate.release.sha)
}

/** Approved was one commit; a run of another one, whose branch moved in between, is stopped. */
function stray(state: DeploymentState, at: number): DeploymentState {
  return isStray(state) && !state.cancel ? {...state, cancel: {by: 'Signalbox', at}} : state
}

function isStray({gate, run}: DeploymentState): boolean {
  return gate?.release !== undefined && run?.sha !== undefined && run.sha !== gate.release.sha
}

function missing(
  state: DeploymentState,
  event: {readonly at: number; readonly bestGuessUrl?: string},
): DeploymentState {
  const seen = event.bestGuessUrl === undefined ? state : {...state, bestGuessUrl: event.bestGuessUrl}
  if (event.at < locatingDeadline(state)) return seen
  // A worker died around the request, and for the whole window GitHub listed no run with our id: the request was
  // never made. Dispatching once more is the only way to keep the promise of one; a lost answer never gets there.
  if (state.unclear === 'crashed' && state.dispatches < 2) {
    if (state.cancel) return finish(seen, {kind: 'cancelled-before-start'}, event.at)
    return omit(omit({...seen, phase: 'requested'}, 'unclear'), 'lookedAt')
  }
  return finish(seen, {kind: 'not-found', unclear: state.unclear !== undefined}, event.at)
}

function observed(
  state: DeploymentState,
  run: RunView,
  jobs: readonly JobView[],
  at: number,
): DeploymentState {
  const outdated = state.run !== undefined && run.attempt < state.run.attempt
  const base = outdated ? state : withJobs(state, furthestJobs(state.jobs, jobs))
  const looked: DeploymentState = {
    ...omit(base, 'hidden'),
    misses: 0,
    lookedAt: at,
    ...(isForward(state.run, run) ? {run} : {}),
  }
  const seen = stray(looked, at)
  if (letsGo(seen)) return finish(seen, {kind: 'started'}, at)
  // The run and its jobs are told apart: a list of jobs that lags behind costs a look, like a log not there yet.
  if (seen.run && jobsLag(seen.run, seen.jobs) && seen.logReads < LOG_READS - 1)
    return {...seen, logReads: seen.logReads + 1}
  return expireIfDue(concludeIfDone(seen, at), at)
}

/** Whether a run that is over is listed with jobs that still run, or with failures from before its latest attempt. */
function jobsLag({status, startedAt}: RunView, jobs: readonly JobView[]): boolean {
  const isEarlier = ({conclusion, endedAt}: JobView) =>
    conclusion === 'failure' && endedAt !== undefined && startedAt !== undefined && endedAt < startedAt
  return status === 'completed' && jobs.some(job => job.status !== 'completed' || isEarlier(job))
}

/** What was read of a job's failure goes with the job: a new attempt has other jobs, and owes another explanation. */
function withJobs(state: DeploymentState, jobs: readonly JobView[]): DeploymentState {
  const replaced = state.jobs.length > 0 && !jobs.some(job => state.jobs.some(known => known.id === job.id))
  return replaced ? omit({...state, jobs, logReads: 0}, 'failure') : {...state, jobs}
}

/** GitHub may forget a run for a moment, as it may take one to list it: it is given the same time to come back. */
function hidden(
  state: DeploymentState,
  {at, reason}: {readonly at: number; readonly reason?: string},
): DeploymentState {
  // How it ended is known; only the details are lost.
  if (state.run?.status === 'completed') return conclude(state, state.run, at)
  const since = state.hidden?.since ?? at
  const after = missed({...state, hidden: {since, ...(reason === undefined ? {} : {reason})}}, at)
  return at >= since + state.request.patience.discoveryMs
    ? finish(after, unwatched(after), at)
    : expireIfDue(after, at)
}

/** Why it is not watched any longer though no end of it is known. */
function unwatched({hidden}: DeploymentState): Verdict {
  if (!hidden) return {kind: 'watch-timeout'}
  return {kind: 'run-hidden', ...(hidden.reason === undefined ? {} : {reason: hidden.reason})}
}

function concludeIfDone(state: DeploymentState, at: number): DeploymentState {
  if (state.phase !== 'watching' || state.run?.status !== 'completed' || unreadFailure(state)) return state
  return conclude(state, state.run, at)
}

/** A run that succeeded owes no explanation, whichever of its jobs was allowed to fail. */
function conclude(state: DeploymentState, run: RunView, at: number): DeploymentState {
  const explained = run.conclusion === 'success' ? omit(state, 'failure') : state
  return finish(explained, {kind: 'concluded', conclusion: run.conclusion ?? 'unknown'}, at)
}

function expireIfDue(state: DeploymentState, at: number): DeploymentState {
  // A run that is over is never reported as still running; what is left to read about it is bounded by itself.
  if (state.phase === 'watching' && state.run?.status !== 'completed' && at >= watchDeadline(state)) {
    return finish(state, unwatched(state), at)
  }
  if (isGated(state) && state.misses >= MISSES)
    return finish(state, {kind: 'blocked', reason: UNREADABLE}, at)
  // Nothing could be learnt at all for several windows: say so instead of asking for ever.
  if (state.phase === 'locating' && at >= locatingDeadline(state) + 3 * state.request.patience.discoveryMs) {
    return finish(state, {kind: 'not-found', unclear: state.unclear !== undefined}, at)
  }
  return state
}

function slowed(state: DeploymentState, until: number, at: number): DeploymentState {
  // A dispatch refused for its rate was not carried out, and is not asked for again once somebody said stop.
  if (state.phase === 'dispatching' && state.cancel)
    return finish(state, {kind: 'cancelled-before-start'}, at)
  const base: DeploymentState =
    state.phase === 'dispatching' ? {...state, phase: 'requested', dispatches: state.dispatches - 1} : state
  const from = Math.max(at, state.slowUntil ?? 0)
  return until > from ? {...base, slowUntil: until, slowedMs: state.slowedMs + (until - from)} : base
}

function missed(state: DeploymentState, at: number): DeploymentState {
  return {...state, misses: state.misses + 1, lookedAt: at}
}

function finish(state: DeploymentState, verdict: Verdict, at: number): DeploymentState {
  const told: Verdict =
    isStray(state) && state.run?.sha !== undefined
      ? {kind: 'wrong-commit', sha: state.run.sha, conclusion: state.run.conclusion}
      : verdict
  return {...state, phase: 'finished', verdict: told, endedAt: at}
}

function omit<K extends keyof DeploymentState>(state: DeploymentState, key: K): DeploymentState {
  const {[key]: _dropped, ...rest} = state
  return rest as DeploymentState
}
