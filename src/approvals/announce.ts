import type {AuditEvent} from '../audit/audit.ts'
import {fingerprint} from '../kernel/fingerprint.ts'
import type {Json} from '../kernel/json.ts'
import type {NewNotice, NoticeEvent} from '../notifications/notice.ts'
import type {HistoryLine} from './decide.ts'
import {stillNeeded, type ApprovalState} from './decide.ts'

/** An event of the journal, as spec'd: what happened to a request. */
export interface ApprovalFact {
  readonly type:
    | 'approval_required'
    | 'approval_approved'
    | 'approval_rejected'
    | 'approval_expired'
    | 'approval_escalated'
  readonly data: Json
}

/**
 * What people are told about a line of the history; undefined: nothing. `approvers` are those who may still act. The
 * line's number makes the notice's key: written once, told once.
 */
export function noticeOf(
  state: ApprovalState,
  line: HistoryLine,
  seq: number,
  approvers: readonly string[],
): NewNotice | undefined {
  const event = noticeEventOf(state, line)
  if (!event) return undefined
  const {action, requester, required, risk} = state
  const watchers = [requester.person, ...state.decisions.map(({principal}) => principal)]
  const called = CALLS.has(event)
  return {
    key: `approval:${state.id}:${seq}`,
    story: `approval:${state.id}`,
    event,
    level: risk.level,
    correlationId: state.correlationId,
    people: called ? approvers : [],
    watchers: [...new Set(watchers.filter(person => person !== undefined))],
    title: `${action.title} ${wordsOf(state, event, line)}`,
    data: {
      approval: state.id,
      action: line.action,
      by: line.actor,
      ...(line.surface === undefined ? {} : {surface: line.surface}),
      ...(line.role === undefined ? {} : {role: line.role}),
      ...(line.note === undefined ? {} : {note: line.note}),
    },
    ...(action.project === undefined ? {} : {project: action.project}),
    ...(action.pullRequest === undefined ? {} : {pullRequest: action.pullRequest}),
    ...(state.channelId === undefined ? {} : {channelId: state.channelId}),
    ...(event === 'approval_required' && required.mailAfterMs !== null
      ? {mailAfterMs: required.mailAfterMs}
      : {}),
  }
}

const AUDITED: Readonly<Partial<Record<HistoryLine['action'], string>>> = {
  approve: 'approval.approve',
  reject: 'approval.reject',
  cancel: 'approval.cancel',
  void: 'approval.void',
  use: 'approval.use',
  timeout: 'approval.expire',
  refuse: 'approval.refuse',
}

/** What the audit keeps of a line: who decided what, or was refused. What people wrote stays in the history. */
export function auditOf(
  {id, action: {title}, digest, correlationId}: ApprovalState,
  {action, actor, role, surface, note, metadata}: HistoryLine,
): {readonly event: AuditEvent; readonly phase: 'done' | 'refused'} | undefined {
  const known = AUDITED[action]
  if (known === undefined) return undefined
  const code = metadata?.['code']
  return {
    event: {
      action: known,
      subject: id,
      actor: {id: actor, name: actor},
      correlationId,
      details: {
        title,
        digest: digest.slice(0, 12),
        ...(role === undefined ? {} : {role}),
        ...(surface === undefined ? {} : {surface}),
        ...(typeof code === 'string' ? {code} : {}),
        ...(note === undefined ? {} : {text: fingerprint(note)}),
      },
    },
    phase: action === 'refuse' ? 'refused' : 'done',
  }
}

/** What other agents are told about it; undefined: nothing. */
export function factOf(state: ApprovalState, line: HistoryLine, at: number): ApprovalFact | undefined {
  const {id, action, risk, subject} = state
  const timestamp = new Date(at).toISOString()
  const about = {approval_id: id, risk_level: risk.level, timestamp}
  switch (noticeEventOf(state, line)) {
    case 'approval_required':
      return {
        type: 'approval_required',
        data: {
          ...about,
          task_description: action.title,
          project_name: action.project ?? null,
          metadata: {
            task_id: subject.kind === 'deployment' ? subject.id : subject.run,
            priority: risk.level,
            agent: subject.kind === 'deployment' ? 'deploy_client' : 'workflow',
            timestamp,
          },
        },
      }
    case 'approval_approved':
      return {
        type: 'approval_approved',
        data: {
          ...about,
          approver_id: line.actor,
          approver_role: line.role ?? null,
          justification: line.note ?? null,
        },
      }
    case 'approval_rejected':
      return {
        type: 'approval_rejected',
        data: {
          ...about,
          approver_id: line.actor,
          approver_role: line.role ?? null,
          reason: line.note ?? null,
        },
      }
    case 'approval_expired':
      return {type: 'approval_expired', data: about}
    case 'approval_escalated':
      return {type: 'approval_escalated', data: {...about, role: line.role ?? null}}
    default:
      return undefined
  }
}

/** Events that call people to act. */
const CALLS: ReadonlySet<NoticeEvent> = new Set([
  'approval_required',
  'approval_reminder',
  'approval_escalated',
  'approval_question',
])

/** Whether approvers are called because of this line. */
export function callsPeople(line: HistoryLine): boolean {
  return ['ask', 'remind', 'escalate', 'question'].includes(line.action)
}

function noticeEventOf(state: ApprovalState, {action}: HistoryLine): NoticeEvent | undefined {
  switch (action) {
    case 'ask':
      return 'approval_required'
    case 'approve':
      return state.status === 'approved' ? 'approval_approved' : 'approval_vote'
    case 'reject':
      return 'approval_rejected'
    case 'question':
      return 'approval_question'
    case 'remind':
      return 'approval_reminder'
    case 'escalate':
      return 'approval_escalated'
    case 'timeout':
      return 'approval_expired'
    case 'cancel':
    case 'void':
      return 'approval_cancelled'
    case 'use':
    case 'refuse':
      return undefined
  }
}

function wordsOf(state: ApprovalState, event: NoticeEvent, line: HistoryLine): string {
  switch (event) {
    case 'approval_vote':
      return `has an approval by ${line.actor}, waits for ${stillNeeded(state)}`
    case 'approval_question':
      return `· ${line.actor} asks something`
    case 'approval_reminder':
      return `still waits for ${stillNeeded(state)}`
    case 'approval_escalated':
      return line.metadata?.['onCall'] === undefined
        ? `was taken up to ${line.role ?? 'the next'}, waits for ${stillNeeded(state)}`
        : `calls ${line.role ?? 'who is'} on call, waits for ${stillNeeded(state)}`
    case 'approval_approved':
      return `was approved by ${line.actor}`
    case 'approval_rejected':
      return `was rejected by ${line.actor}`
    case 'approval_expired':
      return 'expired: nobody decided in time'
    case 'approval_cancelled':
      return line.action === 'void' ? 'is void: what was approved has moved' : 'was withdrawn'
    default:
      return `waits for ${stillNeeded(state)}`
  }
}
