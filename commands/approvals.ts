import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'approvals',
  description: 'What waits for an approval, the riskiest first',
  topic: 'decide',
  access: 'everyone',
  visibility: 'private',
  input: z.object({
    show: z
      .enum(['mine', 'all'])
      .default('mine')
      .describe('mine: what you may decide (default); or all of it'),
  }),
  agent: 'approval_keeper',
  action: 'list',
  acknowledge: () => 'approvals',
})
