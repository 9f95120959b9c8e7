import {z} from 'zod'
import {defineCommand, topicOption} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'help',
  description: 'What you can run here, and why not the rest',
  topic: 'records',
  access: 'everyone',
  visibility: 'private',
  input: z.object({
    command: z.string().max(32).optional().describe('one command, in full'),
    topic: topicOption,
  }),
  agent: 'status_reporter',
  action: 'help',
  acknowledge: () => 'help',
  complete: {
    command: async (typed, {actor, services}) =>
      services.catalogue
        .commands(actor)
        .filter(command => command.name.startsWith(typed.replace(/^\//, '').toLowerCase()))
        .map(command => ({name: `/${command.name}`, value: command.name})),
  },
})
