import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'uptime-check',
  description: 'Whether the bot, the API, the frontend and the targets are up',
  topic: 'look',
  access: 'everyone',
  visibility: 'channel',
  input: z.object({
    period: z.enum(['24h', '7d']).optional().describe('also how they were in this time'),
  }),
  agent: 'uptime_guardian',
  action: 'check',
  acknowledge: () => 'uptime',
})
