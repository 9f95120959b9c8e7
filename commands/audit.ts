import {z} from 'zod'
import {parseDuration} from '../src/kernel/time.ts'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'audit',
  description: 'Who was refused what, and what was done outside: search it, show it, prove it',
  topic: 'records',
  access: 'restricted',
  visibility: 'private',
  input: z.object({
    action: z
      .enum(['search', 'show', 'verify', 'export'])
      .default('search')
      .describe('what to do with the record; search unless given'),
    who: z.string().trim().min(1).max(80).optional().describe('search: a name or an account’s id'),
    what: z
      .string()
      .trim()
      .min(1)
      .max(64)
      .optional()
      .describe('search: how the action begins, such as github.'),
    since: z.string().trim().max(10).optional().describe('search: how far back, such as 24h or 7d'),
    id: z
      .string()
      .trim()
      .min(8)
      .max(100)
      .optional()
      .describe('show: of a record or a command, or its first 8 characters'),
    head: z.string().trim().max(100).optional().describe('verify: a head that you noted before'),
  }),
  agent: 'audit_keeper',
  action: 'audit',
  acknowledge: ({action}) => `audit · ${action}`,
  check({action, since, id}) {
    if (since !== undefined && parseDuration(since) === undefined)
      return ['since: give a number and a unit, such as 90m, 24h or 7d']
    return action === 'show' && id === undefined ? ['id: which one? `/audit` lists them'] : []
  },
})
