import {z} from 'zod'
import {defineCommand, suggestTargets, unknownTarget} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'diagnose',
  description: 'Look at sign-in, bucket, CDN and API from where deploys run, and say what is broken',
  topic: 'look',
  access: 'everyone',
  visibility: 'channel',
  input: z.object({
    frontend_url: z
      .string()
      .max(2048)
      .optional()
      .describe('frontend to look at (https; default: the target’s)'),
    api_base: z.string().max(2048).optional().describe('API to look at (https; default: the target’s)'),
    target: z.string().min(1).max(60).default('client').describe('whose addresses (default: client)'),
  }),
  agent: 'diagnose_runner',
  action: 'diagnose',
  joinWithinMs: 10_000,
  acknowledge: () => 'diagnosis · starting',
  check({target, frontend_url, api_base}, services) {
    const refused = (option: string, url: string | undefined) => {
      const refusal = url === undefined ? undefined : services.diagnoses.refuseUrl(url)
      return refusal === undefined ? [] : [`${option}: ${refusal}`]
    }
    return [
      ...unknownTarget(target, services),
      ...refused('frontend_url', frontend_url),
      ...refused('api_base', api_base),
    ]
  },
  complete: {target: suggestTargets},
})
