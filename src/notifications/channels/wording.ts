import type {ReplyState} from '../../sdk/index.ts'
import type {NewNotice, NoticeEvent} from '../notice.ts'

/** How a notice stands at a glance. */
export const STATES = {
  approval_required: 'waiting',
  approval_vote: 'waiting',
  approval_question: 'info',
  approval_reminder: 'waiting',
  approval_escalated: 'waiting',
  approval_approved: 'ok',
  approval_rejected: 'refused',
  approval_expired: 'other',
  approval_cancelled: 'other',
  break_glass: 'partial',
  task_completed: 'success',
  task_failed: 'failure',
  agent_error: 'error',
  service_down: 'failure',
  service_up: 'success',
} as const satisfies Record<NoticeEvent, ReplyState>

/** What somebody wrote, or why it failed, raw: `note`, `reason` or `error` of the notice's data. */
export function noteOf({data}: NewNotice): string | undefined {
  for (const field of [data['note'], data['reason'], data['error']])
    if (typeof field === 'string' && field !== '') return field
  return undefined
}

/** Where more is to be seen: `url` of the notice's data, which comes from us or a vendor. */
export function urlOf({data}: NewNotice): string | undefined {
  const {url} = data
  return typeof url === 'string' && /^https?:\/\//.test(url) && URL.canParse(url) ? url : undefined
}
