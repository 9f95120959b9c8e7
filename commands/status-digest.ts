import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'status-digest',
  description: 'What the workflows did lately, and how the endpoints are',
  topic: 'look',
  access: 'everyone',
  visibility: 'channel',
  input: z.object({
    period: z
      .enum(['daily', 'weekly'])
      .default('daily')
      .describe('last 24 hours or last 7 days (default: daily)'),
  }),
  agent: 'status_reporter',
  action: 'digest',
  acknowledge: ({period}) => `${period} digest`,
})
