/** What a rule has against a place in the code. */
export type Finding = {
  /** `critical` findings block. */
  readonly severity: 'critical' | 'warning' | 'note'
  readonly rule: string
  /** Null: about the change as a whole. */
  readonly file: string | null
  /** In the file as changed, from 1. */
  readonly line: number | null
  readonly message: string
}

/** What the rules say of a pull request. */
export interface PullRequestReview {
  readonly repository: string
  readonly number: number
  readonly url: string
  readonly verdict: 'proceed' | 'block'
  /** The gravest first, at most 100. */
  readonly findings: readonly Finding[]
  /** All of them, also those beyond the 100. */
  readonly total: number
  readonly headSha: string
  /** The branch; null when it is in another repository. */
  readonly headRef: string | null
  readonly baseSha: string
  readonly files: number
  readonly summary: string
}

/** What the rules say of a repository's files as they stand. */
export interface CodeAnalysis {
  readonly repository: string
  /** The commit that was read; the branch or tag itself where it was no branch. */
  readonly ref: string
  /** How many files were read, and how many text files there are besides. */
  readonly files: number
  readonly left: number
  /** The gravest first, at most 100. */
  readonly findings: readonly Finding[]
  /** All of them, also those beyond the 100. */
  readonly total: number
}

/** Code judged by rules. */
export interface ReviewsPort {
  /**
   * Judges the files at a ref by those rules that need no change to look at: all of them, or those under a path.
   * Changes nothing. @throws NOT_FOUND where nothing is under the path.
   */
  analyse(query: {
    readonly repository: string
    readonly path?: string | undefined
    readonly ref?: string | undefined
    readonly signal: AbortSignal
  }): Promise<CodeAnalysis>
  /** Reads a pull request with all its files, and judges it by rules. Changes nothing. */
  review(query: {
    readonly repository: string
    readonly number: number
    readonly signal: AbortSignal
  }): Promise<PullRequestReview>
  /** The commit that a pull request is at. */
  headOf(query: {
    readonly repository: string
    readonly number: number
    readonly signal: AbortSignal
  }): Promise<string>
  /** Brings our one review of that pull request to what this one says: a comment, never an approval. */
  publish(
    review: PullRequestReview,
    signal: AbortSignal,
  ): Promise<{readonly id: string; readonly url: string}>
}
