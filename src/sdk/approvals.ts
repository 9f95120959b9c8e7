import {z} from 'zod'
import type {RiskLevel} from '../kernel/risk-level.ts'
import {relativeAge} from '../kernel/time.ts'
import type {Actor} from './actor.ts'
import type {CompletionContext, Suggestion} from './command.ts'

/** A request for approval, as far as commands show it. Texts are raw. */
export interface ApprovalSummary {
  readonly id: string
  /** The id and what is to be approved in one word: a vote on it does not count once the latter is something else. */
  readonly ballot: string
  readonly title: string
  readonly status: 'pending' | 'approved' | 'rejected' | 'expired' | 'cancelled'
  readonly level: RiskLevel
  readonly requester: string
  /** How many persons have approved, and how many it takes. */
  readonly approvals: number
  readonly needed: number
  /** What it still waits for: `1 more approval, one of a tech_lead or cto`. */
  readonly waitsFor: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly expiresAt: number | undefined
  /** Its message, once there is one. */
  readonly url: string | undefined
}

/** How the requests of the last thirty days went. */
export interface ApprovalStatistics {
  readonly asked: number
  readonly approved: number
  readonly rejected: number
  readonly expired: number
  /** From asking to the decision by people, on average, in milliseconds; undefined: none was decided. */
  readonly meanMs: number | undefined
}

/** What came of a vote or a question. */
export type VoteReport =
  /** It counts; `request` is how it stands after it. */
  | {readonly kind: 'counted'; readonly request: ApprovalSummary}
  /** `message`: why, and what to do next. */
  | {readonly kind: 'refused'; readonly message: string; readonly request: ApprovalSummary | undefined}

/** What an actor says about a request. */
export interface Ballotted {
  /** A ballot, the id of a request, or the first characters of one that waits. */
  readonly request: string
  readonly actor: Actor
  /** The command's: the same one again is the same attempt. */
  readonly correlationId: string
}

/** Approvals, as they are decided from Discord. Who may decide is judged by the request's own policy, at each vote. */
export interface ApprovalsPort {
  /** Those that wait, riskiest first, then oldest: all of them, or those the actor may decide. */
  pending(query: {
    readonly actor: Actor
    readonly whose: 'mine' | 'all'
    readonly limit: number
  }): Promise<readonly ApprovalSummary[]>
  /** Of the last thirty days. */
  statistics(): Promise<ApprovalStatistics>
  /**
   * Whether the actor has to write something before this can count. False too where it can't count anyway, which the
   * attempt then explains; undefined when there is no such request. A hint: nothing is judged by it.
   */
  needsWords(intent: {
    readonly ballot: string
    readonly actor: Actor
    readonly intent: 'approve' | 'reject' | 'ask'
  }): Promise<boolean | undefined>
  /** Approves or rejects, as the actor. What does not count is an answer, not an error. */
  vote(
    vote: Ballotted & {
      readonly decision: 'approve' | 'reject'
      readonly reason?: string | undefined
      readonly justification?: string | undefined
    },
  ): Promise<VoteReport>
  /** Puts a question to requester and approvers; the request goes on waiting. */
  ask(question: Ballotted & {readonly text: string}): Promise<VoteReport>
}

/** The option that names a request: a ballot, as buttons and suggestions give it, or an id, or its first characters. */
export const requestOption = z
  .string()
  .regex(/^[0-9a-f][0-9a-f-]{7,35}(?:…|_[0-9a-f]{12})?$/, 'is not the id of a request; see /approvals')
  .describe('the request; see /approvals')

/** Those the person may decide, by title, requester or id. */
export async function suggestRequests(
  typed: string,
  {actor, services, now}: CompletionContext,
): Promise<readonly Suggestion[]> {
  const wanted = typed.toLowerCase()
  const waiting = await services.approvals.pending({actor, whose: 'mine', limit: 100})
  return waiting
    .filter(({id, title, requester}) =>
      [id, title, requester].some(text => text.toLowerCase().includes(wanted)),
    )
    .map(({ballot, title, level, requester, createdAt}) => ({
      name: `${title} · ${level} · ${requester} · ${relativeAge(createdAt, now())}`,
      value: ballot,
    }))
}
