import type {FastifyInstance} from 'fastify'
import {z} from 'zod'
import {AppError} from '../kernel/errors.ts'
import {TOOL_STRATEGIES, type StrategyInForce, type ToolsPort} from '../sdk/tools.ts'
import {manifestOf} from '../tools/disclosure.ts'
import {jsonBody} from './server.ts'

const strategy = z.enum(TOOL_STRATEGIES)
const counted = z.object({shown: z.int(), total: z.int()})
const shownShape = z.object({
  strategy,
  tools: z
    .array(
      z.object({
        name: z.string().describe('as server.tool'),
        description: z.string(),
        input_schema: z.record(z.string(), z.json()),
        server: z.string(),
        priority: z.enum(['critical', 'high', 'medium', 'low']),
        rationale: z.string().describe('why it is shown'),
      }),
    )
    .describe('the most important first; names and descriptions are their servers’, not ours'),
  stats: z.object({
    tools: counted,
    servers: counted,
    tokens: z.object({
      estimated: counted.describe('at 50 a tool'),
      measured: counted.describe('by the length of what a model reads'),
    }),
    saved: z.number().describe('percent of the measured tokens'),
  }),
  missing: z
    .array(z.object({server: z.string(), reason: z.string()}))
    .describe('servers that did not answer'),
})
const inForceShape = z.object({
  strategy,
  reason: z.string(),
  by: z.string(),
  since: z.iso.datetime().nullable().describe('null: as configured'),
})
const querying = z.object({
  task: z.string().max(4_000).default(''),
  strategy: strategy.optional().describe('the one in force when left out'),
})
const params = z.object({id: z.string().max(64)})
// No half surrogate pairs and no zero character: Postgres keeps neither.
const switching = z.strictObject({
  strategy,
  reason: z
    .string()
    .trim()
    .min(1)
    .max(400)
    .regex(/^[^\0\p{Cs}]*$/u)
    .describe('it is kept'),
})

/** Which tools agents are shown, and how many of them. */
export function toolRoutes({tools}: {readonly tools: ToolsPort}) {
  return (app: FastifyInstance): void => {
    app.get(
      '/agents/:id/tools',
      {
        config: {
          access: 'token',
          about: {
            summary: 'The tools that an agent is shown for a task, as a manifest for models',
            query: querying,
            answers: {200: {description: 'the tools', content: shownShape}},
          },
        },
      },
      async (request, reply) => {
        const {id} = given(request.params, params)
        const query = given(request.query, querying)
        const gone = new AbortController()
        reply.raw.once('close', () => gone.abort())
        const {
          strategy,
          tools: shown,
          stats,
          missing,
        } = await tools.discover({
          ...query,
          agent: id,
          signal: gone.signal,
        })
        return {
          strategy,
          tools: shown.map(tool => {
            const {server, priority, rationale} = tool
            const manifest = manifestOf(tool)
            return {...manifest, input_schema: {...manifest.input_schema}, server, priority, rationale}
          }),
          stats,
          missing: [...missing],
        }
      },
    )

    app.get(
      '/tools/strategy',
      {
        config: {
          access: 'token',
          about: {
            summary: 'How many of their tools agents are shown, and why',
            answers: {200: {description: 'the strategy in force', content: inForceShape}},
          },
        },
      },
      async () => toWire(await tools.strategy()),
    )

    app.post(
      '/tools/strategy',
      {
        config: {
          access: 'token',
          about: {
            summary: 'Show agents more or fewer of their tools from now on',
            body: switching,
            answers: {200: {description: 'it is in force', content: inForceShape}},
          },
        },
      },
      async request =>
        toWire(await tools.switchTo({...given(jsonBody(request), switching), by: 'the HTTP API'})),
    )
  }
}

function toWire({since, ...rest}: StrategyInForce): z.output<typeof inForceShape> {
  return {...rest, since: since === undefined ? null : new Date(since).toISOString()}
}

function given<T extends z.ZodType>(value: unknown, shape: T): z.output<T> {
  const parsed = shape.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new AppError('INVALID_INPUT', `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'is wrong'}`)
}
