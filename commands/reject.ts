import {z} from 'zod'
import {defineCommand, requestOption, suggestRequests} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'reject',
  description: 'Reject a request that waits for people; one rejection is enough',
  topic: 'decide',
  // As with /approve: the request's own policy says who may.
  access: 'everyone',
  visibility: 'private',
  input: z.object({
    id: requestOption,
    reason: z.string().trim().min(1).max(500).describe('why not; whoever asked is told'),
  }),
  agent: 'approval_keeper',
  action: 'reject',
  acknowledge: () => 'your rejection',
  complete: {id: suggestRequests},
})
