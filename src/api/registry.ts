import type {FastifyInstance, FastifyRequest} from 'fastify'
import {z} from 'zod'
import {AppError} from '../kernel/errors.ts'
import {AGENT_STATUSES, agentIdShape, instanceIdShape, type AgentView} from '../registry/agent.ts'
import type {Registry} from '../registry/index.ts'
import {unknownAgent} from '../registry/service.ts'
import {
  agentShape,
  beatShape,
  iso,
  registrationShape,
  seconds,
  toBeat,
  toRegistration,
  toWire,
} from '../registry/wire.ts'
import {jsonBody, rawBody, type RouteAccess} from './server.ts'
import type {RouteDescription} from './openapi.ts'

const keyword = z.string().trim().min(1).max(200)
const querying = z.object({
  capability_keywords: z.array(keyword).min(1).max(32),
  required_all: z.boolean().default(false),
  exclude_agents: z.array(z.string().max(64)).max(1000).default([]),
  min_confidence: z.number().min(0).max(1).default(0),
  assign: z.boolean().default(false),
})
const saying = z.object({status: z.enum(AGENT_STATUSES), instance_id: instanceIdShape.optional()})

const listed = z.object({status: z.enum(AGENT_STATUSES).optional()})
const leaving = z.object({instance_id: instanceIdShape.optional()})
const searching = z.object({q: keyword})

const timestamp = z.iso.datetime()
const answers = {
  registered: z.object({status: z.literal('registered'), agent_id: z.string(), timestamp}),
  beaten: z.object({status: z.literal('ok'), agent_id: z.string(), last_heartbeat: timestamp}),
  left: z.object({status: z.literal('left'), agent_id: z.string()}),
  agents: z.object({
    agents: z.array(agentShape),
    source: z
      .enum(['registry', 'cache', 'static'])
      .describe('cache: the registry is away, this was its last word'),
  }),
  health: z.object({
    agent_id: z.string(),
    agent_name: z.string(),
    status: z.enum(AGENT_STATUSES),
    last_heartbeat: timestamp,
    is_healthy: z.boolean(),
    seconds_since_heartbeat: z.number(),
  }),
  capabilities: z.object({
    capabilities: z.array(
      z.object({
        agent_id: z.string(),
        agent_name: z.string(),
        capability: z.string(),
        description: z.string(),
        base_url: z.string().nullable(),
        tags: z.array(z.string()),
      }),
    ),
  }),
  routing: z.object({
    matched_agents: z.array(z.string()).describe('best first'),
    confidence_scores: z.record(z.string(), z.number()),
    selected_agent: z.string().nullable(),
    agent: agentShape.nullable().describe('the selected one'),
  }),
}

/** Who can do what, and is alive, for agents and operators outside. Everything asks for the token. */
export function registryRoutes({
  registry,
}: {
  readonly registry: Pick<Registry, 'register' | 'heartbeat' | 'leave' | 'setStatus' | 'directory'>
}) {
  const {directory} = registry

  async function agent(id: string): Promise<AgentView> {
    const view = await directory.get(id)
    if (!view) throw unknownAgent(id)
    return view
  }

  return (app: FastifyInstance): void => {
    app.post(
      '/register',
      about('Register an agent, or overwrite what it declared', answers.registered, {
        body: registrationShape,
      }),
      async request => {
        const registration = toRegistration(body(request, registrationShape))
        const at = await registry.register(registration, 'api')
        return {
          status: 'registered',
          agent_id: registration.agentId,
          timestamp: at.toISOString(),
        } satisfies z.output<typeof answers.registered>
      },
    )

    app.get(
      '/agents',
      about('Every agent, by name, or those of one status', answers.agents, {query: listed}),
      async request => {
        const {status} = given(request.query, listed)
        const listing = await directory.list({status})
        return {agents: listing.agents.map(toWire), source: listing.source} satisfies z.output<
          typeof answers.agents
        >
      },
    )

    app.get('/agents/:id', about('One agent', agentShape), async request =>
      toWire(await agent(idOf(request))),
    )

    app.post(
      '/agents/:id/heartbeat',
      about('A sign of life; 404 asks the agent to register again', answers.beaten, {body: beatShape}),
      async request => {
        const id = idOf(request)
        const beaten = await registry.heartbeat([toBeat(id, optionalBody(request, beatShape))])
        const at = beaten.get(id)
        if (!at) throw unknownAgent(id)
        return {status: 'ok', agent_id: id, last_heartbeat: at.toISOString()} satisfies z.output<
          typeof answers.beaten
        >
      },
    )

    app.patch(
      '/agents/:id/status',
      about('Say that an agent, or one instance of it, is busy, active again or offline', agentShape, {
        body: saying,
      }),
      async request => {
        const id = idOf(request)
        const {status, instance_id} = body(request, saying)
        await registry.setStatus(id, status, instance_id)
        return toWire(await agent(id))
      },
    )

    app.delete(
      '/agents/:id',
      about('Leave: all instances or one. The agent stays known, as offline', answers.left, {query: leaving}),
      async request => {
        const id = idOf(request)
        const {instance_id} = given(request.query, leaving)
        await registry.leave(id, instance_id)
        return {status: 'left', agent_id: id} satisfies z.output<typeof answers.left>
      },
    )

    app.get('/health/:id', about('Whether an agent is alive', answers.health), async request => {
      const view = await agent(idOf(request))
      return {
        agent_id: view.agentId,
        agent_name: view.agentName,
        status: view.status,
        last_heartbeat: iso(view.lastHeartbeat),
        is_healthy: view.status !== 'offline',
        seconds_since_heartbeat: seconds(view.heartbeatAgeMs),
      } satisfies z.output<typeof answers.health>
    })

    app.get(
      '/capabilities/search',
      about('Capabilities of living agents that contain a text', answers.capabilities, {query: searching}),
      async request => {
        const {q} = given(request.query, searching)
        const hits = await directory.search(q)
        return {
          capabilities: hits.map(({agent: {agentId, agentName, baseUrl}, capability}) => ({
            agent_id: agentId,
            agent_name: agentName,
            capability: capability.name,
            description: capability.description,
            base_url: baseUrl ?? null,
            tags: capability.tags,
          })),
        } satisfies z.output<typeof answers.capabilities>
      },
    )

    app.post(
      '/capabilities/query',
      about(
        'The living agents that can do something, best first; `assign` counts it as work given',
        answers.routing,
        {body: querying},
      ),
      async request => {
        const wanted = body(request, querying)
        const query = {
          keywords: wanted.capability_keywords,
          requireAll: wanted.required_all,
          exclude: wanted.exclude_agents,
          minConfidence: wanted.min_confidence,
        }
        const matches = await directory.query(query)
        const [best] = matches
        if (best && wanted.assign) directory.assign(best.agent.agentId)
        return {
          matched_agents: matches.map(match => match.agent.agentId),
          confidence_scores: Object.fromEntries(
            matches.map(match => [match.agent.agentId, match.confidence]),
          ),
          selected_agent: best?.agent.agentId ?? null,
          agent: best ? toWire(best.agent) : null,
        } satisfies z.output<typeof answers.routing>
      },
    )
  }
}

function about(
  summary: string,
  content: z.ZodType,
  sent: Pick<RouteDescription, 'body' | 'query'> = {},
): {config: {access: RouteAccess; about: RouteDescription}} {
  return {
    config: {access: 'token', about: {summary, ...sent, answers: {200: {description: 'done', content}}}},
  }
}

function idOf(request: FastifyRequest): string {
  return given(request.params, z.object({id: agentIdShape})).id
}

function body<T extends z.ZodType>(request: FastifyRequest, shape: T): z.output<T> {
  return given(jsonBody(request), shape)
}

/** A heartbeat has nothing it must say. */
function optionalBody<T extends z.ZodType>(request: FastifyRequest, shape: T): z.output<T> {
  return rawBody(request).length === 0 ? given({}, shape) : body(request, shape)
}

function given<T extends z.ZodType>(value: unknown, shape: T): z.output<T> {
  const parsed = shape.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new AppError('INVALID_INPUT', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is wrong'}`)
  }
  if (UNSTORABLE.test(JSON.stringify(parsed.data))) {
    throw new AppError('INVALID_INPUT', 'Texts must not contain null characters or half surrogate pairs.')
  }
  return parsed.data
}

/** What JSON may say and Postgres can't keep: \u0000, and a surrogate that JSON.stringify had to escape. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/i
