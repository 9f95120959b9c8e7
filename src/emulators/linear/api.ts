/**
 * The way of every request: read, recorded, spoiled if a fault is armed, let in or not, validated against the schema,
 * counted against the limits, carried out. What the operations do is in `resolvers`.
 */
import {setTimeout as delay} from 'node:timers/promises'
import fastify, {type FastifyInstance, type FastifyReply, type FastifyRequest} from 'fastify'
import {execute, GraphQLError, Kind, parse, validate, type DocumentNode} from 'graphql'
import type {Auth, Caller} from './auth.ts'
import type {Changes} from './changes.ts'
import {complexityOf, MOST_POINTS} from './complexity.ts'
import type {Faults, RequestFault} from './faults.ts'
import type {RateLimits} from './rate-limits.ts'
import type {RecordedRequest, Recorder} from './recorder.ts'
import {refusal} from './refusal.ts'
import {schema} from './schema.ts'

interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

interface Operation {
  readonly document: DocumentNode
  /** What the schema does not know of it. */
  readonly faults: readonly GraphQLError[]
  readonly fields: readonly string[]
  readonly variables: Readonly<Record<string, unknown>>
}

const DEFAULT_RESET_S = 60

export function createApi({
  auth,
  faults,
  recorder,
  rateLimits,
  changes,
  rootFor,
  now,
}: {
  readonly auth: Auth
  readonly faults: Faults
  readonly recorder: Recorder
  readonly rateLimits: RateLimits
  readonly changes: Changes
  readonly rootFor: (caller: Caller) => object
  readonly now: () => number
}): FastifyInstance {
  const server = fastify({forceCloseConnections: true, bodyLimit: 5 * 1024 * 1024})
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', {parseAs: 'string'}, (_request, body, done) => done(null, body))

  server.post('/oauth/token', (request, reply) => {
    const record = note(['token'], {})
    return suffer(['token'], reply, record, () => {
      const minted = auth.mint(new URLSearchParams(String(request.body)))
      return minted
        ? {
            status: 200,
            body: {
              access_token: minted.token,
              token_type: 'Bearer',
              expires_in: minted.expiresIn,
              scope: minted.scope,
              ...(minted.refreshToken !== undefined && {refresh_token: minted.refreshToken}),
            },
          }
        : {status: 400, body: {error: 'invalid_client', error_description: 'Invalid client credentials'}}
    })
  })

  // Whoever opens this page is an admin who agrees.
  server.get('/oauth/authorize', (request, reply) => {
    const query = new URL(request.url, 'http://localhost').searchParams
    const code = auth.authorize(query)
    if (code === undefined) return reply.status(400).send('Invalid authorization request')
    const back = new URL(query.get('redirect_uri') ?? '')
    back.searchParams.set('code', code)
    back.searchParams.set('state', query.get('state') ?? '')
    return reply.redirect(back.href)
  })

  server.post('/graphql', (request, reply) => {
    const operation = read(request)
    if (operation instanceof GraphQLError) return send(reply, note([], {}), failure(operation))
    const record = note(operation.fields, operation.variables)
    return suffer(operation.fields, reply, record, () =>
      answer(operation, request.headers.authorization, record),
    )
  })

  function note(
    operations: readonly string[],
    variables: Readonly<Record<string, unknown>>,
  ): RecordedRequest {
    const record: RecordedRequest = {operations, variables, at: now()}
    recorder.record(record)
    changes.emit({kind: 'request', request: record})
    return record
  }

  /** Answers, through whatever fault is armed for the operation. */
  async function suffer(
    operations: readonly string[],
    reply: FastifyReply,
    record: RecordedRequest,
    carryOut: () => Answer | Promise<Answer>,
  ): Promise<FastifyReply> {
    const fault = faults.takeForRequest(operations)
    if (fault?.kind === 'latency') await delay(fault.ms ?? 1000, undefined, {ref: false})
    if (!fault || fault.kind === 'latency') return send(reply, record, await carryOut())
    if (fault.takesEffect) await carryOut()
    if (fault.kind === 'reset') {
      reply.hijack()
      reply.raw.socket?.resetAndDestroy()
      return reply
    }
    return send(reply, record, spoiled(fault, now()))
  }

  async function answer(
    {document, faults: unknown, variables}: Operation,
    authorization: string | undefined,
    record: RecordedRequest,
  ): Promise<Answer> {
    const caller = auth.authenticate(authorization)
    if (!caller) return failure(unauthenticated(authorization))
    record.user = caller.user.id
    if (unknown.length > 0)
      return {
        status: 400,
        body: {
          errors: unknown.map(({message}) =>
            refusal(message, {type: 'graphql error', code: 'GRAPHQL_VALIDATION_FAILED'}),
          ),
        },
      }
    const points = complexityOf(document, variables)
    if (points > MOST_POINTS)
      return failure(
        refusal(`Query too complex: ${points}`, {
          type: 'invalid input',
          code: 'INPUT_ERROR',
          tell: `Query complexity ${points} is above the maximum of ${MOST_POINTS}.`,
        }),
      )
    const within = rateLimits.charge(caller, points)
    const headers = {...rateLimits.headers(caller), 'x-complexity': String(points)}
    if (!within) return {...rateLimited(true), headers}
    const {data, errors} = await execute({
      schema,
      document,
      rootValue: rootFor(caller),
      variableValues: variables,
    })
    return {status: 200, headers, body: {data, ...(errors && {errors: errors.map(error => told(error))})}}
  }

  function send(
    reply: FastifyReply,
    record: RecordedRequest,
    {status, headers = {}, body}: Answer,
  ): FastifyReply {
    record.status = status
    changes.emit({kind: 'request', request: record})
    return reply
      .code(status)
      .headers({'content-type': 'application/json; charset=utf-8', ...headers})
      .send(JSON.stringify(body))
  }

  return server
}

function read(request: FastifyRequest): Operation | GraphQLError {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
    return unreadable('The content type must be application/json.')
  try {
    const {query, variables} = JSON.parse(String(request.body)) as {query?: unknown; variables?: unknown}
    const document = documentOf(String(query))
    if (document instanceof GraphQLError) return document
    return {...document, variables: (variables ?? {}) as Readonly<Record<string, unknown>>}
  } catch (error) {
    return unreadable(error instanceof Error ? error.message : String(error))
  }
}

const DOCUMENTS_KEPT = 200
const documents = new Map<string, Omit<Operation, 'variables'>>()

/** Clients send the same few documents again and again: each is judged once. */
function documentOf(query: string): Omit<Operation, 'variables'> | GraphQLError {
  const known = documents.get(query)
  if (known) return known
  const document = parse(query)
  const operations = document.definitions.filter(each => each.kind === Kind.OPERATION_DEFINITION)
  if (operations.length !== 1) return unreadable('One operation is needed.')
  const fields = (operations[0]?.selectionSet.selections ?? []).flatMap(each =>
    each.kind === Kind.FIELD ? [each.name.value] : [],
  )
  const judged = {document, faults: validate(schema, document), fields}
  documents.set(query, judged)
  if (documents.size > DOCUMENTS_KEPT) documents.delete(documents.keys().next().value ?? query)
  return judged
}

function unreadable(message: string): GraphQLError {
  return refusal(message, {type: 'graphql error', code: 'GRAPHQL_PARSE_FAILED'})
}

/** A fault of the operation as Linear tells it; one of the emulator's own shows what it is. */
function told(error: GraphQLError): object {
  const {message, path, extensions} = error
  if (extensions['code'] !== undefined) return {message, path, extensions}
  const code = error.originalError ? 'INTERNAL_SERVER_ERROR' : 'GRAPHQL_VALIDATION_FAILED'
  const type = error.originalError ? 'internal error' : 'graphql error'
  return {message, path, extensions: {type, code, statusCode: error.originalError ? 500 : 400}}
}

function failure(error: GraphQLError): Answer {
  return {status: Number(error.extensions['statusCode']), body: {errors: [told(error)]}}
}

function unauthenticated(authorization: string | undefined): GraphQLError {
  const tell = /^Bearer lin_api_/.test(authorization ?? '')
    ? 'It looks like you’re trying to use an API key as a Bearer token. Remove the Bearer prefix from the Authorization header.'
    : 'You need to authenticate to access this operation.'
  return refusal('Authentication required, not authenticated', {
    type: 'authentication error',
    code: 'AUTHENTICATION_ERROR',
    statusCode: 401,
    tell,
  })
}

/** HTTP 400, and a code; the type is not always there. docs: rate-limiting. */
function rateLimited(typed: boolean): Answer {
  return failure(
    refusal('Rate limit exceeded', {
      ...(typed && {type: 'ratelimited'}),
      code: 'RATELIMITED',
      tell: 'Rate limit exceeded. Please try again later.',
    }),
  )
}

function spoiled(fault: RequestFault, now: number): Answer {
  switch (fault.kind) {
    case 'rateLimited':
      return {
        ...rateLimited(fault.typed ?? false),
        headers: {
          'x-ratelimit-requests-limit': '2500',
          'x-ratelimit-requests-remaining': '0',
          'x-ratelimit-requests-reset': String(now + (fault.resetAfterS ?? DEFAULT_RESET_S) * 1000),
        },
      }
    case 'unauthenticated':
      return failure(unauthenticated(undefined))
    default:
      // What stands before Linear answers, not Linear: no JSON.
      return {status: fault.status ?? 502, headers: {'content-type': 'text/html'}, body: 'Bad Gateway'}
  }
}
