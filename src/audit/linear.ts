import type {Linear, LinearAnswer} from '../integrations/linear/linear.ts'
import {fingerprint} from '../kernel/fingerprint.ts'
import type {Audit, AuditEvent, AuditOutcome} from './audit.ts'
import {recorded} from './recorded.ts'

/*
 * What only looks, and what a session shows of itself while it goes on, which is a view like a message that is edited.
 * Whatever method is not named here must be among the recorded ones below, or nothing compiles.
 */
type Unrecorded =
  'comment' | 'createActivity' | 'issue' | 'me' | 'newsUnder' | 'session' | 'updateSession' | 'users'

/** Linear, with the issues, comments and sessions that it makes or changes in the record. */
export function auditLinear(linear: Linear, audit: Pick<Audit, 'around'>): Linear {
  function record<T>(
    action: string,
    subject: string,
    details: NonNullable<AuditEvent['details']>,
    effect: () => Promise<LinearAnswer<T>>,
  ): Promise<LinearAnswer<T>> {
    return recorded(
      audit,
      {action: `linear.${action}`, subject, details},
      {
        effect,
        outcome: outcomeOf,
        notBegun: reason => ({kind: 'failed', reason}),
      },
    )
  }

  const writes: Omit<Linear, Unrecorded> = {
    createIssue: (issue, signal) =>
      record('create_issue', issue.id, {team: issue.teamId, title: fingerprint(issue.title)}, () =>
        linear.createIssue(issue, signal),
      ),
    updateIssue: (id, change, signal) =>
      record('update_issue', id, {changes: Object.keys(change).join(', ')}, () =>
        linear.updateIssue(id, change, signal),
      ),
    createComment: (comment, signal) =>
      record('create_comment', comment.issueId, {comment: comment.id, text: fingerprint(comment.body)}, () =>
        linear.createComment(comment, signal),
      ),
    updateComment: (id, body, signal) =>
      record('update_comment', id, {text: fingerprint(body)}, () => linear.updateComment(id, body, signal)),
    openSession: (commentId, signal) =>
      record('open_session', commentId, {}, () => linear.openSession(commentId, signal)),
  }
  return {...linear, ...writes}
}

function outcomeOf(answer: LinearAnswer<unknown>): AuditOutcome {
  switch (answer.kind) {
    case 'ok':
      return {phase: 'done'}
    case 'missing':
      return {phase: 'failed', details: {reason: 'it is not there, or not ours to see'}}
    case 'refused':
      return {phase: 'failed', details: {reason: answer.reason}}
    case 'failed':
      // It may have taken effect all the same.
      return {phase: 'unknown', details: {reason: answer.reason}}
  }
}
