import {z} from 'zod'
import {link, plain, timestamp} from '../src/kernel/markdown.ts'
import {formatDuration} from '../src/kernel/time.ts'
import {
  defineAction,
  defineAgent,
  type ApprovalStatistics,
  type ApprovalSummary,
  type Reply,
  type VoteReport,
} from '../src/sdk/index.ts'

const LISTED = 8

/** Shows what waits for people, and brings in what they say in Discord. Who may decide is judged elsewhere, once. */
export default defineAgent({
  id: 'approval_keeper',
  name: 'Approval Keeper',
  description: 'Lists requests for approval, and takes votes and questions about them',
  command: '/approvals',
  queue: {concurrency: 10, timeoutMs: 30_000},
  actions: {
    list: defineAction({
      description: 'What waits for an approval, the riskiest first',
      input: z.object({show: z.enum(['mine', 'all'])}),
      async run({show}, {actor, services: {approvals}}) {
        const [found, statistics] = await Promise.all([
          approvals.pending({actor, whose: show, limit: LISTED + 1}),
          approvals.statistics(),
        ])
        return {kind: 'replied', reply: list(show, found, statistics)}
      },
    }),

    approve: defineAction({
      description: 'Count the actor’s approval',
      input: z.object({id: z.string(), justification: z.string().optional()}),
      async run({id, justification}, {actor, correlationId, services: {approvals, plans}}) {
        // A plan is not a request, but whoever reads its id in the thread comes this way.
        if (await plans.knows(id)) {
          const plan = await plans.approve({plan: id, actor})
          return {
            kind: 'replied',
            reply: {state: 'ok', title: 'the plan is started', lines: [`${plan.total} issues`]},
          }
        }
        const vote = {request: id, actor, correlationId, justification} as const
        return {
          kind: 'replied',
          reply: voted('approval', await approvals.vote({...vote, decision: 'approve'})),
        }
      },
    }),

    reject: defineAction({
      description: 'Count the actor’s rejection',
      // Without a reason where the form for it was not opened, since the vote can't count: the refusal says why.
      input: z.object({id: z.string(), reason: z.string().optional()}),
      async run({id, reason}, {actor, correlationId, services: {approvals}}) {
        const vote = {request: id, actor, correlationId, reason} as const
        return {
          kind: 'replied',
          reply: voted('rejection', await approvals.vote({...vote, decision: 'reject'})),
        }
      },
    }),

    ask: defineAction({
      description: 'Put a question to the requester and to those who may approve',
      input: z.object({id: z.string(), question: z.string().default('')}),
      async run({id, question}, {actor, correlationId, services: {approvals}}) {
        const report = await approvals.ask({request: id, actor, correlationId, text: question})
        return {kind: 'replied', reply: asked(report)}
      },
    }),
  },
})

function list(
  show: 'mine' | 'all',
  found: readonly ApprovalSummary[],
  statistics: ApprovalStatistics,
): Reply {
  const past = pastLines(statistics)
  if (found.length === 0) {
    return show === 'all'
      ? {state: 'info', title: 'nothing waits for an approval', lines: past}
      : {
          state: 'info',
          title: 'nothing waits for you',
          lines: ['`/approvals show:all` shows what waits for others', ...past],
        }
  }
  const shown = found.slice(0, LISTED)
  const count = `${shown.length}${found.length > LISTED ? '+' : ''}`
  return {
    state: 'waiting',
    title: `approvals · ${count} ${show === 'mine' ? 'for you to decide' : 'pending'}`,
    lines: [
      ...shown.map(line),
      ...(found.length > LISTED ? ['and more, of no higher risk'] : []),
      'decide with the buttons of its message, or with `/approve` and `/reject`',
      ...past,
    ],
  }
}

/** `last 30 days: 31 asked for · 24 approved · 3 rejected · 4 expired · decided in 12m on average`. */
function pastLines({asked, approved, rejected, expired, meanMs}: ApprovalStatistics): readonly string[] {
  if (asked === 0) return []
  const parts = [
    `last 30 days: ${asked} asked for`,
    `${approved} approved`,
    `${rejected} rejected`,
    `${expired} expired`,
    ...(meanMs === undefined ? [] : [`decided in ${formatDuration(meanMs)} on average`]),
  ]
  return [parts.join(' · ')]
}

function line(request: ApprovalSummary): string {
  const {title, level, requester, approvals, needed, createdAt, expiresAt, url} = request
  return [
    `**${level}** ${url === undefined ? plain(title, 80) : link(title, url)}`,
    `by ${plain(requester, 60)} ${timestamp(createdAt)}`,
    `${approvals} of ${needed}`,
    ...(expiresAt === undefined ? [] : [`until ${timestamp(expiresAt)}`]),
  ].join(' · ')
}

function voted(what: 'approval' | 'rejection', report: VoteReport): Reply {
  if (report.kind === 'refused') return refused(`your ${what} does not count`, report)
  const {request} = report
  const {status, approvals, needed, waitsFor} = request
  if (status === 'pending') {
    return {
      state: 'ok',
      title: `your ${what} counts · ${approvals} of ${needed}`,
      lines: [subjectOf(request), `still waits for ${plain(waitsFor, 200)}`],
    }
  }
  return {
    state: 'ok',
    title: `your ${what} counts · ${status}`,
    lines: [
      subjectOf(request),
      status === 'approved' ? 'it goes ahead now' : 'whoever asked for it is told, with your reason',
    ],
  }
}

function asked(report: VoteReport): Reply {
  if (report.kind === 'refused') return refused('your question was not asked', report)
  return {
    state: 'ok',
    title: 'your question was asked',
    lines: [subjectOf(report.request), 'requester and approvers see it; the request goes on waiting'],
  }
}

function refused(title: string, {message, request}: Extract<VoteReport, {kind: 'refused'}>): Reply {
  return {
    state: 'refused',
    title,
    lines: [`· ${plain(message, 400)}`, ...(request ? [subjectOf(request)] : [])],
  }
}

/** What it is about, with the way to it. */
function subjectOf({title, url}: ApprovalSummary): string {
  return url === undefined ? plain(title, 80) : link(title, url)
}
