import {z} from 'zod'
import {relativeAge} from '../src/kernel/time.ts'
import {defineCommand} from '../src/sdk/index.ts'

const oneLine = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'has characters that can’t be shown')

export default defineCommand({
  name: 'workflow',
  description: 'Run a workflow, see how runs stand, and tell them what to do',
  topic: 'workflows',
  access: 'restricted',
  visibility: 'channel',
  input: z.object({
    action: z
      .enum(['run', 'plan', 'status', 'pause', 'resume', 'cancel', 'retry', 'list', 'approve', 'reject'])
      .describe('what to do'),
    workflow: z.string().min(1).max(64).optional().describe('run: which workflow'),
    input: z
      .string()
      .max(4000)
      .default('')
      .describe(
        'run: its input, as pr_number=7 target=client or as JSON; plan: what you want, in your words',
      ),
    run: z
      .string()
      .regex(/^wf-[a-z0-9-]{4,61}$/, 'is not the id of a run, such as wf-1a2b3c4d5e6f')
      .optional()
      .describe('the run, for everything but run, plan and list'),
    step: z
      .string()
      .min(1)
      .max(300)
      .optional()
      .describe('retry: from this step on (default: all that did not succeed)'),
    reason: oneLine(300).optional().describe('why; it is kept, and a rejected run says it'),
  }),
  agent: 'workflow_runner',
  action: 'tell',
  // Only a second start would do harm: orders are refused where they don't fit, and looks may be repeated.
  joinWithinMs: ({action}) => (action === 'run' || action === 'plan' ? 10_000 : 0),
  acknowledge: ({action, workflow, run}) => `workflow ${action} ${workflow ?? run ?? ''}`.trim(),
  check({action, workflow, input, run}, {runs}) {
    if (action === 'list') return []
    if (action === 'plan') return input.trim() === '' ? ['input: say what you want, in your words'] : []
    if (action !== 'run')
      return run === undefined ? [`run: say which run to ${action}; see /workflow action:list`] : []
    if (workflow !== undefined) return runs.problems(workflow, input)
    return [
      `workflow: say which: ${runs
        .workflows()
        .map(({name}) => name)
        .join(', ')}`,
    ]
  },
  complete: {
    workflow: async (typed, {services}) =>
      services.runs
        .workflows()
        .filter(({name}) => name.includes(typed.toLowerCase()))
        .map(({name, usage}) => ({name: `${name} ${usage}`.trim(), value: name})),
    run: async (typed, {services, options, now}) => {
      const wanted = options['action']
      const runs = await services.runs.recent(100)
      return runs
        .filter(({id, workflow}) => id.startsWith(typed) || workflow.includes(typed.toLowerCase()))
        .filter(({open}) => wanted === 'status' || wanted === undefined || open === (wanted !== 'retry'))
        .map(({id, workflow, words, startedAt}) => ({
          name: `${workflow} · ${words} · ${relativeAge(startedAt, now())} · ${id}`,
          value: id,
        }))
    },
  },
})
