import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'triage',
  description: 'Find out why a run or a pull request fails, from its logs, and what would mend it',
  topic: 'code',
  access: 'restricted',
  visibility: 'channel',
  input: z.object({
    ref: z.string().min(1).max(300).describe('#7, the number of a run, or the address of either'),
    repository: z
      .string()
      .max(300)
      .optional()
      .describe('owner/name, one of ours (default: the configured one)'),
    comment: z.boolean().default(false).describe('say it on the pull request, too, in one comment'),
    draft: z.boolean().default(false).describe('open the patch, where there is one, as a draft pull request'),
  }),
  agent: 'triage',
  action: 'triage',
  acknowledge: () => 'triage · reading',
  joinWithinMs: 10_000,
})
