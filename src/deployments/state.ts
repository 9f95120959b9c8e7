import type {Release} from '../approvals/releases.ts'
import type {Environment} from '../kernel/environment.ts'
import type {Actor} from '../sdk/index.ts'

/** What was asked, and the patience it was asked with. Never changes after the request. */
export interface DeploymentRequest {
  readonly correlationId: string
  readonly target: string
  /** `owner/name`. */
  readonly repository: string
  /** The workflow's file name, such as `client-deploy.yml`. */
  readonly workflow: string
  readonly ref: string
  readonly environment: Environment
  readonly service: string
  readonly inputs: Readonly<Record<string, string>>
  readonly requester: Pick<Actor, 'id' | 'name' | 'kind'>
  readonly apiBase?: string
  /** Follow the run to its end, or only until it is known to have started. */
  readonly wait: boolean
  /** How its run ended is told by a message of its own: a release's. */
  readonly announcedElsewhere?: true
  /** It carries out a release's decision: its command can't be given again. */
  readonly decidedElsewhere?: true
  /** To what went well there before: what fails there by now must not close the way back. */
  readonly goesBack?: true
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
  /** The commit it runs; absent until it was looked at. */
  readonly sha?: string
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
  /** Its gate stays shut whoever agrees: what would ship can't be read, its tests fail, there is a freeze. */
  | {readonly kind: 'blocked'; readonly reason: string; readonly until?: number}
  | ({readonly kind: 'not-approved'} & Refusal)
  /** The run was of another commit than the approved one, whatever became of it: the branch moved in between. */
  | {readonly kind: 'wrong-commit'; readonly sha: string; readonly conclusion: string | null}

/** How people answered, or that nobody did. */
export interface Refusal {
  readonly how: 'rejected' | 'expired' | 'cancelled'
  readonly by?: string
  readonly surface?: string
  readonly reason?: string
}

/**
 * `inspecting` and `parked` come first where a gate stands before the target: what would ship is read, and people are
 * asked about exactly that. Nothing is held meanwhile, and nothing asked of GitHub.
 */
export type Phase =
  'inspecting' | 'parked' | 'requested' | 'dispatching' | 'locating' | 'watching' | 'finished'

/** A request for approval, as its message is to tell of it. */
export interface Ask {
  readonly approvalId: string
  readonly askedAt: number
  /** Of the approval's record: what is older was seen before. */
  readonly version: number
  readonly needed: number
  readonly given: number
  readonly expiresAt?: number
  readonly level: string
  /** For people, in the words of the rules. */
  readonly reasons: readonly string[]
  /** Who may decide. */
  readonly roles: readonly string[]
  /** What the release changes, where that is known. */
  readonly card?: CardSummary
  /** Where it is decided, once it is known. */
  readonly url?: string
  /** How often it was looked up. */
  readonly looks: number
}

/** What the release changes, in numbers. */
export interface CardSummary {
  readonly files: number
  readonly migrations: number
  readonly pullRequests: readonly number[]
  readonly checks: 'success' | 'failure' | 'pending' | 'unknown'
}

/** It stands before a guarded target: nothing is dispatched until it is passed. */
export interface Gate {
  /** From 1; the next one begins when what was asked for has moved. */
  readonly round: number
  /** What this round asks for, and what alone may be shipped then. */
  readonly release?: Release
  readonly ask?: Ask
  /** What moved, so that it asks again. */
  readonly moved?: readonly string[]
  /** How long people took, in all rounds. */
  readonly waitedMs: number
  readonly passed?: {readonly how: 'approved' | 'not-needed' | 'glass-broken'; readonly at: number}
  /** Its approval permits one beginning, and this was it. */
  readonly used?: true
}

export interface DeploymentState {
  readonly request: DeploymentRequest
  readonly phase: Phase
  readonly gate?: Gate
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
  /** Where the workflow is started, if not at the ref that was asked for. */
  readonly dispatchRef?: string
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
    /** As they call themselves. */
    readonly by: string
    /** Left out: we do it. */
    readonly actor?: Pick<Actor, 'kind' | 'id' | 'name'>
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

export function newDeployment(
  request: DeploymentRequest,
  {guarded = false}: {readonly guarded?: boolean} = {},
): DeploymentState {
  const begun = {request, dispatches: 0, jobs: [], logReads: 0, slowedMs: 0, misses: 0}
  return guarded
    ? {...begun, phase: 'inspecting', gate: {round: 1, waitedMs: 0}}
    : {...begun, phase: 'requested'}
}
