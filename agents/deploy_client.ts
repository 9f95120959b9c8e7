import {z} from 'zod'
import {code, link, plain} from '../src/kernel/markdown.ts'
import {defineAction, defineAgent, type CancelOutcome, type Reply} from '../src/sdk/index.ts'

/** Ships targets through their GitHub workflows, and stops what was started. */
export default defineAgent({
  id: 'deploy_client',
  name: 'Deploy Client',
  description: 'Ships a target through its GitHub workflow and follows it to the failing line',
  command: '/deploy-client',
  queue: {concurrency: 10, timeoutMs: 30_000},
  actions: {
    deploy: defineAction({
      description: 'Dispatch a target’s workflow once and follow its run',
      input: z.object({
        wait: z.boolean(),
        target: z.string(),
        ref: z.string().optional(),
        api_base: z.string().optional(),
        explain: z.boolean().default(false),
      }),
      async run({wait, target, ref, api_base, explain}, {actor, correlationId, services}) {
        if (explain) {
          const reply = await services.deployments.explain({actor, target, ref, apiBase: api_base})
          return {kind: 'replied', reply}
        }
        await services.deployments.request({correlationId, actor, target, ref, apiBase: api_base, wait})
        return {kind: 'following'}
      },
    }),

    cancel: defineAction({
      description: 'Stop a command: its queue job and its GitHub run',
      input: z.object({id: z.string()}),
      async run({id}, {actor, services}) {
        const outcome = await services.invocations.cancel(id.replace('…', ''), actor)
        return {kind: 'replied', reply: describe(id, outcome)}
      },
    }),
  },
})

function describe(id: string, outcome: CancelOutcome): Reply {
  const which = `${id.slice(0, 8)}…`
  switch (outcome.kind) {
    case 'cancelled':
      return {state: 'ok', title: `${which} cancelled before it started`}
    case 'stopping':
      return {
        state: 'ok',
        title: `${which} is being stopped`,
        lines: ['its message tells how it ends', ...runLine(outcome.runUrl)],
      }
    case 'already-ended':
      return {
        state: 'other',
        title: `${which} had already ended: ${outcome.status}`,
        lines: runLine(outcome.runUrl),
      }
    case 'refused':
      return {state: 'error', title: `${which} could not be stopped`, lines: [plain(outcome.reason, 400)]}
    case 'not-found':
      return {
        state: 'error',
        title: 'no such command',
        lines: [`nothing here has the id ${code(id)}; it is in the second line of the message`],
      }
    case 'not-permitted':
      return {
        state: 'refused',
        title: 'you can’t cancel this',
        lines: [`· it was asked for by ${plain(outcome.owner, 60)} — ask them or an admin`],
      }
  }
}

function runLine(url: string | undefined): string[] {
  return url === undefined ? [] : [link('the run on GitHub', url)]
}
