import {z} from 'zod'
import {defineCommand, suggestTargets, unknownTarget} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'verify-run',
  description: 'Did the deploy of this run do what it was to do',
  topic: 'look',
  access: 'restricted',
  visibility: 'channel',
  input: z.object({
    run_id: z
      .string()
      .regex(/^\d{1,20}$/, 'must be the number of a run, as in its address')
      .describe('the number of the run'),
    target: z.string().min(1).max(60).default('client').describe('what it deployed (default: client)'),
  }),
  agent: 'deploy_verifier',
  action: 'verify_run',
  acknowledge: ({run_id}) => `verifying run ${run_id}`,
  check: ({target}, services) => unknownTarget(target, services),
  complete: {target: suggestTargets},
})
