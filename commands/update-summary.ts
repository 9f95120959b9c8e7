import {z} from 'zod'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'update-summary',
  description: 'Put a dated status section on top of the summary file, as a pull request',
  topic: 'messages',
  access: 'everyone',
  visibility: 'channel',
  input: z.object({
    notes: z.string().trim().min(1).max(1000).optional().describe('your own words, on top of the section'),
    dry_run: z.boolean().default(false).describe('only show what would be written'),
  }),
  agent: 'summary_agent',
  action: 'update',
  joinWithinMs: ({dry_run}) => (dry_run ? 0 : 10_000),
  acknowledge: ({dry_run}) => (dry_run ? 'summary · dry run' : 'summary'),
})
