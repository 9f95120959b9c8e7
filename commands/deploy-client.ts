import {z} from 'zod'
import {defineCommand, suggestTargets, unknownTarget} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'deploy-client',
  description: 'Ship a target through its GitHub workflow and follow it to the end',
  topic: 'deploy',
  access: 'restricted',
  visibility: ({explain}) => (explain ? 'private' : 'channel'),
  input: z.object({
    wait: z.boolean().default(false).describe('follow the run and report how it ends'),
    target: z.string().min(1).max(60).default('client').describe('what to ship (default: client)'),
    ref: z
      .string()
      .max(200)
      .regex(/^(?!.*(\.\.|@\{|\/\/))[\w][\w./+@-]*$/, 'is not a branch, tag or commit')
      .optional()
      .describe('branch, tag or commit (default: the target’s own)'),
    api_base: z.string().max(2048).optional().describe('API address the client is built against (https)'),
    explain: z
      .boolean()
      .default(false)
      .describe('only say what it risks, who would approve and what stands in its way'),
  }),
  agent: 'deploy_client',
  action: 'deploy',
  joinWithinMs: ({explain}) => (explain ? 0 : 10_000),
  acknowledge: ({target, explain}) => `${explain ? 'what would happen to a ' : ''}deploy of ${target}`,
  check({target, api_base}, {deployments}) {
    const refusal = api_base === undefined ? undefined : deployments.refuseUrl(api_base)
    return [
      ...unknownTarget(target, {deployments}),
      ...(refusal === undefined ? [] : [`api_base: ${refusal}`]),
    ]
  },
  complete: {
    target: suggestTargets,
    ref: async (typed, {services, options}) => {
      const target = typeof options['target'] === 'string' ? options['target'] : 'client'
      const refs = await services.deployments.refs(target, typed)
      return refs.map(ref => ({name: ref, value: ref}))
    },
  },
})
