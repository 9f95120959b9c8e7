import {z} from 'zod'
import {relativeAge} from '../src/kernel/time.ts'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'evaluate',
  description: 'Grade a run of a workflow, and compare it with those before',
  topic: 'workflows',
  access: 'everyone',
  visibility: 'channel',
  input: z.object({
    run: z
      .string()
      .regex(/^wf-[a-z0-9-]{4,61}$/, 'is not the id of a run, such as wf-1a2b3c4d5e6f')
      .optional()
      .describe('the run (default: the one that ended last)'),
  }),
  agent: 'evaluator',
  action: 'evaluate',
  acknowledge: ({run}) => `evaluation of ${run ?? 'the latest run'}`,
  complete: {
    run: async (typed, {services, now}) =>
      (await services.runs.recent(100))
        .filter(({id, workflow, open}) => !open && (id.startsWith(typed) || workflow.includes(typed)))
        .map(({id, workflow, words, startedAt}) => ({
          name: `${workflow} · ${words} · ${relativeAge(startedAt, now())} · ${id}`,
          value: id,
        })),
  },
})
