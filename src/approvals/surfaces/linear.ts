import {linearId} from '../../integrations/linear/ids.ts'
import type {LinearAnswer, LinearIssue} from '../../integrations/linear/linear.ts'
import type {Clock} from '../../kernel/clock.ts'
import type {Notice, NoticeChannel, Told} from '../../notifications/notice.ts'
import type {ApprovalRequest, ApprovalStatus} from '../request.ts'
import type {ApprovalService} from '../service.ts'
import type {LinearDesk} from './linear-desk.ts'
import type {LinearSessions} from './linear-sessions.ts'
import type {LinearStore, LinearThread} from './linear-store.ts'
import {issueText, issueTitle, noticeText, PRIORITY, rootText} from './linear-text.ts'

/** Put on a request's own issue where the team has them. */
const LABELS = ['hitl', 'agent']

/**
 * Requests as the approval hub in Linear shows them: a thread on the hub issue, or for high and critical ones an issue
 * under it with the thread there. All that comes later is a reply; at the end the first comment says what became of it,
 * and nothing in it asks any more.
 */
export function createLinearChannel({
  approvals,
  desk,
  store,
  sessions,
  clock,
}: {
  readonly approvals: Pick<ApprovalService, 'find' | 'toldInLinear'>
  readonly desk: LinearDesk
  readonly store: LinearStore
  readonly sessions: Pick<LinearSessions, 'open' | 'end' | 'refresh'>
  readonly clock: Clock
}): NoticeChannel {
  const {linear} = desk

  /** The thread, there for certain; undefined when there is nobody left to ask. */
  async function threadOf(
    request: ApprovalRequest,
    mentions: readonly string[],
    signal: AbortSignal,
  ): Promise<LinearAnswer<LinearThread | undefined>> {
    const known = await store.thread(request.id)
    if (known?.opened) return {kind: 'ok', value: known}
    if (!known && request.status !== 'pending') return {kind: 'ok', value: undefined}
    const hub = await desk.hub()
    if (hub.kind !== 'ok') return hub
    const ownIssue = request.risk.level === 'high' || request.risk.level === 'critical'
    const planned = {
      approvalId: request.id,
      issueId: ownIssue ? linearId(`issue of approval ${request.id}`) : hub.value.id,
      ownIssue,
      rootId: linearId(`thread of approval ${request.id}`),
    }
    await store.plan(planned)
    if (ownIssue) {
      const made = await createIssue(planned.issueId, request, hub.value, signal)
      if (made.kind !== 'ok') return made
    }
    const said = await linear.createComment(
      {
        id: planned.rootId,
        issueId: planned.issueId,
        body: rootText(request, {mentions, now: clock()}),
      },
      signal,
    )
    if (said.kind !== 'ok') return said
    await store.opened(request.id)
    const issue = ownIssue ? await linear.issue(planned.issueId, signal) : hub
    if (issue.kind === 'ok')
      await approvals.toldInLinear(request.id, {name: issue.value.identifier, url: issue.value.url})
    return {kind: 'ok', value: {...planned, opened: true, closed: false}}
  }

  function createIssue(id: string, request: ApprovalRequest, hub: LinearIssue, signal: AbortSignal) {
    const labelIds = hub.labels.filter(({name}) => LABELS.includes(name.toLowerCase())).map(label => label.id)
    return linear.createIssue(
      {
        id,
        teamId: hub.teamId,
        parentId: hub.id,
        title: issueTitle(request),
        description: issueText(request, clock()),
        priority: PRIORITY[request.risk.level],
        labelIds,
      },
      signal,
    )
  }

  /** Verdict instead of instructions. */
  async function close(
    request: ApprovalRequest,
    thread: LinearThread,
    signal: AbortSignal,
  ): Promise<LinearAnswer<undefined>> {
    const edited = await linear.updateComment(thread.rootId, rootText(request, {now: clock()}), signal)
    if (edited.kind !== 'ok') return edited
    if (thread.ownIssue) {
      const hub = await desk.hub()
      if (hub.kind !== 'ok') return hub
      const stateId = stateFor(request.status, hub.value)
      const updated = await linear.updateIssue(
        thread.issueId,
        {
          title: issueTitle(request),
          description: issueText(request, clock()),
          ...(stateId !== undefined && {stateId}),
        },
        signal,
      )
      if (updated.kind !== 'ok') return updated
    }
    await store.closed(request.id)
    await sessions.end(request)
    return {kind: 'ok', value: undefined}
  }

  async function tell(
    notice: Notice,
    {key, signal}: {readonly key: string; readonly signal: AbortSignal},
  ): Promise<Told> {
    const request = await approvals.find(notice.story.slice(STORY.length))
    if (!request) return {kind: 'refused', reason: 'there is no such request'}
    const mentions = await desk.mentionsOf(notice.people, signal)
    const opened = await threadOf(request, mentions, signal)
    if (opened.kind !== 'ok') return untold(opened)
    const thread = opened.value
    if (!thread) return {kind: 'skipped', reason: 'it was decided before it was shown here'}
    if (notice.event === 'approval_required') {
      if (request.status === 'pending') await sessions.open(request, thread)
      return {kind: 'told', id: thread.rootId}
    }
    const body = noticeText(notice, request, mentions) ?? ''
    const said = await desk.say(
      `notice ${key}`,
      {issueId: thread.issueId, parentId: thread.rootId, body},
      signal,
    )
    if (said.kind !== 'ok') return untold(said)
    if (FINAL.has(notice.event)) {
      const closed = await close(request, thread, signal)
      if (closed.kind !== 'ok') return untold(closed)
    } else if (notice.event === 'approval_vote') {
      const edited = await linear.updateComment(thread.rootId, rootText(request, {now: clock()}), signal)
      if (edited.kind !== 'ok') return untold(edited)
      await sessions.refresh(request)
    }
    return {kind: 'told', id: said.value.id}
  }

  return {
    name: 'linear',
    tells: ({story, event}) => story.startsWith(STORY) && event.startsWith('approval_'),
    tell,
  }
}

const STORY = 'approval:'
const FINAL: ReadonlySet<Notice['event']> = new Set([
  'approval_approved',
  'approval_rejected',
  'approval_expired',
  'approval_cancelled',
])

/** The first state of the kind that fits: done when approved, canceled otherwise. */
function stateFor(status: ApprovalStatus, hub: LinearIssue): string | undefined {
  const type = status === 'approved' ? 'completed' : 'canceled'
  return [...hub.states].sort((a, b) => a.position - b.position).find(state => state.type === type)?.id
}

function untold(answer: Exclude<LinearAnswer<unknown>, {kind: 'ok'}>): Told {
  return answer.kind === 'missing'
    ? {kind: 'refused', reason: 'Linear does not show us the hub issue or the thread'}
    : answer
}
