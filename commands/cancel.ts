import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'cancel',
  description: 'Stop a command you started: its job and its GitHub run',
  topic: 'deploy',
  access: 'everyone',
  visibility: 'private',
  input: z.object({
    id: z
      .string()
      .regex(/^[0-9a-f-]{8,36}…?$/, 'is not a correlation id: give at least its first 8 characters')
      .describe('correlation id, or its first 8 characters'),
  }),
  agent: 'deploy_client',
  action: 'cancel',
  acknowledge: ({id}) => `cancel ${id.slice(0, 8)}…`,
  complete: {
    id: async (typed, {actor, services, now}) =>
      (await services.invocations.open(actor))
        .filter(
          open =>
            open.id.startsWith(typed.toLowerCase()) || open.title.toLowerCase().includes(typed.toLowerCase()),
        )
        .map(open => ({
          name: `${open.title} · ${open.requester} · ${Math.round((now() - open.createdAt) / 1000)}s ago · ${open.id.slice(0, 8)}…`,
          value: open.id,
        })),
  },
})
