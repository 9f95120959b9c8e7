import {WebStandardStreamableHTTPServerTransport} from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify'
import type {Clock} from '../kernel/clock.ts'
import type {Logger} from '../platform/logger.ts'
import {createMcpTools, type McpHouse} from './mcp-tools.ts'
import {createRateLimit} from './rate-limit.ts'
import {callerOf, jsonBody, problem, rawBody, type Caller} from './server.ts'

const MINUTE_MS = 60_000
const MESSAGES_A_MINUTE = 240
const CALLS_A_MINUTE = 60

/**
 * The bot as an MCP server, over streamable HTTP without sessions: each request stands alone, so any process may answer
 * it. The bearer token says who calls; there is no other way in.
 */
export function mcpRoutes({
  house,
  clock,
  log,
}: {
  readonly house: McpHouse
  readonly clock: Clock
  readonly log: Pick<Logger, 'error'>
}) {
  const messages = createRateLimit({limit: MESSAGES_A_MINUTE, windowMs: MINUTE_MS, clock})
  const calls = createRateLimit({limit: CALLS_A_MINUTE, windowMs: MINUTE_MS, clock})

  /** How long the caller has to wait; 0: they need not, and these messages count. */
  function admit(caller: Caller, body: unknown): number {
    const key = caller.kind === 'house' ? 'house' : `person ${caller.person.id}`
    const sent: readonly unknown[] = [body].flat()
    const called = sent.filter(message => (message as {method?: unknown} | null)?.method === 'tools/call')
    const wait = Math.max(messages.wait(key, sent.length), calls.wait(key, Math.max(called.length, 1)))
    if (wait > 0) return wait
    sent.forEach(() => messages.count(key))
    called.forEach(() => calls.count(key))
    return 0
  }

  return (app: FastifyInstance): void => {
    app.post(
      '/mcp',
      {
        config: {
          access: 'person',
          about: {
            summary: 'The Model Context Protocol over streamable HTTP; see docs/tools.md',
            body: 'a JSON-RPC message of the Model Context Protocol',
            answers: {
              200: {description: 'the answer', content: 'application/json'},
              202: {description: 'a notification was taken', content: 'application/json'},
            },
          },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const body = jsonBody(request)
        const wait = admit(caller, body)
        if (wait > 0)
          return problem(
            reply.header('retry-after', Math.ceil(wait / 1000)),
            429,
            'TOO_MANY',
            `More than ${MESSAGES_A_MINUTE} messages or ${CALLS_A_MINUTE} calls of tools in a minute. Wait a little.`,
          )
        const server = createMcpTools({house, caller, correlationId: request.id, log})
        const transport = new WebStandardStreamableHTTPServerTransport({enableJsonResponse: true})
        try {
          await server.connect(transport)
          return await pass(reply, await transport.handleRequest(webRequest(request), {parsedBody: body}))
        } finally {
          await server.close()
        }
      },
    )

    for (const method of ['get', 'delete'] as const)
      app[method](
        '/mcp',
        {
          config: {
            access: 'person',
            about: {
              summary: 'Not offered: this server sends nothing unasked and keeps no sessions',
              answers: {405: {description: 'always', content: 'application/problem+json'}},
            },
          },
        },
        (_request, reply) =>
          problem(reply.header('allow', 'POST'), 405, 'NOT_OFFERED', 'Only POST is answered here.'),
      )
  }
}

function webRequest(request: FastifyRequest): Request {
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers))
    if (value !== undefined && name !== 'authorization') headers.set(name, [value].flat().join(', '))
  return new Request(`http://localhost${request.url}`, {method: 'POST', headers, body: rawBody(request)})
}

async function pass(reply: FastifyReply, response: Response): Promise<FastifyReply> {
  reply.status(response.status)
  for (const [name, value] of response.headers) reply.header(name, value)
  return reply.send(await response.text())
}
