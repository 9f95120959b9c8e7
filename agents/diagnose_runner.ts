import {z} from 'zod'
import {defineAction, defineAgent} from '../src/sdk/index.ts'

/** Has the diagnose workflow look at everything that deploys depend on, and tells what it found. */
export default defineAgent({
  id: 'diagnose_runner',
  name: 'Diagnose Runner',
  description: 'Starts the diagnose workflow, follows it and reads its report',
  command: '/diagnose',
  queue: {concurrency: 5, timeoutMs: 60_000},
  actions: {
    diagnose: defineAction({
      description: 'Start a diagnosis and follow it to its report',
      input: z.object({
        target: z.string().default('client'),
        frontend_url: z.string().optional(),
        api_base: z.string().optional(),
      }),
      async run({target, frontend_url: frontend, api_base: api}, {services, correlationId, actor}) {
        await services.diagnoses.request({correlationId, actor, target, frontend, api})
        return {kind: 'following'}
      },
    }),
  },
})
