import type {Account} from '../access/people.ts'
import type {Json} from '../kernel/json.ts'
import type {RiskLevel} from '../kernel/risk-level.ts'

export type ApprovalStatus = 'pending' | 'approved' | 'rejected' | 'expired' | 'cancelled'
/** Where a decision came in. */
export type Surface = 'discord' | 'linear' | 'mail' | 'http' | 'chat'

/** What waits for the answer. Its `id` and `round` make the request: asking twice for the same round is asking once. */
export type Subject =
  | {readonly kind: 'deployment'; readonly id: string; readonly round: number}
  /** A gate of a workflow run; `signal` is what tells it the verdict. */
  | {
      readonly kind: 'gate'
      readonly run: string
      readonly path: string
      readonly signal: string
    }

/** Who asked. `person` is their principal's id; a schedule or a token of the house is nobody's. */
export interface Requester {
  readonly name: string
  readonly person?: string
  readonly account?: Account
  /** Who asked for the same before, such as for the run that is tried again: they don't decide it either. */
  readonly others?: readonly Pick<Requester, 'person' | 'account'>[]
}

/** What would be done. */
export interface ApprovalAction {
  /** A word of src/approvals/risk.ts, such as `deploy`. */
  readonly operation: string
  readonly environment: string
  /** One line: `client → production`. */
  readonly title: string
  readonly target?: string
  readonly service?: string
  readonly repository?: string
  readonly ref?: string
  readonly sha?: string
  /** What it is done to: a word of src/approvals/risk-words.ts, such as `database`. */
  readonly resource?: string
  /** Identifier of the issue in which the change was agreed: `OPS-12`. */
  readonly ticket?: string
  /** The backup that was verified before: its name, or where it is. */
  readonly backup?: string
  /** A name of `projects` in signalbox.yaml. */
  readonly project?: string
  /** The pull request it is about, if it is about one. */
  readonly pullRequest?: {readonly repository: string; readonly number: number}
}

/** What the risk policy made of it, and every rule that fired. */
export interface Risk {
  readonly level: RiskLevel
  /** 0 to 10. */
  readonly score: number
  /** For people, each with its rule. */
  readonly reasons: readonly string[]
}

/** What it takes; pinned when asked, so that a later configuration can't lower it. */
export interface Requirement {
  /** How many different persons. */
  readonly approvers: number
  /** Who may decide: whoever holds one of these. */
  readonly roles: readonly string[]
  /** At least one of those who approve holds one of these; empty: no such demand. */
  readonly including: readonly string[]
  /** Likewise, each of these: what the operation takes besides its level. */
  readonly alsoIncluding?: readonly (readonly string[])[]
  readonly justification: boolean
  /** Milliseconds from asking to expiry; null: never. */
  readonly expiresMs: number | null
  /** Who is called in when time runs short, in this order. */
  readonly escalateTo: readonly string[]
  /** How long Linear may be silent before mail goes out; null: never for that reason. */
  readonly mailAfterMs: number | null
  /** Who is called before those of `escalateTo`: asked outside of business hours. It gives them no right to decide. */
  readonly onCall?: OnCall
  /** Whom quiet hours do not spare; left out: they spare all. */
  readonly wakes?: 'on-call' | 'everybody'
}

/** Each is a role, which means all who hold it, or the id of a principal. */
export interface OnCall {
  readonly primary: string
  readonly secondary: string
  /** From calling the one to calling the other. */
  readonly escalateAfterMs: number
}

/** What an approval binds: if any of it moves before acting, the approval is void. Plain texts, shown when they differ. */
export type Bound = Readonly<Record<string, string>>

/** What the approver sees before deciding. Foreign texts are raw here: each surface escapes in its own way. */
export interface ReleaseCard {
  readonly commits: readonly {readonly sha: string; readonly title: string; readonly author: string}[]
  /** All of them, where `commits` shows only the newest. */
  readonly commitCount: number
  readonly pullRequests: readonly {
    readonly number: number
    readonly title: string
    readonly author: string
    readonly url: string
  }[]
  /** Identifiers such as `OPS-12` that commits and pull requests name. */
  readonly issues: readonly string[]
  readonly migrations: readonly string[]
  readonly diff: {readonly files: number; readonly additions: number; readonly deletions: number}
  readonly compareUrl?: string
  readonly lastDeploy?: {
    readonly sha: string
    readonly at: number
    readonly by?: string
    readonly url: string
  }
  /** Of the commit: `success`, `failure`, `pending`, or `unknown` when GitHub did not say. */
  readonly checks: 'success' | 'failure' | 'pending' | 'unknown'
  /** Names of those that fail, where some do. */
  readonly failing?: readonly string[]
  /** What could not be read, for people; empty: all of it is here. */
  readonly missing: readonly string[]
}

export interface Decision {
  /** The person's id. */
  readonly principal: string
  readonly decision: 'approve' | 'reject'
  readonly surface: Surface
  /** The role that let it count. */
  readonly role: string
  readonly reason?: string
  readonly justification?: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** The record all surfaces are views of. Times are milliseconds since the epoch. */
export interface ApprovalRequest {
  readonly id: string
  readonly subject: Subject
  readonly correlationId: string
  readonly status: ApprovalStatus
  readonly action: ApprovalAction
  readonly requester: Requester
  readonly risk: Risk
  readonly required: Requirement
  readonly bound: Bound
  /** SHA-256 of `bound`, in hex. */
  readonly digest: string
  readonly card: ReleaseCard | undefined
  /** Those that count, in order. */
  readonly decisions: readonly Decision[]
  /** How often it was called up the line. */
  readonly escalations: number
  /** Why it was cancelled; of a void approval, what moved. */
  readonly note: string | undefined
  /** Rises with every change. */
  readonly version: number
  readonly createdAt: number
  readonly expiresAt: number | undefined
  readonly decidedAt: number | undefined
  /** When what it permits began. An approval permits one beginning. */
  readonly usedAt: number | undefined
  /** The issue where it is told in Linear. No change of the request: `version` stays. */
  readonly linear?: {readonly name: string; readonly url: string}
}

export interface NewApproval {
  readonly subject: Subject
  readonly correlationId: string
  readonly action: ApprovalAction
  readonly requester: Requester
  readonly risk: Risk
  readonly bound: Bound
  readonly card?: ReleaseCard
  /** The Discord channel where it is asked; the status channel when left out. */
  readonly channelId?: string
}

/** An attempt to decide, from whatever surface. The account is one that the surface itself authenticated. */
export interface Vote {
  readonly id: string
  readonly account: Account
  readonly decision: 'approve' | 'reject'
  readonly surface: Surface
  readonly reason?: string
  readonly justification?: string
  /** What the voter saw, where the surface can tell; another one than the record's is refused. */
  readonly digest?: string
  /** Names this very attempt (an interaction, a webhook delivery): repeated, it is the same attempt. */
  readonly key: string
  /** For the audit alone: address, user agent, comment id. Never a secret. */
  readonly evidence?: Readonly<Record<string, Json>>
}

/** An attempt that its surface itself turned away, before anything was judged. */
export interface TurnedAway extends Pick<
  Vote,
  'id' | 'account' | 'decision' | 'surface' | 'key' | 'evidence'
> {
  readonly code: RefusalCode
  /** Why, for whoever reads the history. */
  readonly note: string
}

/** Why a vote does not count. Each is written to the request's history. */
export type RefusalCode =
  | 'NOT_FOUND'
  | 'UNKNOWN_PERSON'
  | 'NOT_ENTITLED'
  | 'OWN_REQUEST'
  | 'ALREADY_DECIDED'
  | 'ALREADY_VOTED'
  | 'EXPIRED'
  | 'MOVED'
  | 'REASON_REQUIRED'
  | 'JUSTIFICATION_REQUIRED'
  /** It did not come from what the surface had shown. */
  | 'FORGED'
  /** What had to be shown besides, to prove who it is, was not right. */
  | 'WRONG_CODE'
  /** There was nothing to prove it by: lapsed, tried too often, or never asked for. */
  | 'NO_CODE'
  /** Others may have read something else before: it was changed since. */
  | 'EDITED'

export type VoteOutcome =
  /** It counts; `request` is the record after it, decided or still waiting for others. */
  | {readonly kind: 'counted'; readonly request: ApprovalRequest}
  | {
      readonly kind: 'refused'
      readonly code: RefusalCode
      /** For the voter: why, and what to do next. */
      readonly message: string
      readonly request?: ApprovalRequest
    }

/** Whether what was approved may begin now. */
export type Redeemed =
  | {readonly kind: 'go'}
  /** Not (or no longer) approved, used up, or too few of its approvers still hold their roles. */
  | {readonly kind: 'stop'; readonly reason: string}
  /** What it binds is not what it was: the approval is void from here on. */
  | {readonly kind: 'void'; readonly changes: readonly string[]}

/** One line of a request's history, which only grows. Refused attempts stand in it too. */
export interface HistoryEntry {
  readonly seq: number
  readonly action:
    | 'ask'
    | 'approve'
    | 'reject'
    | 'question'
    | 'remind'
    | 'escalate'
    | 'timeout'
    | 'cancel'
    | 'void'
    | 'use'
    | 'refuse'
  /**
   * A person's id, the account of somebody unknown (`discord:123`), `house:` with the name of what is no person's, or
   * `signalbox`.
   */
  readonly actor: string
  readonly role: string | undefined
  readonly surface: Surface | undefined
  readonly note: string | undefined
  readonly metadata: Readonly<Record<string, Json>>
  readonly at: number
}
