/**
 * The way of every REST request: recorded, spoiled if a fault is armed, identified, counted against its limit,
 * let in or not, handled, and answered with GitHub's headers. The operations themselves are in `routes/`.
 */
import {createHash, randomUUID} from 'node:crypto'
import {setTimeout as delay} from 'node:timers/promises'
import fastify, {type FastifyInstance, type FastifyReply, type FastifyRequest} from 'fastify'
import {canSee, isGranted, type Auth, type Caller} from './auth.ts'
import type {Changes} from './changes.ts'
import type {Faults, RouteFault} from './faults.ts'
import {rateHeaders, type RateLimits} from './rate-limits.ts'
import type {RecordedRequest, Recorder} from './recorder.ts'
import type {Repositories} from './repositories.ts'
import {Refusal, refuse, type Answer, type Call, type Route} from './route.ts'

interface ApiDeps {
  readonly routes: readonly Route[]
  readonly versions: readonly string[]
  readonly auth: Auth
  readonly faults: Faults
  readonly rateLimits: RateLimits
  readonly recorder: Recorder
  readonly repositories: Repositories
  readonly changes: Changes
  readonly now: () => number
}

const DOCS = 'https://docs.github.com/rest'
const BODY_LIMIT = 25 * 1024 * 1024
const DEFAULT_LIMIT_S = 60

export function createApi({
  routes,
  versions,
  auth,
  faults,
  rateLimits,
  recorder,
  repositories,
  changes,
  now,
}: ApiDeps): FastifyInstance {
  const server = fastify({
    forceCloseConnections: true,
    bodyLimit: BODY_LIMIT,
    routerOptions: {maxParamLength: 1000},
  })
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', {parseAs: 'string'}, (_request, body, done) => done(null, body))

  for (const route of routes) {
    server.route({
      method: route.method,
      url: route.path,
      handler: (request, reply) => serve(route, request, reply),
    })
  }
  server.setNotFoundHandler((request, reply) => {
    const record = note('unknown', request)
    return send(reply, record, {
      status: 404,
      body: {message: 'Not Found', documentation_url: DOCS, status: '404'},
    })
  })

  function note(route: string, request: FastifyRequest): RecordedRequest {
    const {authorization: _secret, ...headers} = request.headers
    const record: RecordedRequest = {
      method: request.method,
      route,
      path: request.url.split('?')[0] ?? '',
      query: flat(request.query),
      body: parseJson(request.body),
      headers: flat(headers),
      at: now(),
    }
    recorder.record(record)
    changes.emit({kind: 'request', request: record})
    return record
  }

  async function serve(route: Route, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const record = note(route.name, request)
    const fault = faults.takeForRoute(route.name, record.path)
    if (fault?.kind === 'latency') await delay(fault.ms ?? 1000, undefined, {ref: false})
    if (!fault || fault.kind === 'latency') return send(reply, record, answer(route, request, record))
    if (fault.takesEffect) answer(route, request, record)
    if (fault.kind === 'timeout') return reply.hijack()
    if (fault.kind === 'reset') {
      reply.hijack()
      reply.raw.socket?.resetAndDestroy()
      return reply
    }
    return send(reply, record, spoiled(fault, route, now()))
  }

  function answer(route: Route, request: FastifyRequest, record: RecordedRequest): Answer {
    let headers: Record<string, string> = permissionHeader(route)
    try {
      const apiVersion = String(request.headers['x-github-api-version'] ?? versions[0])
      headers['x-github-api-version-selected'] = apiVersion
      if (!request.headers['user-agent']) {
        refuse(
          403,
          'Request forbidden by administrative rules. Please make sure your request has a User-Agent header.',
        )
      }
      const caller = auth.authenticate(request.headers.authorization)
      record.login = caller.login
      const withinLimit = route.free === true || rateLimits.charge(caller)
      headers = {...headers, ...rateHeaders(rateLimits.window(caller))}
      if (!withinLimit) refuse(403, `API rate limit exceeded for ${caller.login || 'this address'}.`)
      if (!versions.includes(apiVersion)) refuse(400, `API version ${apiVersion} is not supported.`)
      const given = enter(route, {
        params: flat(request.params),
        query: flat(request.query),
        body: readBody(request.body),
        caller,
        apiVersion,
        url: `${request.protocol}://${request.host}${record.path}`,
      })
      return conditional(given, request, caller, headers)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return refusal(error, route, headers)
    }
  }

  function enter(route: Route, call: Call): Answer {
    if (route.for !== 'repository') {
      if (route.for !== 'anyone' && call.caller.kind === 'anonymous') refuse(401, 'Requires authentication')
      if (route.for === 'app' && call.caller.kind !== 'app')
        refuse(401, 'A JSON web token could not be decoded')
      const isStranger =
        route.for === 'user' ? call.caller.kind !== 'user' : call.caller.kind !== 'installation'
      if ((route.for === 'user' || route.for === 'installation') && isStranger)
        refuse(403, inaccessible(call.caller))
      return route.handle(call)
    }
    const {caller, params} = call
    const repository = repositories.find(`${params['owner'] ?? ''}/${params['repo'] ?? ''}`)
    if (!repository || !canSee(caller, repository)) return refuse(404, 'Not Found')
    const [permission, level] = route.permission
    if (caller.kind === 'anonymous' && level === 'write') refuse(401, 'Requires authentication')
    if (caller.kind === 'anonymous' && route.signedIn) refuse(403, 'Must have admin rights to Repository.')
    const granted = [permission, ...(route.or === undefined ? [] : [route.or])].some(name =>
      isGranted(caller, repository, name, level),
    )
    if (!granted) refuse(403, inaccessible(caller))
    return route.handle(call, repository)
  }

  /** A GET answer gets an ETag, and becomes a 304 (which costs nothing) when the client has it already. */
  function conditional(
    given: Answer,
    request: FastifyRequest,
    caller: Caller,
    headers: Record<string, string>,
  ): Answer {
    if (request.method !== 'GET' || given.status !== 200)
      return {...given, headers: {...headers, ...given.headers}}
    const etag = etagOf(`${caller.key}\n${JSON.stringify(given.body)}`)
    const cached = String(request.headers['if-none-match'] ?? '').split(/, */)
    const all = {
      ...headers,
      ...given.headers,
      etag: `W/${etag}`,
      'cache-control': 'private, max-age=60, s-maxage=60',
    }
    if (!cached.some(tag => tag.replace(/^W\//, '') === etag)) return {...given, headers: all}
    rateLimits.refund(caller)
    return {status: 304, headers: {...all, ...rateHeaders(rateLimits.window(caller))}}
  }

  function send(
    reply: FastifyReply,
    record: RecordedRequest,
    {status, headers = {}, body}: Answer,
  ): FastifyReply {
    record.status = status
    void reply.code(status).headers({
      server: 'github.com',
      'x-github-media-type': 'github.v3; format=json',
      'x-github-request-id': randomUUID(),
      ...headers,
    })
    changes.emit({kind: 'request', request: record})
    if (body === undefined) return reply.send()
    return reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(body))
  }

  return server
}

/** The answer of a fault that does answer. */
function spoiled(fault: RouteFault, route: Route, now: number): Answer {
  const wait = fault.retryAfterS ?? DEFAULT_LIMIT_S
  switch (fault.kind) {
    case 'primaryLimit': {
      const resetAt = now + wait * 1000
      return refusal(
        new Refusal(403, 'API rate limit exceeded for user ID 1.'),
        route,
        rateHeaders({limit: 5000, used: 5000, resetAt}),
      )
    }
    case 'secondaryLimit':
      return refusal(
        new Refusal(
          fault.status ?? 403,
          'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.',
        ),
        route,
        {'retry-after': String(wait)},
      )
    case 'notFound':
      return refusal(new Refusal(404, 'Not Found'), route, permissionHeader(route))
    case 'forbidden':
      return refusal(
        new Refusal(403, 'Resource not accessible by personal access token'),
        route,
        permissionHeader(route),
      )
    default:
      return {status: fault.status ?? 502, body: {message: 'Server Error'}}
  }
}

function refusal(
  {status, message, headers}: Refusal,
  route: Route,
  more: Readonly<Record<string, string>>,
): Answer {
  const docs = status === 401 ? DOCS : `${DOCS}/${route.docs}`
  return {
    status,
    headers: {...more, ...headers},
    body: {message, documentation_url: docs, status: String(status)},
  }
}

function inaccessible(caller: Caller): string {
  return `Resource not accessible by ${caller.kind === 'user' ? 'personal access token' : 'integration'}`
}

function permissionHeader(route: Route): Record<string, string> {
  if (route.for !== 'repository') return {}
  const {
    permission: [name, level],
    or,
  } = route
  const names = or === undefined ? [name] : [name, or]
  return {'x-accepted-github-permissions': names.map(one => `${one}=${level}`).join('; ')}
}

function readBody(raw: unknown): Record<string, unknown> {
  if (raw === undefined || raw === null || raw === '') return {}
  const body = parseJson(raw)
  if (body === undefined) refuse(400, 'Problems parsing JSON')
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    refuse(400, 'Body should be a JSON object')
  return body as Record<string, unknown>
}

function parseJson(raw: unknown): unknown {
  if (typeof raw !== 'string' || raw === '') return undefined
  try {
    return JSON.parse(raw)
  } catch {
    return undefined
  }
}

/** Repeated headers and query fields count once, the last wins. */
function flat(source: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(source as Record<string, unknown>).map(([key, value]) => [
      key,
      String(Array.isArray(value) ? value.at(-1) : value),
    ]),
  )
}

function etagOf(text: string): string {
  return `"${createHash('sha256').update(text).digest('hex')}"`
}
