import {z} from 'zod'
import {code, link, plain} from '../src/kernel/markdown.ts'
import {defineAction, defineAgent, type PlanSummary, type Reply} from '../src/sdk/index.ts'

/** Puts the issues of the day before a channel, and follows them from the approval to the last one closed. */
export default defineAgent({
  id: 'plan',
  name: 'Planner',
  description: 'Plans the day from open issues with a label, and counts what gets done',
  command: '/plan',
  queue: {concurrency: 5, timeoutMs: 60_000},
  actions: {
    propose: defineAction({
      description: 'Post the plan of the day with its thread',
      input: z.object({
        channel_id: z.string().optional(),
        label: z.string().optional(),
        repository: z.string().optional(),
      }),
      async run(
        {channel_id: channelId, label, repository},
        {actor, correlationId, services: {plans}, signal},
      ) {
        const plan = await plans.propose({correlationId, actor, channelId, label, repository, signal})
        return {kind: 'replied', reply: proposed(plan)}
      },
    }),

    tell: defineAction({
      description: 'Approve a plan, cancel it, or end it with what was done',
      input: z.object({id: z.string(), what: z.enum(['approve', 'cancel', 'finish'])}),
      async run({id, what}, {actor, services: {plans}}) {
        const plan = await plans[what]({plan: id, actor})
        return {kind: 'replied', reply: told(plan)}
      },
    }),
  },
})

function proposed(plan: PlanSummary & {readonly joined: boolean}): Reply {
  const {joined, total, url, threadUrl, threadRefused, id, label, repository} = plan
  const issues = `${total} ${total === 1 ? 'issue' : 'issues'} labelled ${code(label, 50)} in ${plain(repository, 80)}`
  if (url === undefined)
    return {
      state: 'partial',
      title: 'plan made, not shown yet',
      lines: [issues, 'Discord has not confirmed its message; it is tried again by itself', planLine(id)],
    }
  return {
    state: 'ok',
    title: joined
      ? 'today’s plan is there already'
      : `plan posted · ${total} ${total === 1 ? 'issue' : 'issues'}`,
    lines: [
      ...(joined ? [issues] : []),
      [link('the plan', url), ...(threadUrl === undefined ? [] : [link('its thread', threadUrl)])].join(
        ' · ',
      ),
      ...(threadRefused ? ['I may not open threads there, so it goes on in its message'] : []),
      planLine(id),
    ],
  }
}

function told(plan: PlanSummary): Reply {
  const {status, total, done, dropped, id, url} = plan
  const open = total - done - dropped
  const counts = `${done} completed · ${dropped} not planned · ${open} open`
  const where = url === undefined ? [] : [link('the plan', url)]
  switch (status) {
    case 'in_progress':
      return {state: 'ok', title: 'the plan is started', lines: [counts, ...where, planLine(id)]}
    case 'completed':
      return {state: 'success', title: 'the plan is completed', lines: [counts, ...where, planLine(id)]}
    case 'failed':
      return {
        state: 'partial',
        title: `the plan ended with ${open} left open`,
        lines: [counts, ...where, planLine(id)],
      }
    default:
      return {state: 'other', title: 'the plan is cancelled', lines: [...where, planLine(id)]}
  }
}

function planLine(id: string): string {
  return `plan ${code(id)}`
}
