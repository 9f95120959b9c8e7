import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'ask',
  description: 'Say what you want in your own words: you get an answer, or a plan to start',
  topic: 'decide',
  // It does nothing by itself: plans and votes are judged where they are started and counted.
  access: 'everyone',
  visibility: 'channel',
  input: z.object({
    text: z.string().trim().min(1).max(2000).describe('what you want or want to know'),
  }),
  agent: 'conversation',
  action: 'ask',
  acknowledge: () => 'ask',
})
