import {z} from 'zod'
import {defineCommand, suggestTargets, unknownTarget} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'verify-latest',
  description: 'Did the newest deploy do what it was to do: its run, the frontend, the API',
  topic: 'look',
  access: 'everyone',
  visibility: 'channel',
  input: z.object({
    run_url: z.string().max(300).optional().describe('address of a run, instead of the newest one'),
    diagnose: z
      .boolean()
      .default(false)
      .describe('start a diagnosis as well; its results come by themselves'),
    target: z.string().min(1).max(60).optional().describe('what was deployed (default: client)'),
  }),
  agent: 'deploy_verifier',
  action: 'verify_latest',
  acknowledge: ({target}) => `verifying ${target ?? 'the newest deploy'}`,
  check: ({target}, services) => unknownTarget(target, services),
  complete: {target: suggestTargets},
})
