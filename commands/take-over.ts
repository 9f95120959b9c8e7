import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'take-over',
  description: 'Ask whoever holds a lock to let it go; an admin can force it',
  topic: 'workflows',
  access: 'restricted',
  visibility: 'channel',
  input: z.object({
    lock: z.string().min(1).max(256).describe('the lock, such as deployment:production:web'),
    reason: z
      .string()
      .trim()
      .min(1)
      .max(300)
      .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'has characters that can’t be shown')
      .optional()
      .describe('why; the holder sees it'),
    force: z.boolean().default(false).describe('admins: take it without asking; needs a reason'),
  }),
  agent: 'lock_keeper',
  action: 'take_over',
  joinWithinMs: 10_000,
  acknowledge: () => 'take over a lock',
  check: ({reason, force}) => (force && reason === undefined ? ['reason: say why, it is kept'] : []),
  complete: {
    lock: async (typed, {services}) =>
      (await services.locks.held())
        .filter(({resource}) => resource.toLowerCase().includes(typed.toLowerCase()))
        .map(({id, resource, owner}) => ({name: `${resource} · ${owner}`, value: id})),
  },
})
