import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'status',
  description: 'The last runs of each workflow',
  topic: 'look',
  access: 'everyone',
  visibility: 'channel',
  input: z.object({
    count: z.int().min(1).max(3).default(2).describe('runs per workflow, 1 to 3 (default: 2)'),
  }),
  agent: 'status_reporter',
  action: 'runs',
  acknowledge: () => 'status',
})
