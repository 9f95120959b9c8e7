/** A part of the summary that GitHub would not let us write: `reason` is a sentence. */
export interface OmittedSection {
  readonly section: 'merged pull requests' | 'deploys' | 'next steps'
  readonly reason: string
}

/** What would be put on top of the file. */
export interface SummaryDraft {
  /** `owner/name`. */
  readonly repository: string
  readonly path: string
  readonly markdown: string
  readonly omitted: readonly OmittedSection[]
}

/** The summary file that a repository keeps, changed through pull requests only. */
export interface SummaryPort {
  /**
   * Writes a dated section from what GitHub says now; what can't be read is left out, and said. Changes nothing.
   * @throws INVALID_INPUT for notes that hold a secret.
   */
  compose(wish: {
    readonly correlationId: string
    readonly notes?: string | undefined
    readonly signal: AbortSignal
  }): Promise<SummaryDraft>
  /**
   * Puts it on top of the file, on a branch of ours, and keeps one pull request open for it. Once per command: a
   * section that is there already is left alone, and everything below stays byte by byte. @throws UPSTREAM_REFUSED,
   * UPSTREAM_RATE_LIMITED and UPSTREAM_UNAVAILABLE for what GitHub declines, and INVALID_INPUT for a file that is no text.
   */
  propose(
    draft: SummaryDraft & {readonly correlationId: string},
    signal: AbortSignal,
  ): Promise<{
    readonly url: string
    readonly number: number
    readonly branch: string
    readonly opened: boolean
  }>
}
