import {z} from 'zod'
import {defineCommand, suggestTargets, unknownTarget} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'qa',
  description: 'Check a pull request by the rules of its repository',
  topic: 'code',
  access: 'restricted',
  visibility: 'channel',
  input: z.object({
    pr: z.int().min(1).describe('number of the pull request'),
    target: z
      .string()
      .max(32)
      .optional()
      .describe('the repository of this target (default: the configured one)'),
    repository: z.string().max(300).optional().describe('owner/name, one of ours; instead of target'),
  }),
  agent: 'qa_checker',
  action: 'check',
  acknowledge: ({pr}) => `QA of #${pr}`,
  joinWithinMs: 10_000,
  complete: {target: suggestTargets},
  check: ({target, repository}, services) => [
    ...unknownTarget(target, services),
    ...(target !== undefined && repository !== undefined ? ['give target or repository, not both'] : []),
  ],
})
