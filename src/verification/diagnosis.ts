import type {CheckName, DiagnosisReport} from './report.ts'

/** One run of the diagnose workflow, as it was asked for. */
export interface DiagnosisOrder {
  /** Names the diagnosis, its message and its run. */
  readonly id: string
  readonly requester: string
  /** Because of which command it is made. */
  readonly command: string
  readonly repository: string
  readonly workflow: string
  readonly ref: string
  readonly artifact: string
  readonly inputs: Readonly<Record<string, string>>
  readonly requestedAt: number
  readonly patience: {readonly discoveryMs: number; readonly watchMs: number; readonly pollMs: number}
  readonly workflowUrl: string
}

export interface RunSeen {
  readonly id: string
  readonly url: string
  readonly status: string
  readonly conclusion: string | null
}

/** What a run that ended left to read. */
export interface Evidence {
  readonly found:
    | {readonly kind: 'report'; readonly from: 'artifact' | 'log'; readonly report: DiagnosisReport}
    /** `why`: what stands where a report should. */
    | {readonly kind: 'none'; readonly why: string}
  /** Where it broke, and what its log says there. */
  readonly failure?: {readonly job: string; readonly step?: string; readonly excerpt?: string}
}

export type Ending =
  | {readonly kind: 'concluded'; readonly conclusion: string; readonly evidence: Evidence}
  /** Nothing was started. */
  | {readonly kind: 'refused'; readonly reason: string}
  /** Whether something was started is not known, or its run can't be told from others. */
  | {readonly kind: 'not-found'; readonly unclear: boolean}
  | {readonly kind: 'watch-timeout'}
  | {readonly kind: 'hidden'; readonly reason?: string}
  | {readonly kind: 'cancelled-before-start'}

export interface DiagnosisState {
  readonly order: DiagnosisOrder
  readonly phase: 'requested' | 'dispatching' | 'locating' | 'watching' | 'reading' | 'ended'
  /** When the phase is given up; time that GitHub asked us to wait does not count. */
  readonly until?: number
  readonly dispatchedAt?: number
  /** Why nobody knows whether GitHub got the dispatch. */
  readonly doubt?: 'answer-lost' | 'crashed'
  readonly run?: RunSeen
  readonly jobs?: readonly {
    readonly name: string
    readonly status: string
    readonly conclusion: string | null
  }[]
  readonly lookAt: number
  readonly slowUntil?: number
  readonly stop?: {readonly by: string; readonly sent: boolean; readonly refusal?: string}
  readonly ending?: Ending
  readonly endedAt?: number
}

export type DiagnosisEvent = {readonly at: number} & (
  | {readonly type: 'dispatch-began'}
  | {readonly type: 'dispatch-accepted'; readonly run?: {readonly id: string; readonly url: string}}
  | {readonly type: 'dispatch-refused'; readonly reason: string}
  | {readonly type: 'dispatch-unclear'; readonly cause: 'answer-lost' | 'crashed'}
  | {readonly type: 'dispatch-not-sent'}
  | {readonly type: 'slowed'; readonly until: number}
  | {readonly type: 'run-missing'}
  | {readonly type: 'run-seen'; readonly run: RunSeen; readonly jobs: NonNullable<DiagnosisState['jobs']>}
  | {readonly type: 'run-hidden'; readonly reason?: string}
  | {readonly type: 'look-failed'}
  | {readonly type: 'evidence-read'; readonly evidence: Evidence}
  | {readonly type: 'stop-asked'; readonly by: string}
  | {readonly type: 'stop-sent'}
  | {readonly type: 'stop-refused'; readonly reason: string}
)

/** The one next thing to do. */
export type Next =
  | {readonly do: 'nothing'}
  | {readonly do: 'wait'; readonly until: number}
  | {readonly do: 'dispatch' | 'reconcile' | 'locate' | 'observe' | 'stop' | 'read'}

export function newDiagnosis(order: DiagnosisOrder): DiagnosisState {
  return {
    order,
    phase: 'requested',
    lookAt: order.requestedAt,
    until: order.requestedAt + order.patience.watchMs,
  }
}

/** Its message is the command's own, and both end together; else it has one beside the command's. */
export function carriesCommand({id, command}: DiagnosisOrder): boolean {
  return id === command
}

/** Folds one fact in. Pure and total: a fact that comes too late changes nothing. */
export function decide(state: DiagnosisState, event: DiagnosisEvent): DiagnosisState {
  const {order, phase} = state
  const {at} = event
  const {patience} = order
  if (phase === 'ended') return state
  const soon = at + patience.pollMs
  const overdue = at >= (state.until ?? Number.POSITIVE_INFINITY)
  switch (event.type) {
    case 'dispatch-began':
      return phase === 'requested'
        ? {...without(state, 'slowUntil'), phase: 'dispatching', dispatchedAt: at}
        : state
    case 'dispatch-accepted': {
      if (phase !== 'dispatching') return state
      const found = event.run && {run: {...event.run, status: 'queued', conclusion: null}}
      return found
        ? {...state, ...found, phase: 'watching', until: at + patience.watchMs, lookAt: at}
        : {...state, phase: 'locating', until: at + patience.discoveryMs, lookAt: at}
    }
    case 'dispatch-refused':
      return ended(state, at, {kind: 'refused', reason: event.reason})
    case 'dispatch-unclear':
      if (phase !== 'dispatching') return state
      return {
        ...state,
        phase: 'locating',
        doubt: event.cause,
        until: at + patience.discoveryMs,
        lookAt: event.cause === 'crashed' ? at : soon,
      }
    case 'dispatch-not-sent':
      if (phase !== 'dispatching') return state
      return overdue
        ? ended(state, at, {kind: 'refused', reason: 'It could not be sent to GitHub. Nothing was started.'})
        : requestedAgain(state, at, {lookAt: soon})
    case 'slowed': {
      const lost = Math.max(0, event.until - at)
      const waits = {lookAt: event.until, slowUntil: event.until, until: (state.until ?? at) + lost}
      // A dispatch that GitHub turned away for its limits did not happen.
      return phase === 'dispatching' ? requestedAgain(state, at, waits) : {...state, ...waits}
    }
    case 'run-missing':
      if (phase !== 'locating') return state
      if (!overdue) return {...without(state, 'slowUntil'), lookAt: soon}
      // Had it been dispatched before the crash, its run would be listed by now.
      if (state.doubt === 'crashed')
        return requestedAgain(state, at, {lookAt: at, until: at + patience.watchMs})
      return ended(state, at, {kind: 'not-found', unclear: state.doubt !== undefined})
    case 'run-seen': {
      if (phase !== 'locating' && phase !== 'watching') return state
      const seen = {...without(state, 'slowUntil', 'doubt'), run: event.run, jobs: event.jobs}
      if (event.run.status === 'completed')
        return {...seen, phase: 'reading', until: at + patience.discoveryMs, lookAt: at}
      if (phase === 'locating')
        return {...seen, phase: 'watching', until: at + patience.watchMs, lookAt: soon}
      return overdue ? ended(seen, at, {kind: 'watch-timeout'}) : {...seen, lookAt: soon}
    }
    case 'run-hidden': {
      if (phase !== 'watching') return state
      // A new run may be hidden for a moment by a replica that lags.
      if (at < (state.dispatchedAt ?? at) + patience.discoveryMs) return {...state, lookAt: soon}
      return ended(state, at, {kind: 'hidden', ...(event.reason === undefined ? {} : {reason: event.reason})})
    }
    case 'look-failed':
      if (!overdue) return {...state, lookAt: soon}
      if (phase === 'locating') return ended(state, at, {kind: 'not-found', unclear: true})
      if (phase === 'watching') return ended(state, at, {kind: 'watch-timeout'})
      if (phase === 'reading')
        return concluded(state, at, {found: {kind: 'none', why: 'GitHub did not let us read them'}})
      return state
    case 'evidence-read':
      return phase === 'reading' ? concluded(state, at, event.evidence) : state
    case 'stop-asked':
      if (state.stop) return state
      if (phase === 'requested') return ended(state, at, {kind: 'cancelled-before-start'})
      return {...state, stop: {by: event.by, sent: false}, lookAt: at}
    case 'stop-sent':
      return state.stop ? {...state, stop: {...state.stop, sent: true}, lookAt: soon} : state
    case 'stop-refused':
      return state.stop
        ? {...state, stop: {...state.stop, sent: true, refusal: event.reason}, lookAt: soon}
        : state
  }
}

export function next(state: DiagnosisState, now: number): Next {
  if (state.phase === 'ended') return {do: 'nothing'}
  // Who finds this word began nothing itself: the one who did is gone.
  if (state.phase === 'dispatching') return {do: 'reconcile'}
  if (state.lookAt > now) return {do: 'wait', until: state.lookAt}
  switch (state.phase) {
    case 'requested':
      return {do: 'dispatch'}
    case 'locating':
      return {do: 'locate'}
    case 'watching':
      return {do: state.stop?.sent === false ? 'stop' : 'observe'}
    case 'reading':
      return {do: 'read'}
  }
}

/** How it ended, as one word. A run that succeeded without saying what it found is no proof that all is well. */
export function verdictOfEnding(
  ending: Ending,
  judge: (report: DiagnosisReport) => 'ok' | 'partial' | 'failed',
): 'ok' | 'partial' | 'failed' | 'other' {
  if (ending.kind === 'refused') return 'failed'
  if (ending.kind !== 'concluded') return 'other'
  const {conclusion, evidence} = ending
  if (conclusion === 'failure' || conclusion === 'timed_out') return 'failed'
  if (conclusion !== 'success') return 'other'
  return evidence.found.kind === 'report' ? judge(evidence.found.report) : 'partial'
}

/** What to do about a check that is bad. */
export const FIXES: Readonly<Record<CheckName, string>> = {
  oidc: 'check that the workflow has `id-token: write` and that the cloud role trusts this repository and branch',
  s3_read: 'check the bucket’s name, and that the role may list and read it',
  cloudfront: 'check the distribution’s id, and that the role may read it',
  api_health: 'check that the API is deployed, and its address',
  api_hello: 'check that the API is deployed, and its address',
}

/** GitHub is known not to have begun anything. */
function requestedAgain(state: DiagnosisState, at: number, waits: Partial<DiagnosisState>): DiagnosisState {
  if (state.stop) return ended(state, at, {kind: 'cancelled-before-start'})
  return {...without(state, 'doubt', 'dispatchedAt'), ...waits, phase: 'requested'}
}

function concluded(state: DiagnosisState, at: number, evidence: Evidence): DiagnosisState {
  return ended(state, at, {kind: 'concluded', conclusion: state.run?.conclusion ?? 'unknown', evidence})
}

function ended(state: DiagnosisState, at: number, ending: Ending): DiagnosisState {
  return {...without(state, 'slowUntil'), phase: 'ended', ending, endedAt: at}
}

function without<K extends 'slowUntil' | 'doubt' | 'dispatchedAt'>(
  state: DiagnosisState,
  ...keys: readonly K[]
): Omit<DiagnosisState, K> {
  const copy = {...state}
  for (const key of keys) delete copy[key as keyof typeof copy]
  return copy
}
