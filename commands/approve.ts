import {z} from 'zod'
import {defineCommand, requestOption, suggestRequests} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'approve',
  description: 'Approve a request that waits for people',
  topic: 'decide',
  // Who may approve what is said by the request's own policy, in one place for all surfaces, and judged at the vote.
  access: 'everyone',
  visibility: 'private',
  input: z.object({
    id: requestOption,
    justification: z
      .string()
      .trim()
      .min(1)
      .max(500)
      .optional()
      .describe('why it should go ahead; critical risk needs it'),
  }),
  agent: 'approval_keeper',
  action: 'approve',
  acknowledge: () => 'your approval',
  complete: {id: suggestRequests},
})
