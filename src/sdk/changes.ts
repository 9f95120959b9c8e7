/** What somebody wants of the code. */
export interface WantedChange {
  readonly repository: string
  readonly kind: 'implement' | 'refactor'
  /** The person's own words: the only text that says what is done. */
  readonly description: string
  /** A file or folder it is about; the model chooses otherwise. */
  readonly path?: string | undefined
  /** The issue it is about, by its identifier. */
  readonly issue?: string | undefined
  readonly signal: AbortSignal
}

/** A change, as it would be proposed. Everything in it was checked. */
export type WrittenChange = {
  readonly kind: 'written'
  /** A language model, or rules of ours. */
  readonly author: 'model' | 'rules'
  /** The commit it was written for. */
  readonly sha: string
  readonly title: string
  readonly summary: string
  /** Each with all of its text. */
  readonly files: {readonly path: string; readonly text: string}[]
  readonly added: number
  readonly removed: number
}

/** Nothing was written, and why, in whole sentences. */
export type NothingWritten = {readonly kind: 'nothing'; readonly reason: string}

/** A draft pull request with a change. */
export type ProposedChange = {
  readonly number: number
  readonly url: string
  readonly branch: string
  readonly headSha: string
}

/** An issue in Linear that people were given instead. */
export type OpenedIssue = {readonly project: string; readonly identifier: string; readonly url: string}

/**
 * Small changes to code, proposed as drafts on branches of our own. `key`, letters and digits, names a change: the same
 * key is the same branch, the same draft, the same issue.
 */
export interface ChangesPort {
  /** Has a model write it, and checks what came: size, paths, secrets. Changes nothing. */
  write(wanted: WantedChange): Promise<WrittenChange | NothingWritten>
  /** What rules of ours made of a commit's files, checked as strictly as what a model writes. Changes nothing. */
  check(made: {
    readonly repository: string
    readonly sha: string
    readonly title: string
    readonly summary: string
    /** Each with all of its new text. */
    readonly files: readonly {readonly path: string; readonly text: string}[]
    readonly signal: AbortSignal
  }): Promise<WrittenChange | NothingWritten>
  /** The draft of this key, also once it was closed or merged. */
  proposed(repository: string, key: string, signal: AbortSignal): Promise<ProposedChange | undefined>
  /** @throws CONFLICT where the branch holds something else. */
  propose(change: {
    readonly repository: string
    readonly key: string
    readonly description: string
    readonly written: WrittenChange
    /** The branch it is for; the default one when left out. */
    readonly base?: string
    readonly signal: AbortSignal
  }): Promise<ProposedChange>
  /** Says once on the draft how its tests went. */
  tell(note: {
    readonly repository: string
    readonly number: number
    readonly key: string
    readonly text: string
    readonly signal: AbortSignal
  }): Promise<{readonly url: string}>
  /** The project whose Linear takes issues about this repository: the one named, or the only one that can be meant. */
  projectFor(repository: string, named: string | undefined): string | undefined
  /** Opens a scoped issue for people in Linear. @throws UPSTREAM_REFUSED where Linear does not take it. */
  openIssue(issue: {
    readonly project: string
    readonly key: string
    readonly wanted: WantedChange
    /** Why nobody but people can do it now. */
    readonly reason: string
    readonly signal: AbortSignal
  }): Promise<OpenedIssue>
}
