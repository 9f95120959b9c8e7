import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'triage-issues',
  description: 'Sort open issues: labels, priority, duplicates, owners; shows it first, apply:true does it',
  topic: 'code',
  access: 'restricted',
  visibility: 'channel',
  input: z.object({
    repository: z
      .string()
      .max(300)
      .optional()
      .describe('owner/name, one of ours (default: the configured one)'),
    limit: z.int().min(1).max(50).default(20).describe('how many issues at most (default: 20)'),
    apply: z
      .boolean()
      .default(false)
      .describe('add the labels, and one comment where there is something to say'),
  }),
  agent: 'issue_triage',
  action: 'triage_issues',
  acknowledge: () => 'issues · reading',
  joinWithinMs: 10_000,
})
