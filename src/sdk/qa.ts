/** A place in a file of the pull request's head; of the whole file where there is no line. */
export interface QaEvidence {
  readonly file: string
  readonly line?: number
  /** Where people see it. */
  readonly url?: string
}

/** One rule, and what it found. */
export interface QaCheck {
  readonly id: string
  /** What holds where it passes, as a sentence without its end. */
  readonly title: string
  readonly severity: 'must' | 'should'
  /** `unknown`: it could not be looked at, which is no pass. `skipped`: it is not about what changes. */
  readonly outcome: 'passed' | 'failed' | 'unknown' | 'skipped'
  /** Why it came out so, as a sentence without its end. */
  readonly reason: string
  readonly why?: string | undefined
  readonly fix?: string | undefined
  /** At most three places. */
  readonly evidence: readonly QaEvidence[]
}

/** What all rules found of a pull request. */
export interface QaReport {
  /** `owner/name`. */
  readonly repository: string
  readonly number: number
  /** `fail`: something that must hold does not. `unknown`: something that must hold could not be looked at. */
  readonly verdict: 'pass' | 'fail' | 'unknown'
  /** In the order of the rules. */
  readonly checks: readonly QaCheck[]
  /** Files whose changed lines were not looked at. */
  readonly unread: readonly {readonly file: string; readonly why: string}[]
  /** Undefined: there is no such pull request. */
  readonly pull:
    | {
        readonly url: string
        readonly title: string
        readonly headSha: string
        readonly baseRef: string
        readonly files: number
      }
    | undefined
  readonly rules: 'qa.yaml' | 'default'
}

/** Pull requests judged by the rules of the repository they are merged into. */
export interface QaPort {
  /** Reads only. A pull request that is not there is a report that says so. */
  check(query: {
    readonly repository: string
    readonly number: number
    readonly signal: AbortSignal
  }): Promise<QaReport>
  /** Whether the configuration wants what was found to be said on the pull request. */
  readonly posts: boolean
  /**
   * Says it in one review, which a later report replaces. `refused`: GitHub takes no decision of ours, with its reason,
   * so it is a comment.
   */
  publish(
    report: QaReport,
    signal: AbortSignal,
  ): Promise<{readonly url: string; readonly refused?: string | undefined}>
}
