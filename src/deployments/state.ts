/** What was asked, and the patience it was asked with. Never changes after the request. */
export interface DeploymentRequest {
  readonly correlationId: string
  readonly target: string
  /** `owner/name`. */
  readonly repository: string
  /** The workflow's file name, such as `client-deploy.yml`. */
  readonly workflow: string
  readonly ref: string
  readonly environment: string
  readonly service: string
  readonly inputs: Readonly<Record<string, string>>
  readonly requester: {readonly id: string; readonly name: string; readonly kind: string}
  readonly apiBase?: string
  /** Follow the run to its end, or only until it is known to have started. */
  readonly wait: boolean
  readonly requestedAt: number
  readonly patience: {readonly discoveryMs: number; readonly watchMs: number; readonly pollMs: number}
  /** The workflow's page, for when no run is known. */
  readonly workflowUrl: string
}

export interface StepView {
  readonly name: string
  readonly number: number
  readonly status: string
  readonly conclusion: string | null
  readonly startedAt?: number
  readonly endedAt?: number
}

export interface JobView {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly conclusion: string | null
  readonly url: string
  readonly startedAt?: number
  readonly endedAt?: number
  readonly steps: readonly StepView[]
}

export interface RunView {
  /** A decimal string: GitHub's ids outgrow safe integers. */
  readonly id: string
  readonly url: string
  readonly status: string
  readonly conclusion: string | null
  readonly attempt: number
  readonly startedAt?: number
  readonly endedAt?: number
}

/** Why it failed, as near to the line as the log lets us say. */
export interface FailureView {
  readonly jobId: string
  readonly job: string
  readonly jobUrl: string
  readonly step?: string
  readonly exitCode?: number
  /** The last lines of the failing step's log, redacted, at most 900 characters. */
  readonly excerpt?: string
  readonly moreLines?: number
}

export type Verdict =
  | {readonly kind: 'concluded'; readonly conclusion: string}
  /** Not waiting: it was started, and where it is. */
  | {readonly kind: 'started'}
  | {readonly kind: 'watch-timeout'}
  /** GitHub does not show us the run any more: deleted, or we may not see it; `reason` is GitHub's, where it gave one. */
  | {readonly kind: 'run-hidden'; readonly reason?: string}
  /** Dispatched, or perhaps dispatched (`unclear`), but no run carries our id. */
  | {readonly kind: 'not-found'; readonly unclear: boolean}
  /** Stopped before anything was asked of GitHub. */
  | {readonly kind: 'cancelled-before-start'}
  | {readonly kind: 'refused'; readonly reason: string}

export type Phase = 'requested' | 'dispatching' | 'locating' | 'watching' | 'finished'

export interface DeploymentState {
  readonly request: DeploymentRequest
  readonly phase: Phase
  /** It waits for its turn at what it deploys: since when, as of when, who holds it, and who goes before. */
  readonly line?: {
    readonly since: number
    readonly askedAt: number
    readonly holder?: {readonly owner: string; readonly reason?: string}
    readonly ahead: readonly string[]
  }
  /** It holds its lock, until it is finished or `lost` it; the fence it was granted under. */
  readonly lock?: {readonly fence: number; readonly lost?: true}
  /** How often a dispatch was begun; a second time only after a crash that provably left no run. */
  readonly dispatches: number
  readonly dispatchBeganAt?: number
  /** A dispatch was begun and its answer never seen: `crashed` with the worker, or `answer-lost` on the way back. */
  readonly unclear?: 'crashed' | 'answer-lost'
  readonly locatingSince?: number
  readonly run?: RunView
  /** A run that might be ours but does not carry our id: offered as a link, never followed. */
  readonly bestGuessUrl?: string
  readonly watchingSince?: number
  readonly jobs: readonly JobView[]
  readonly failure?: FailureView
  readonly logReads: number
  readonly cancel?: {
    readonly by: string
    readonly at: number
    readonly sentAt?: number
    readonly forcedAt?: number
    /** The last time that GitHub could not be told. */
    readonly failedAt?: number
    readonly refusal?: string
  }
  /** GitHub asked us to slow down until then. */
  readonly slowUntil?: number
  /** Time spent waiting for GitHub's limits since this phase began: its deadline does not count it. */
  readonly slowedMs: number
  /** Looks that failed in a row, by fault of the network or of GitHub. */
  readonly misses: number
  readonly lookedAt?: number
  /** Since when, look after look, GitHub denies us the run that it showed before. */
  readonly hidden?: {readonly since: number; readonly reason?: string}
  readonly verdict?: Verdict
  readonly endedAt?: number
}

/** What it must hold to be dispatched: no two deployments of one service in one environment at a time. */
export function lockOf({environment, service}: DeploymentRequest): string {
  return `deployment:${environment}:${service}`
}

export function newDeployment(request: DeploymentRequest): DeploymentState {
  return {request, phase: 'requested', dispatches: 0, jobs: [], logReads: 0, slowedMs: 0, misses: 0}
}
