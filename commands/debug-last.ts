import {z} from 'zod'
import {relativeAge} from '../src/kernel/time.ts'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'debug-last',
  description: 'What your own last command did, step by step',
  topic: 'records',
  access: 'everyone',
  visibility: 'private',
  input: z.object({
    id: z
      .string()
      .regex(/^[0-9a-f][0-9a-f-]{7,35}…?$/, 'is not a correlation id: give at least its first 8 characters')
      .optional()
      .describe('an earlier one of yours: its correlation id, or the first 8 characters'),
  }),
  agent: 'debug_last',
  action: 'show',
  acknowledge: () => 'your last command',
  complete: {
    id: async (typed, {actor, services, now}) =>
      (await services.traces.recent(actor, 25))
        .filter(
          ({id, command}) => id.startsWith(typed.toLowerCase()) || command.includes(typed.toLowerCase()),
        )
        .map(({id, command, startedAt}) => ({
          name: `/${command} · ${relativeAge(startedAt, now())} · ${id.slice(0, 8)}…`,
          value: id,
        })),
  },
})
