import {z} from 'zod'
import {toError} from '../src/kernel/errors.ts'
import {shortId} from '../src/kernel/correlation.ts'
import {code, plain} from '../src/kernel/markdown.ts'
import {
  defineAction,
  defineAgent,
  type ActionContext,
  type ActionResult,
  type DeployVerdict,
} from '../src/sdk/index.ts'

const verdict = z.object({
  verdict: z.enum(['ok', 'failed', 'partial']),
  run: z.object({id: z.string(), url: z.string(), conclusion: z.string().nullable()}).nullable(),
})

/** Says whether a deploy worked: what its run says, and what frontend and API answer. */
export default defineAgent({
  id: 'deploy_verifier',
  name: 'Deploy Verifier',
  description: 'Checks a deploy: its run step by step, the frontend, its caching, the API',
  command: '/verify-latest',
  queue: {concurrency: 10, timeoutMs: 90_000},
  actions: {
    verify_latest: defineAction({
      description: 'Verify the newest deploy of a target, or the one of a run’s address',
      input: z.object({
        target: z.string().max(60).optional(),
        run_url: z.string().max(300).optional(),
        diagnose: z.boolean().default(false),
      }),
      output: verdict,
      async run({target, run_url: runUrl, diagnose}, context) {
        const {services, signal} = context
        const [found, line] = await Promise.all([
          services.verification.verify({target, runUrl, signal}),
          diagnose ? diagnosisLine(target, context) : undefined,
        ])
        return answer(found, line === undefined ? [] : [line])
      },
    }),

    verify_run: defineAction({
      description: 'Verify the deploy of a run by its number',
      askable: true,
      input: z.object({run_id: z.string().regex(/^\d{1,20}$/), target: z.string().max(60).default('client')}),
      output: verdict,
      async run({run_id: runId, target}, {services, signal}) {
        return answer(await services.verification.verify({target, runId, signal}))
      },
    }),
  },
})

function answer({reply, verdict: how, run}: DeployVerdict, more: readonly string[] = []): ActionResult {
  return {
    kind: 'replied',
    reply: {...reply, lines: [...(reply.lines ?? []), ...more]},
    output: {verdict: how, run},
  }
}

/** Whatever becomes of the diagnosis, the verification is answered. */
async function diagnosisLine(
  target: string | undefined,
  {services, correlationId, actor}: ActionContext,
): Promise<string> {
  try {
    const {id, refusal} = await services.diagnoses.requestBeside({correlationId, actor, target})
    return refusal === undefined
      ? `🔍 diagnosis ${code(shortId(id))} started; its own message tells what it finds`
      : `⚠️ no diagnosis: ${plain(refusal, 300)}`
  } catch (error) {
    return `⚠️ no diagnosis: ${plain(toError(error).message, 300)}`
  }
}
