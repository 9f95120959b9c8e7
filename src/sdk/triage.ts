/** How to mend a failure. Nothing of it is ever carried out: its words may come from a log that anybody can write. */
export interface ProposedFix {
  /** `patch`: a change of the repository, in `diff`. `config`: a setting. `playbook`: steps for a person. */
  readonly kind: 'patch' | 'config' | 'playbook'
  readonly title: string
  readonly risk: 'low' | 'medium' | 'high'
  /** Commands and settings, to be read before they are used. */
  readonly steps: readonly string[]
  /** A unified diff, against the commit that failed. */
  readonly diff?: string | undefined
  /** The file as that diff leaves it; none where only people may change it. */
  readonly file?: {readonly path: string; readonly text: string} | undefined
  /** How to see that it helped. */
  readonly test: string
}

/** One thing that went wrong in a run, and where. */
export interface TriagedFailure {
  readonly kind: string
  /** The kind in words: `a test fails`. */
  readonly what: string
  readonly tool: string
  readonly message: string
  readonly code?: string | undefined
  readonly file?: string | undefined
  readonly line?: number | undefined
  /** Where people see the place; absent where the repository has no such file. */
  readonly url?: string | undefined
  readonly subject?: string | undefined
  readonly evidence: readonly string[]
  /** From 0 to 100, from the evidence alone. */
  readonly confidence: number
  /** From 80 on a quick win, from 60 on medium. */
  readonly grade: 'quick win' | 'medium' | 'needs review'
  readonly job: {readonly name: string; readonly step: string | undefined; readonly url: string}
}

/** Why the runs of a pull request, or one run, fail. */
export interface TriageReport {
  /** `owner/name`. */
  readonly repository: string
  /** What was asked about, such as `#7` or `run 19846849655`. */
  readonly about: string
  readonly url: string
  /** The pull request asked about; a run belongs to none by itself. */
  readonly pull: number | undefined
  readonly sha: string
  /** `pending`: nothing has failed, and something still runs. `none`: no workflow ran for it. */
  readonly verdict: 'failing' | 'passing' | 'pending' | 'none'
  /** Those that failed, or were cancelled. */
  readonly runs: readonly {readonly url: string; readonly workflow: string; readonly conclusion: string}[]
  /** What explains the others first. */
  readonly failures: readonly TriagedFailure[]
  /** Of the first failure. */
  readonly fix: ProposedFix | undefined
  /** Jobs that failed and whose logs could not be read or told nothing, with why. */
  readonly unread: readonly {readonly job: string; readonly why: string}[]
  /** Failing runs and jobs that were not looked at: only so many are. */
  readonly left: number
  /** A model's words about it, unchecked; `off` where none is configured. */
  readonly explanation:
    | {readonly kind: 'given'; readonly text: string}
    | {readonly kind: 'off'}
    | {readonly kind: 'failed'; readonly reason: string}
}

/** Nothing in it failed: somebody, or something newer, stopped it. */
export function wasCancelled({runs, failures}: Pick<TriageReport, 'runs' | 'failures'>): boolean {
  return failures.length === 0 && runs.length > 0 && runs.every(({conclusion}) => conclusion === 'cancelled')
}

/** `reason` is a whole sentence. */
export type DraftedFix =
  | {readonly kind: 'drafted'; readonly number: number; readonly url: string}
  | {readonly kind: 'nothing'; readonly reason: string}

/** What the rules make of an issue. */
export type IssueVerdict = {
  readonly number: number
  readonly url: string
  readonly title: string
  /** To be added; those it has already are not among them. */
  readonly labels: readonly string[]
  readonly priority: 'P0' | 'P1' | 'P2' | 'P3'
  /** Why this priority. */
  readonly reasons: readonly string[]
  /** An earlier open issue that says nearly the same; `likeness` from 0 to 1. */
  readonly duplicate: {readonly number: number; readonly url: string; readonly likeness: number} | undefined
  /** Whom CODEOWNERS or the last changes of the files it names suggest, without an @. */
  readonly owner: {readonly login: string; readonly why: string} | undefined
  /** It says too little: its author is to be asked. */
  readonly asks: boolean
  /** What a model would add, of labels and issues that there are. For people to read; nothing of it is applied. */
  readonly suggestion:
    | {
        readonly labels: readonly string[]
        readonly duplicate: {readonly number: number; readonly url: string} | undefined
      }
    | undefined
}

/** What the rules make of a repository’s open issues. */
export type IssuesTriage = {
  readonly repository: string
  /** Open issues there are, as far as they were read. */
  readonly open: number
  /** False: there are more than were read. */
  readonly complete: boolean
  /** Those that carry the label `triaged`. */
  readonly done: number
  /** Of those that are left, the oldest first, at most as many as asked for. */
  readonly verdicts: readonly IssueVerdict[]
  /** Why there are no suggestions of a model; undefined where it was asked, or where there is none. */
  readonly unasked: string | undefined
}

/** Why runs fail and what issues are about. Everything read is untrusted: it is shown, never followed. */
export interface TriagePort {
  /**
   * `#7` or a number below 10,000 is a pull request, a number above 1,000,000,000 a run; or the address of either.
   * @throws INVALID_INPUT for anything else, NOT_PERMITTED for a repository that is not ours.
   */
  investigate(query: {
    readonly ref: string
    readonly repository?: string | undefined
    readonly signal: AbortSignal
  }): Promise<TriageReport>
  /** Brings our one comment about it to what the report says; undefined where there is no pull request to say it on. */
  comment(
    report: TriageReport,
    signal: AbortSignal,
  ): Promise<{readonly url: string; readonly number: number} | undefined>
  /**
   * Opens the report's patch as a draft pull request for the branch that fails, checked like any change of
   * feature-dev's; the same patch again is the same draft. `nothing`: there is none, or people alone may make it.
   */
  draft(report: TriageReport, signal: AbortSignal): Promise<DraftedFix>
  /** Reads all open issues and judges them by rules; a model may suggest more. Changes nothing. */
  issues(query: {
    readonly repository: string
    readonly limit: number
    readonly signal: AbortSignal
  }): Promise<IssuesTriage>
  /** Adds what the verdict adds: labels, and one comment where there is something to say. Again, it adds nothing. */
  applyVerdict(
    change: {readonly repository: string; readonly verdict: IssueVerdict},
    signal: AbortSignal,
  ): Promise<{readonly comment: string | null}>
}
