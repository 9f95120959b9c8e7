/**
 * The few things the product asks of a code host about workflow runs. Every method answers within its own time
 * limit; none retries by itself, because who asked knows better whether asking again is safe.
 */
export interface CodeHost {
  /** Starts a workflow. Sends the request once and only once, whatever happens to the answer. */
  dispatch(request: {
    readonly repository: string
    readonly workflow: string
    readonly ref: string
    readonly inputs: Readonly<Record<string, string>>
  }): Promise<DispatchOutcome>
  /** Runs started by dispatch since then, newest first, at most 100. */
  dispatchedRuns(query: {
    readonly repository: string
    readonly workflow: string
    readonly since: number
  }): Promise<Look<readonly RunSummary[]>>
  /** A run with the jobs of its latest attempt. Unchanged answers cost no rate limit (ETag). */
  run(query: {readonly repository: string; readonly runId: string}): Promise<Look<RunDetail>>
  /** The plain-text log of a finished job, its last 512 KiB. */
  jobLog(query: {readonly repository: string; readonly jobId: string}): Promise<Look<string>>
  /** What a run left behind under that name, newest first, at most 100. */
  artifacts(query: {
    readonly repository: string
    readonly runId: string
    readonly name: string
  }): Promise<Look<readonly ArtifactSummary[]>>
  /** An artifact as the zip it is kept as; `refused` when it holds more than `mostBytes`, `missing` once it has expired. */
  artifactZip(query: {
    readonly repository: string
    readonly artifactId: string
    readonly mostBytes: number
  }): Promise<Look<Uint8Array>>
  /** Asks a run to stop; by force where it does not heed that. */
  cancel(query: {
    readonly repository: string
    readonly runId: string
    readonly force: boolean
  }): Promise<CancelOutcome>
  /** Newest runs of a workflow, newest first. */
  recentRuns(query: {
    readonly repository: string
    readonly workflow: string
    /** Of every branch and tag when not given. */
    readonly branch?: string
    readonly count: number
    readonly signal?: AbortSignal
  }): Promise<Look<readonly RunSummary[]>>
  /** Runs of a commit, of all workflows, newest first, at most 100. */
  runsOf(query: {
    readonly repository: string
    readonly sha: string
    readonly signal?: AbortSignal
  }): Promise<Look<readonly RunSummary[]>>
  /** Branch and tag names beginning with the text, at most 25. */
  refs(query: {
    readonly repository: string
    readonly prefix: string
    readonly signal: AbortSignal
  }): Promise<Look<readonly string[]>>
  /** Where people see a workflow’s runs. */
  workflowUrl(repository: string, workflow: string): string
}

/** What became of a dispatch. */
export type DispatchOutcome =
  | {readonly kind: 'accepted'; readonly run?: {readonly id: string; readonly url: string}}
  /** GitHub understood and declined; `reason` is a sentence for people. */
  | {readonly kind: 'refused'; readonly reason: string}
  | {readonly kind: 'slow-down'; readonly until: number}
  /** The connection was never made. */
  | {readonly kind: 'not-sent'; readonly reason: string}
  /** The request may have taken effect: its answer was lost, late, or a server error. */
  | {readonly kind: 'unclear'; readonly reason: string}

/** The outcome of a read. `missing` and `refused` will not change by asking again soon; `failed` may. */
export type Look<T> =
  | {readonly kind: 'seen'; readonly value: T}
  | {readonly kind: 'missing'}
  | {readonly kind: 'refused'; readonly reason: string}
  | {readonly kind: 'slow-down'; readonly until: number}
  | {readonly kind: 'failed'; readonly reason: string}

/** What became of asking a run to stop. `failed`: it may have heard of it. */
export type CancelOutcome =
  | {readonly kind: 'accepted'}
  | {readonly kind: 'already-ended'}
  | {readonly kind: 'refused'; readonly reason: string}
  | {readonly kind: 'slow-down'; readonly until: number}
  | {readonly kind: 'failed'; readonly reason: string}

/** A run as lists have it. */
export interface RunSummary {
  /** A decimal string: GitHub's ids outgrow safe integers. */
  readonly id: string
  readonly url: string
  readonly name: string
  readonly displayTitle: string
  readonly event: string
  /** The commit it runs. */
  readonly headSha: string
  readonly status: string
  readonly conclusion: string | null
  readonly attempt: number
  /** Of the workflow's file. */
  readonly path: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly updatedAt: number
  readonly startedAt?: number
}

/** The name of a run's workflow file, such as `deploy.yml`; empty where GitHub does not tell. */
export function workflowFileOf({path}: Pick<RunSummary, 'path'>): string {
  // The path names the ref too where the file comes from another one: `deploy.yml@refs/heads/main`.
  return (path.split('@')[0] ?? path).split('/').at(-1) ?? path
}

/** A run with its jobs, of its latest attempt. */
export interface RunDetail extends RunSummary {
  readonly jobs: readonly JobDetail[]
}

/** What a run uploaded, without its content. */
export interface ArtifactSummary {
  readonly id: string
  /** Of the zip. */
  readonly bytes: number
  /** Its zip is gone. */
  readonly expired: boolean
}

/** A job with its steps. */
export interface JobDetail {
  readonly id: string
  readonly name: string
  readonly url: string
  readonly status: string
  readonly conclusion: string | null
  readonly startedAt?: number
  readonly endedAt?: number
  readonly steps: readonly {
    readonly name: string
    readonly number: number
    readonly status: string
    readonly conclusion: string | null
    readonly startedAt?: number
    readonly endedAt?: number
  }[]
}
