import helmet from '@fastify/helmet'
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import {createHash, randomUUID, timingSafeEqual} from 'node:crypto'
import {STATUS_CODES} from 'node:http'
import type {Socket} from 'node:net'
import {z} from 'zod'
import type {Account, People, Person} from '../access/people.ts'
import {AppError, toError, type ErrorCode} from '../kernel/errors.ts'
import {correlation} from '../kernel/correlation.ts'
import type {Logger} from '../platform/logger.ts'
import {describeApi, type DescribedRoute, type problemShape, type RouteDescription} from './openapi.ts'

/**
 * What a route demands of its caller. Every route declares one; a route without does not start.
 * `signature`: the handler itself verifies the vendor's signature over the raw body before anything else. `link`: so it
 * does with the token of a link that was mailed to one person. `person`: somebody's own token, or the API token; the
 * handler asks `callerOf` which.
 */
export type RouteAccess = 'public' | 'signature' | 'link' | 'token' | 'person' | 'metrics'

/** Who calls a route of access `person`. The API token is the house's and speaks for nobody. */
export type Caller =
  {readonly kind: 'house'} | {readonly kind: 'person'; readonly person: Person; readonly account: Account}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: RouteAccess
    about?: RouteDescription
  }
  interface FastifyRequest {
    caller: Caller | undefined
  }
}

const BODY_LIMIT = 1024 * 1024
/** GitHub waits for 10 s and Discord for 3 s; nobody honest needs longer to send 1 MB. */
const BODY_WITHIN_MS = 10_000

const STATUS: Readonly<Record<ErrorCode, number>> = {
  INVALID_INPUT: 400,
  NOT_PERMITTED: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  NOT_CONFIGURED: 503,
  UPSTREAM_REFUSED: 502,
  UPSTREAM_RATE_LIMITED: 503,
  UPSTREAM_UNAVAILABLE: 503,
  CONTENDED: 503,
  SCHEMA_MISMATCH: 500,
  UNSUPPORTED_PLATFORM: 500,
  START_FAILED: 500,
  EFFECT_UNCERTAIN: 500,
  INVARIANT_BROKEN: 500,
}

export interface ApiOptions {
  readonly apiToken: string
  readonly metricsToken: string | undefined
  /** Whose a token is, for routes that are for persons; without it those take the API token alone. */
  readonly people?: Pick<People, 'personOf'>
  readonly log: Logger
  readonly bodyWithinMs?: number
  /** Adds the routes; each declares `config: {access, about}`. */
  readonly routes: readonly ((app: FastifyInstance) => void)[]
}

/** The one HTTP server: bodies arrive raw (signatures are over bytes), errors leave as problem+json, access is declared. */
export async function createApi({
  apiToken,
  metricsToken,
  people,
  log,
  bodyWithinMs = BODY_WITHIN_MS,
  routes,
}: ApiOptions): Promise<FastifyInstance> {
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    requestTimeout: bodyWithinMs,
    // Node swaps the two limits when the one for headers is the longer, and looks only every 30 s unless told.
    http: {
      requestTimeout: bodyWithinMs,
      headersTimeout: bodyWithinMs,
      connectionsCheckingInterval: bodyWithinMs / 4,
    },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors(error, _request, reply) {
      problem(reply, error.statusCode ?? 400, 'BAD_REQUEST', error.message)
    },
    forceCloseConnections: 'idle',
    genReqId: () => randomUUID(),
    routerOptions: {maxParamLength: 200},
  })
  await app.register(helmet)

  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', {parseAs: 'buffer'}, (_request, body, done) => done(null, body))

  const described: DescribedRoute[] = []
  app.addHook('onRoute', ({method, url, config}) => {
    const {access, about} = config ?? {}
    if (access === undefined || about === undefined) {
      throw new AppError(
        'START_FAILED',
        `Route ${String(method)} ${url} does not declare its access (public, signature, link, token, person or metrics) and what it is about.`,
      )
    }
    // Fastify adds these by itself, one for each GET.
    if (method !== 'HEAD') described.push({...about, access, method: String(method), url})
  })
  app.addHook('onRequest', (request, _reply, done) => correlation.run(request.id, done))
  // Reading a body loses the thread: its events come from the socket.
  app.addHook('preHandler', (request, _reply, done) => correlation.run(request.id, done))
  app.addHook('onRequest', (request, reply, done) => {
    const refusal = refuse(request)
    if (refusal === 'NO_ROUTE') problem(reply, 404, 'NOT_FOUND', 'There is nothing here.')
    else if (refusal === 'NO_TOKEN')
      problem(reply, 401, 'UNAUTHENTICATED', 'Send the API token as a bearer token.')
    else done()
  })
  app.decorateRequest('caller', undefined)
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.access !== 'person') return
    request.caller = await recognize(request)
    if (!request.caller)
      return problem(
        reply,
        401,
        'UNAUTHENTICATED',
        'Send a token of your own, or the API token, as a bearer token.',
      )
  })

  async function recognize(request: FastifyRequest): Promise<Caller | undefined> {
    if (bears(request, apiToken)) return {kind: 'house'}
    const [, token] = /^Bearer (\S{1,500})$/.exec(request.headers.authorization ?? '') ?? []
    if (token === undefined) return undefined
    const account = {kind: 'api', id: createHash('sha256').update(token).digest('hex')} as const
    const person = await people?.personOf(account)
    return person && {kind: 'person', person, account}
  }

  function refuse(request: FastifyRequest): 'NO_ROUTE' | 'NO_TOKEN' | undefined {
    const {access} = request.routeOptions.config
    switch (access) {
      case 'public':
      case 'signature':
      case 'link':
      case 'person':
        return undefined
      case 'metrics':
        return metricsToken === undefined || bears(request, metricsToken) || bears(request, apiToken)
          ? undefined
          : 'NO_TOKEN'
      case 'token':
        return bears(request, apiToken) ? undefined : 'NO_TOKEN'
      default:
        return 'NO_ROUTE'
    }
  }

  app.setErrorHandler((thrown: FastifyError, request, reply) => {
    const error = toError(thrown)
    if (error instanceof AppError) {
      const status = STATUS[error.code]
      if (status >= 500) log.error({err: error, route: request.routeOptions.url}, 'request failed')
      return problem(
        reply,
        status,
        error.code,
        error.disposition === 'fatal' ? 'Something went wrong on our side.' : error.message,
      )
    }
    const status = thrown.statusCode ?? 500
    if (status < 500)
      return problem(
        reply,
        status,
        thrown.code ?? 'BAD_REQUEST',
        status === 413 ? 'The body is larger than 1 MB.' : error.message,
      )
    log.error({err: error, route: request.routeOptions.url}, 'request failed')
    return problem(reply, 500, 'INTERNAL', 'Something went wrong on our side.')
  })
  app.setNotFoundHandler((_request, reply) => problem(reply, 404, 'NOT_FOUND', 'There is nothing here.'))

  for (const add of routes) add(app)
  app.get(
    '/openapi.json',
    {
      config: {
        access: 'token',
        about: {
          summary: 'This description',
          answers: {200: {description: 'OpenAPI 3.1', content: z.looseObject({openapi: z.string()})}},
        },
      },
    },
    async () => describeApi(described, metricsToken !== undefined),
  )
  await app.ready()
  return app
}

/** RFC 9457. */
export function problem(reply: FastifyReply, status: number, code: string, detail: string): FastifyReply {
  return reply
    .status(status)
    .type('application/problem+json')
    .send(problemText(status, code, detail, reply.request.id))
}

function problemText(status: number, code: string, detail: string, correlationId: string): string {
  const body: z.output<typeof problemShape> = {
    type: 'about:blank',
    status,
    code,
    detail,
    correlation_id: correlationId,
  }
  return JSON.stringify(body)
}

/** What never became a request: not HTTP, headers without end, a body that does not come. */
function answerBrokenRequest(error: Error & {code?: string}, socket: Socket): void {
  const [status, code, detail] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ([408, 'TOO_SLOW', 'The request took too long to arrive.'] as const)
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? ([431, 'HEADERS_TOO_LARGE', 'The headers are too large.'] as const)
        : ([400, 'BAD_REQUEST', 'This is not an HTTP request.'] as const)
  const body = problemText(status, code, detail, randomUUID())
  if (socket.writable && error.code !== 'ECONNRESET')
    socket.write(
      [
        `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
        'Content-Type: application/problem+json',
        `Content-Length: ${Buffer.byteLength(body)}`,
        'Connection: close',
        '',
        body,
      ].join('\r\n'),
    )
  socket.destroy(error)
}

function bears(request: FastifyRequest, token: string): boolean {
  const given = Buffer.from(request.headers.authorization ?? '')
  const expected = Buffer.from(`Bearer ${token}`)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/** Who calls a route of access `person`. */
export function callerOf(request: FastifyRequest): Caller {
  if (!request.caller) throw new AppError('INVARIANT_BROKEN', 'This route is not one for persons.')
  return request.caller
}

/** A header's value; the first where it was sent more than once. */
export function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

/** The raw bytes of a request, and the JSON in them. Throws INVALID_INPUT when they are none. */
export function rawBody(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
}

export function jsonBody(request: FastifyRequest): unknown {
  try {
    return JSON.parse(rawBody(request).toString('utf8')) as unknown
  } catch (error) {
    throw new AppError('INVALID_INPUT', 'The body is not JSON.', {cause: error})
  }
}
