import type {IncomingMessage, ServerResponse} from 'node:http'
import {setTimeout as after} from 'node:timers/promises'
import {ApiError, refusals} from './api-error.ts'
import type {Faults, RouteFault} from './faults.ts'
import type {Upload} from './messages.ts'
import {limitedHeaders, type createRateLimits} from './rate-limits.ts'
import type {Answer, Route, RouteName} from './route.ts'
import type {World} from './world.ts'

const MAX_BODY_BYTES = 25 * 1024 * 1024
const KEEP_REQUESTS = 20_000

/** A request that reached the REST API, whatever became of it. */
export interface RecordedRequest {
  readonly at: number
  readonly name: RouteName | 'unknown'
  readonly method: string
  /** The path with ids and tokens replaced by their names: `/channels/:channel/messages`. */
  readonly route: string
  readonly path: string
  readonly body: unknown
  /** What was answered, or meant to be when the fault `dropAfter` lost the answer; 0 when it never took effect. */
  readonly status: number
  readonly fault?: RouteFault['kind']
}

interface RestOptions {
  readonly world: World
  readonly routes: readonly Route[]
  readonly faults: Faults
  readonly rateLimits: ReturnType<typeof createRateLimits>
}

interface Reply extends Answer {
  readonly headers?: Readonly<Record<string, string>>
}

/** The REST API over plain node:http: finds the route, checks credentials and limits, suffers the faults. */
export function createRest({world, routes, faults, rateLimits}: RestOptions) {
  const requests: RecordedRequest[] = []
  const compiled = routes.map(route => ({route, parts: route.pattern.split('/').slice(1)}))

  function record(request: RecordedRequest): void {
    requests.push(request)
    if (requests.length > KEEP_REQUESTS) requests.shift()
    world.changes.emit({kind: 'request', request})
  }

  /** The route of a path, or 404; 405 when only the method is wrong. Words of a pattern win over its parameters. */
  function find(method: string, path: string): {route: Route; params: Record<string, string>} {
    const parts = path.split('/').slice(1)
    let pathKnown = false
    for (const {route, parts: pattern} of compiled) {
      const params = match(pattern, parts)
      if (!params) continue
      if (route.method === method) return {route, params}
      pathKnown = true
    }
    throw pathKnown ? refusals.methodNotAllowed() : refusals.notFound()
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://discord.invalid')
    const method = request.method ?? 'GET'
    const path = url.pathname.split('/').map(decode).join('/')
    const seen = {at: world.now(), method, path}
    let found: ReturnType<typeof find> | undefined
    let body: unknown
    let fault: RouteFault | undefined
    let reply: Reply
    try {
      const resource = versioned(path)
      const raw = await readBody(request)
      found = find(method, resource)
      fault = faults.take(found.route.name)
      if (fault?.kind === 'latency') await after(fault.ms ?? 1_000)
      if (fault?.kind === 'dropBefore') {
        record({...seen, ...named(found.route), body: undefined, status: 0, fault: fault.kind})
        request.socket.destroy()
        return
      }
      const parsed = await parseBody(request, raw)
      body = parsed.body
      reply = faulty(fault) ?? answer(request, found, {...parsed, query: url.searchParams})
    } catch (error) {
      reply = refusal(error)
    }
    record({
      ...seen,
      ...(found ? named(found.route) : {name: 'unknown' as const, route: path}),
      body,
      status: reply.status,
      ...(fault && {fault: fault.kind}),
    })
    if (fault?.kind === 'dropAfter') {
      request.socket.destroy()
      return
    }
    if (fault?.kind === 'slowAnswer') await after(fault.ms ?? 1_000)
    send(response, reply)
  }

  function answer(
    request: IncomingMessage,
    {route, params}: {route: Route; params: Record<string, string>},
    input: {body: unknown; uploads: readonly Upload[]; query: URLSearchParams},
  ): Reply {
    if (route.authorized && request.headers.authorization !== `Bot ${world.botToken}`)
      throw refusals.unauthorized()
    const major = params['channel'] ?? params['guild'] ?? params['token'] ?? ''
    const {headers, refused} = rateLimits.judge(route.name, major, route)
    if (refused) return limited(refused.retryAfterMs, refused.global, headers)
    try {
      return {...route.handle({params, ...input}), headers}
    } catch (error) {
      return {...refusal(error), headers}
    }
  }

  return {handle, requests: requests as readonly RecordedRequest[]}
}

function named({name, pattern}: Route) {
  return {name, route: pattern}
}

function match(pattern: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, expected] of pattern.entries()) {
    const part = parts[index] ?? ''
    if (expected.startsWith(':')) params[expected.slice(1)] = part
    else if (expected !== part) return undefined
  }
  return params
}

/** `%40original` arrives encoded; a broken escape stays as it is and finds no route. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The path below `/api/v10`. */
function versioned(path: string): string {
  const [, version, rest] = /^\/api\/v(\d+)(\/.*)$/.exec(path) ?? []
  if (version === undefined || rest === undefined) throw refusals.notFound()
  if (version !== '10') throw refusals.invalidApiVersion()
  return rest
}

function faulty(fault: RouteFault | undefined): Reply | undefined {
  if (fault?.kind === 'rateLimited') return limited(fault.retryAfterMs ?? 300, fault.global ?? false, {})
  if (fault?.kind === 'serverError')
    return {status: fault.status ?? 502, body: {message: 'The server had a bad moment', code: 0}}
  return undefined
}

function limited(retryAfterMs: number, global: boolean, headers: Readonly<Record<string, string>>): Reply {
  return {
    status: 429,
    body: {message: 'You are being rate limited.', retry_after: retryAfterMs / 1000, global},
    headers: {...headers, ...limitedHeaders(retryAfterMs, global)},
  }
}

function refusal(error: unknown): Reply {
  if (error instanceof ApiError) return {status: error.status, body: error.body}
  // A defect of the emulator itself: said loudly, so that no test takes it for Discord's behaviour.
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return {status: 500, body: {message: `The Discord emulator broke: ${reason}`, code: 0}}
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) throw refusals.requestTooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** JSON, or multipart with the JSON in `payload_json` and files in `files[n]`. */
async function parseBody(
  request: IncomingMessage,
  raw: Buffer,
): Promise<{body: unknown; uploads: readonly Upload[]}> {
  if (raw.length === 0) return {body: undefined, uploads: []}
  const type = request.headers['content-type'] ?? ''
  if (!type.startsWith('multipart/form-data')) {
    if (!type.startsWith('application/json')) throw refusals.invalidJson()
    return {body: parseJson(raw.toString('utf8')), uploads: []}
  }
  const form = await new Response(new Uint8Array(raw), {headers: {'content-type': type}})
    .formData()
    .catch(() => {
      throw refusals.invalidJson()
    })
  const uploads: Upload[] = []
  let body: unknown
  for (const [name, value] of form) {
    if (name === 'payload_json' && typeof value === 'string') body = parseJson(value)
    const index = /^files\[(\d+)\]$/.exec(name)?.[1]
    if (index !== undefined && typeof value !== 'string')
      uploads.push({
        index,
        filename: value.name,
        contentType: value.type,
        bytes: Buffer.from(await value.arrayBuffer()),
      })
  }
  return {body, uploads}
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw refusals.invalidJson()
  }
}

function send(response: ServerResponse, {status, body, headers}: Reply): void {
  const payload = body === undefined ? undefined : JSON.stringify(body)
  response.writeHead(status, {
    ...(payload !== undefined && {'content-type': 'application/json'}),
    ...headers,
  })
  response.end(payload)
}
