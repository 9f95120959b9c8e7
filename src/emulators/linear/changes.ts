import {createChanges as createSharedChanges, type Changes as SharedChanges} from '../shared/changes.ts'
import type {Delivery} from './webhooks.ts'
import type {ActivityState, CommentState, IssueState, ReactionState, SessionState} from './world.ts'
import type {RecordedRequest} from './recorder.ts'

/** Everything an onlooker can be told. */
export type Change =
  | {readonly kind: 'issue'; readonly action: 'create' | 'update'; readonly issue: IssueState}
  | {readonly kind: 'comment'; readonly action: 'create' | 'update'; readonly comment: CommentState}
  | {readonly kind: 'reaction'; readonly reaction: ReactionState}
  | {readonly kind: 'session'; readonly session: SessionState}
  | {readonly kind: 'activity'; readonly activity: ActivityState}
  | {readonly kind: 'request'; readonly request: RecordedRequest}
  | {readonly kind: 'delivery'; readonly delivery: Delivery}

export type Changes = SharedChanges<Change>

export const createChanges = (dump: () => string): Changes => createSharedChanges(dump)
