import type {FastifyInstance} from 'fastify'
import {z} from 'zod'
import {interAgentEventSchema, responseSchema, type EventJournal, type Requests} from '../events/index.ts'
import {AppError} from '../kernel/errors.ts'
import {jsonBody} from './server.ts'

const querySchema = z.object({
  correlation_id: z.string().min(1).max(200),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
})

/** What happened because of one request, and asking an agent from outside. */
export function eventRoutes({
  journal,
  requests,
}: {
  readonly journal: Pick<EventJournal, 'history'>
  readonly requests: Pick<Requests, 'request'>
}) {
  return (app: FastifyInstance): void => {
    app.get(
      '/events',
      {
        config: {
          access: 'token',
          about: {
            summary:
              'The latest events with a correlation id (`correlation_id`, `limit` up to 1,000), oldest first',
            answers: {
              200: {description: 'the events', content: z.object({events: z.array(interAgentEventSchema)})},
            },
          },
        },
      },
      async request => {
        const query = querySchema.safeParse(request.query)
        if (!query.success)
          throw new AppError('INVALID_INPUT', `The query is wrong: ${z.prettifyError(query.error)}`)
        const {correlation_id: correlationId, limit} = query.data
        return {events: await journal.history({correlationId, limit})}
      },
    )

    app.post(
      '/agent-request',
      {
        config: {
          access: 'token',
          about: {
            summary:
              'Asks an agent and waits for its response; timeouts, unknown and offline agents are responses',
            body: 'an AgentRequestEvent: source_agent, target_agent (or `any`), request_type, payload, ...',
            answers: {200: {description: 'the AgentResponseEvent', content: responseSchema}},
          },
        },
      },
      async request => requests.request(jsonBody(request) as Parameters<Requests['request']>[0]),
    )
  }
}
