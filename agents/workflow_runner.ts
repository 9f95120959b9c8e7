import {z} from 'zod'
import {code, plain, timestamp} from '../src/kernel/markdown.ts'
import {
  defineAction,
  defineAgent,
  REPLY_STATES,
  type Proposed,
  type Reply,
  type RunSummary,
} from '../src/sdk/index.ts'

const LISTED = 15

/** Starts runs of workflows and tells them what people want. */
export default defineAgent({
  id: 'workflow_runner',
  name: 'Workflow Runner',
  description:
    'Runs workflows, makes them of words, shows how they stand, and pauses, resumes, cancels or retries them',
  command: '/workflow',
  // A plan may take two answers of a model.
  queue: {concurrency: 10, timeoutMs: 90_000},
  actions: {
    tell: defineAction({
      description: 'Start a run, or do what the action says with one',
      input: z.object({
        action: z.enum([
          'run',
          'plan',
          'status',
          'pause',
          'resume',
          'cancel',
          'retry',
          'list',
          'approve',
          'reject',
        ]),
        workflow: z.string().default(''),
        input: z.string(),
        run: z.string().default(''),
        step: z.string().optional(),
        reason: z.string().optional(),
      }),
      async run(
        {action, workflow, input, run, step, reason},
        {actor, correlationId, services: {runs, planning}, signal},
      ) {
        const order = {run, actor, correlationId, reason}
        switch (action) {
          case 'run':
            await runs.start({correlationId, actor, workflow, input})
            return {kind: 'following'}
          case 'plan': {
            const proposed = await planning.propose({correlationId, actor, description: input, signal})
            return {kind: 'replied', reply: replyOf(proposed)}
          }
          case 'retry':
            await runs.retry({...order, step})
            return {kind: 'following'}
          case 'status':
            return {kind: 'replied', reply: await runs.show(run)}
          case 'list':
            return {kind: 'replied', reply: list(await runs.recent(LISTED))}
          case 'pause':
            await runs.pause(order)
            return {kind: 'replied', reply: told(run, 'paused', 'nothing new starts; what is under way ends')}
          case 'resume':
            await runs.resume(order)
            return {kind: 'replied', reply: told(run, 'goes on', 'its message shows how')}
          case 'cancel':
            await runs.cancel(order)
            return {
              kind: 'replied',
              reply: told(run, 'is being cancelled', 'what can be undone is; its message tells the end'),
            }
          case 'approve':
          case 'reject': {
            const words = await runs.decide({...order, approved: action === 'approve'})
            return {kind: 'replied', reply: told(run, words, 'its message shows what follows')}
          }
        }
      },
    }),

    draft: defineAction({
      description: 'Start a plan that was made of words, drop it, or make another one in its place',
      input: z.object({
        id: z.string(),
        what: z.enum(['start', 'cancel', 'edit']),
        description: z.string().default(''),
      }),
      async run({id, what, description}, {actor, correlationId, services: {planning}, signal}) {
        const order = {id, actor, correlationId}
        switch (what) {
          case 'start':
            await planning.start(order)
            return {kind: 'following'}
          case 'cancel':
            await planning.cancel(order)
            return {
              kind: 'replied',
              reply: {state: 'other', title: 'the plan is dropped', lines: ['nothing was started']},
            }
          case 'edit':
            return {
              kind: 'replied',
              reply: replyOf(await planning.edit({...order, description, signal})),
            }
        }
      },
    }),
  },
})

/** The plan with its buttons, or what stands in its way. */
function replyOf(proposed: Proposed): Reply {
  switch (proposed.kind) {
    case 'drafted':
      return proposed.reply
    case 'question':
      return {
        state: 'waiting',
        title: 'that takes an answer first',
        lines: [plain(proposed.question, 400), 'give the command again with it'],
      }
    case 'refused':
      return {
        state: 'refused',
        title: 'this is not planned',
        lines: proposed.reasons.map(reason => `· ${plain(reason, 300)}`),
      }
  }
}

function told(run: string, words: string, line: string): Reply {
  return {state: 'ok', title: `${run} · ${words}`, lines: [line]}
}

function list(runs: readonly RunSummary[]): Reply {
  if (runs.length === 0)
    return {state: 'info', title: 'no workflow has run yet', lines: ['start one with `/workflow action:run`']}
  const open = runs.filter(run => run.open).length
  return {
    state: 'info',
    title: `workflow runs · ${open} under way`,
    lines: runs.map(
      ({id, workflow, words, state, startedAt}) =>
        `${REPLY_STATES[state].glyph} ${plain(workflow, 40)} · ${plain(words, 60)} · ${timestamp(startedAt)} · ${code(id)}`,
    ),
  }
}
