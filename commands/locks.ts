import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'locks',
  description: 'What is locked by whom and why, and who waits for it',
  topic: 'workflows',
  access: 'everyone',
  visibility: 'channel',
  input: z.object({}),
  agent: 'status_reporter',
  action: 'locks',
  acknowledge: () => 'locks',
})
