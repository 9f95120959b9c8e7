import {z} from 'zod'
import {AppError} from '../src/kernel/errors.ts'
import {defineAction, defineAgent} from '../src/sdk/index.ts'

/** Ships a target, has it verified, and carries out the one decision that follows. */
export default defineAgent({
  id: 'ship',
  name: 'Release Conductor',
  description: 'Ships, verifies, promotes and rolls back; ends plans',
  command: '/ship',
  queue: {concurrency: 5, timeoutMs: 60_000},
  actions: {
    ship: defineAction({
      description: 'Ship a target and verify it, or end a plan with what was done',
      input: z.object({
        target: z.string().optional(),
        env: z.enum(['staging', 'prod']).optional(),
        strategy: z.enum(['canary', 'full']),
        run_id: z.string().optional(),
      }),
      async run({target, env, strategy, run_id: plan}, {actor, correlationId, services: {plans, releases}}) {
        if (plan !== undefined) {
          if (!(await plans.knows(plan)))
            throw new AppError('NOT_FOUND', 'There is no plan of that id. To ship, leave run_id out.')
          const {status, total, done, dropped} = await plans.finish({plan, actor})
          return {
            kind: 'replied',
            reply: {
              state: status === 'completed' ? 'success' : 'partial',
              title:
                status === 'completed' ? 'the plan is completed' : 'the plan ended with issues left open',
              lines: [`${done} completed · ${dropped} not planned · ${total - done - dropped} open`],
            },
          }
        }
        const {name} = releases.target({target, environment: env === 'prod' ? 'production' : env})
        await releases.ship({correlationId, actor, target: name, strategy})
        return {kind: 'following'}
      },
    }),

    carry_out: defineAction({
      description: 'Ship what was decided about a release',
      input: z.object({run_id: z.string()}),
      async run({run_id: id}, {actor, correlationId, services: {releases}, signal}) {
        await releases.carryOut({id, correlationId, actor, signal})
        return {kind: 'following'}
      },
    }),

    decide: defineAction({
      description: 'Promote a release, or roll it back',
      input: z.object({id: z.string(), decision: z.enum(['promote', 'rollback'])}),
      async run({id, decision}, {actor, services: {releases}}) {
        return {kind: 'replied', reply: await releases.decide({id, actor, decision})}
      },
    }),

    details: defineAction({
      description: 'How the addresses of a release answer right now',
      input: z.object({id: z.string()}),
      async run({id}, {services: {releases}, signal}) {
        return {kind: 'replied', reply: await releases.details(id, signal)}
      },
    }),
  },
})
