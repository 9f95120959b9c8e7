import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'agents',
  description: 'List the agents and how to reach them',
  topic: 'workflows',
  access: 'everyone',
  visibility: 'channel',
  input: z.object({}),
  agent: 'status_reporter',
  action: 'agents',
  acknowledge: () => 'agents',
})
