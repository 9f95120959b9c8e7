import {code, ellipsis, link, plain} from '../kernel/markdown.ts'
import type {Control, Reply} from '../sdk/index.ts'
import {count, isOver, type Plan, type PlannedIssue} from './decide.ts'
import type {PlanRecord} from './store.ts'

/** Issues listed by name; how many more there are is said. */
const LISTED = 10
const TITLE_SHOWN = 50

/** The plan's message in its channel: how far it is, its first issues, and what can be done with it. */
export function describe(record: PlanRecord): Reply {
  const {plan, repository, label, requester, id} = record
  const {total} = count(plan)
  const shown = plan.issues.slice(0, LISTED)
  const more = total - shown.length
  return {
    state: STATES[plan.status],
    title: `plan of ${record.day} · ${words(plan)}`,
    lines: [
      `${plan.more ? 'the oldest ' : ''}${total} open ${total === 1 ? 'issue' : 'issues'} labelled ${code(label, 50)} in ${plain(repository, 80)}`,
      ...(isOver(plan) ? [] : [progressLine(plan)]),
      ...(record.thread === 'refused' && plan.status === 'pending' ? [howToApprove(record)] : []),
      `asked by ${plain(requester.name, 60)} · plan ${code(id.slice(0, 8))}`,
      // Last, since what does not fit is cut at the end.
      ...shown.map(issueLine),
      ...(more > 0 ? [`… and ${more} more`] : []),
    ],
    controls: controls(record),
  }
}

/** The first message in the thread. */
export function opening(record: PlanRecord): Reply {
  const {plan, label, repository} = record
  return {
    state: 'info',
    title: `plan ${record.id}`,
    lines: [
      `${count(plan).total} issues labelled ${code(label, 50)} in ${plain(repository, 80)}`,
      howToApprove(record),
      'issues that are closed are counted here as it goes on',
    ],
  }
}

/** What changed, for the thread; undefined when it is nothing to speak of. */
export function news(plan: Plan, before: Plan, turned: readonly PlannedIssue[]): Reply | undefined {
  const issues = turned.slice(0, LISTED).map(issueLine)
  if (plan.status !== before.status) {
    const by = plan.status === 'in_progress' ? plan.startedBy : plan.endedBy
    return {
      state: STATES[plan.status],
      title: words(plan),
      lines: [
        ...issues,
        ...(by === undefined ? [] : [`by ${plain(by, 60)}`]),
        ...(isOver(plan) ? [tally(plan)] : []),
      ],
    }
  }
  if (turned.length === 0) return undefined
  const {total, done, dropped} = count(plan)
  return {
    state: 'running',
    title: `${done + dropped} of ${total} closed`,
    lines: [...issues, progressLine(plan)],
  }
}

/** How it stands, in a few words: `2 of 5 done`. */
function words(plan: Plan): string {
  const {total, done, open} = count(plan)
  switch (plan.status) {
    case 'pending':
      return `${total} ${total === 1 ? 'issue' : 'issues'}, waits for approval`
    case 'in_progress':
      return `${done} of ${total} done`
    case 'completed':
      return `completed, ${done} of ${total} done`
    case 'failed':
      return `ended with ${open} of ${total} left open`
    case 'cancelled':
      return 'cancelled'
  }
}

const STATES = {
  pending: 'waiting',
  in_progress: 'running',
  completed: 'success',
  failed: 'partial',
  cancelled: 'other',
} as const satisfies Record<Plan['status'], Reply['state']>

const GLYPHS = {open: '▫️', done: '✅', dropped: '⚪'} as const

function issueLine({number, title, url, outcome}: PlannedIssue): string {
  return `${GLYPHS[outcome]} ${link(`#${number} ${ellipsis(title, TITLE_SHOWN)}`, url)}`
}

function progressLine(plan: Plan): string {
  return plan.status === 'pending' ? 'nothing is counted before it is approved' : tally(plan)
}

function tally(plan: Plan): string {
  const {done, dropped, open} = count(plan)
  return `${done} completed · ${dropped} not planned · ${open} open`
}

function howToApprove({id}: PlanRecord): string {
  return `approve it with the button of its message, or with \`/approve id:${id}\``
}

function controls({id, plan}: PlanRecord): readonly Control[] {
  const button = (label: string, action: string, style: 'primary' | 'secondary' | 'danger'): Control => ({
    ...{kind: 'action', label, action, subject: id, style},
  })
  switch (plan.status) {
    case 'pending':
      return [button('Approve', 'approve-plan', 'primary'), button('Cancel', 'cancel-plan', 'danger')]
    case 'in_progress':
      return [button('Finish', 'finish-plan', 'secondary'), button('Cancel', 'cancel-plan', 'danger')]
    default:
      return []
  }
}
