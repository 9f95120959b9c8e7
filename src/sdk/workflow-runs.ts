/** A run of a GitHub workflow in a list. */
export interface WorkflowRunSummary {
  readonly id: string
  readonly url: string
  readonly status: string
  readonly conclusion: string | null
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly updatedAt: number
}

/** What happened to one workflow in a window of time. Averages are in milliseconds. */
export interface WorkflowDigest {
  readonly total: number
  readonly success: number
  readonly failure: number
  /** Every other conclusion, and runs that are still going. */
  readonly other: number
  readonly averageMs: number | undefined
  readonly latest: WorkflowRunSummary | undefined
}

/** Recent runs of the GitHub workflows that people ask about. */
export interface WorkflowRunsPort {
  /** The workflows people ask about: each configured target's, once, with its display label. */
  workflows(): readonly {
    readonly label: string
    readonly repository: string
    readonly workflow: string
    readonly branch: string
  }[]
  /** Newest first. */
  recent(
    workflow: {readonly repository: string; readonly workflow: string; readonly branch: string},
    options: {readonly count: number; readonly signal: AbortSignal},
  ): Promise<readonly WorkflowRunSummary[]>
  /** The runs as numbers, counting those created at or after `since`. */
  digest(runs: readonly WorkflowRunSummary[], since: number): WorkflowDigest
}
