import {z} from 'zod'
import {AppError} from '../src/kernel/errors.ts'
import {defineCommand} from '../src/sdk/index.ts'

export default defineCommand({
  name: 'ship',
  description: 'Ship a target, verify it, then promote it or roll it back; or end a plan',
  topic: 'deploy',
  access: 'restricted',
  visibility: ({run_id}) => (run_id === undefined ? 'channel' : 'private'),
  input: z.object({
    target: z.string().min(1).max(60).optional().describe('what to ship (default: the only one of env)'),
    env: z
      .enum(['staging', 'prod'])
      .optional()
      .describe('where to (default: where the target goes, else staging)'),
    strategy: z.enum(['canary', 'full']).default('full').describe('to some first, or to all at once'),
    run_id: z
      .string()
      .trim()
      .regex(/^[0-9a-f][0-9a-f-]{7,35}…?$/i, 'is not the id of a plan')
      .optional()
      .describe('instead of shipping: the plan to end with what was done'),
  }),
  agent: 'ship',
  action: 'ship',
  joinWithinMs: 10_000,
  acknowledge: ({target, env, strategy, run_id}) =>
    run_id === undefined
      ? `ship ${target ?? env ?? 'staging'}${strategy === 'canary' ? ' (canary)' : ''}`
      : 'end of the plan',
  check({target, env, strategy, run_id}, {releases}) {
    if (run_id !== undefined)
      return target === undefined && env === undefined
        ? []
        : ['run_id: ends a plan and ships nothing; leave out target and env']
    try {
      const {name} = releases.target({target, environment: env === 'prod' ? 'production' : env})
      if (strategy === 'full' || releases.takesStrategy(name)) return []
      return [`strategy: ${name} ships in full only: none of its workflow inputs takes options.strategy`]
    } catch (error) {
      if (error instanceof AppError && error.disposition === 'user') return [error.message]
      throw error
    }
  },
  complete: {
    target: async (typed, {services}) =>
      services.deployments
        .targets()
        .filter(target => target.name.toLowerCase().startsWith(typed.toLowerCase()))
        .map(target => ({
          name: `${target.name} → ${target.environment} (${target.repository})`,
          value: target.name,
        })),
  },
})
