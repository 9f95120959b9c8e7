import type {Account} from '../access/people.ts'
import type {Db} from '../platform/postgres.ts'
import type {
  ApprovalRequest,
  Bound,
  HistoryEntry,
  NewApproval,
  Redeemed,
  Surface,
  TurnedAway,
  Vote,
  VoteOutcome,
} from './request.ts'
import type {StatisticsRow} from './statistics.ts'

/** One approval, many surfaces, one decision. All of it fails closed: what can't be established is not permitted. */
export interface Approvals {
  /**
   * Asks within the caller's transaction, so that what waits and what it waits for are one commit. Asking again for the
   * same subject answers with the first request. A level that needs nobody is no request: undefined means go on.
   * @throws NOT_PERMITTED when nobody who may decide it is configured, besides the requester, or when what its operation
   * takes was not given: a change ticket, a verified backup.
   */
  ask(db: Db, request: NewApproval): Promise<ApprovalRequest | undefined>
  /** Counts a vote or refuses it; the first valid decision counts, whatever arrives at the same time. */
  vote(vote: Vote): Promise<VoteOutcome>
  /** Puts a question into the history, for requester and approvers to see; the request goes on waiting. */
  question(question: {
    readonly id: string
    readonly account: Account
    readonly surface: Surface
    readonly text: string
    readonly key: string
  }): Promise<VoteOutcome>
  /** Puts into the history what a surface turned away by itself; it decides nothing. Repeated, it is the same attempt. */
  turnAway(attempt: TurnedAway): Promise<VoteOutcome>
  /** Withdraws a pending request; false when there is nothing to withdraw any more. */
  cancel(db: Db, id: string, why: {readonly by: string; readonly note?: string}): Promise<boolean>
  /**
   * Right before acting, within the transaction that records the beginning: once per approval, with what it binds read
   * afresh and the approvers' roles checked once more.
   */
  redeem(db: Db, id: string, bound: Bound): Promise<Redeemed>
  find(id: string): Promise<ApprovalRequest | undefined>
  history(id: string): Promise<readonly HistoryEntry[]>
  /**
   * Riskiest first, then oldest; those that the holder of one of the roles may decide, when roles are given, and whose id
   * begins so.
   */
  pending(query: {
    readonly roles?: readonly string[]
    readonly beginning?: string
    readonly limit: number
  }): Promise<readonly ApprovalRequest[]>
  /** The requests of the last thirty days, by level and how they stand. */
  statistics(): Promise<readonly StatisticsRow[]>
  /** Reminders, escalations and expiries that are due. Answers how many there were. */
  sweep(): Promise<number>
  /** Removes what ended 365 days ago, with its history. */
  forgetOld(): Promise<void>
}
