import {z} from 'zod'
import type {RouteAccess} from './server.ts'

/** What a route says about itself to `GET /openapi.json`. A route without it does not start. */
export interface RouteDescription {
  readonly summary: string
  /** Headers that must be sent, and why. */
  readonly headers?: Readonly<Record<string, string>>
  readonly query?: z.ZodObject
  /** What must be sent: its shape, or in words where it is the vendor's. */
  readonly body?: z.ZodType | string
  /** Each success by its status. What can go wrong is the same everywhere and added to all. */
  readonly answers: Readonly<Record<number, {readonly description: string; readonly content: Content}>>
}

/** JSON of a shape, or another media type. */
type Content = z.ZodType | `${string}/${string}`

export interface DescribedRoute extends RouteDescription {
  readonly method: string
  readonly url: string
  readonly access: RouteAccess
}

/** RFC 9457, as every error of this API leaves. */
export const problemShape = z.object({
  type: z.literal('about:blank'),
  status: z.int(),
  code: z.string().describe('what went wrong, for programs'),
  detail: z.string().describe('what went wrong, for people'),
  correlation_id: z.string().describe('what our logs know this request by'),
})

const PROBLEM = {
  description: 'It did not work.',
  content: {'application/problem+json': {schema: {$ref: '#/components/schemas/Problem'}}},
}

/** `:id`, as routes write it. */
const PARAMETER = /:(\w+)/g

/** An OpenAPI 3.1 document of the routes that exist. */
export function describeApi(routes: readonly DescribedRoute[], metricsClosed: boolean): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes)
    (paths[route.url.replace(PARAMETER, '{$1}')] ??= {})[route.method.toLowerCase()] = operation(route)
  return {
    openapi: '3.1.1',
    info: {title: 'Signalbox', version: '1', license: {name: 'MIT', identifier: 'MIT'}},
    servers: [{url: '/'}],
    paths,
    components: {
      schemas: {Problem: jsonSchema(problemShape, 'output')},
      securitySchemes: {
        token: {type: 'http', scheme: 'bearer', description: 'API_TOKEN'},
        person: {type: 'http', scheme: 'bearer', description: 'a person’s own token, from /link account:api'},
      },
    },
  }

  function operation({
    method,
    url,
    access,
    summary,
    headers = {},
    query,
    body,
    answers,
  }: DescribedRoute): object {
    const needsToken = access === 'token' || access === 'person' || (access === 'metrics' && metricsClosed)
    return {
      operationId: `${method} ${url}`.toLowerCase().replace(/[^a-z]+/g, '_'),
      summary,
      security: [...(access === 'person' ? [{person: []}] : []), ...(needsToken ? [{token: []}] : [])],
      parameters: [
        ...[...url.matchAll(PARAMETER)].map(([, name = '']) =>
          parameter('path', name, true, {type: 'string'}),
        ),
        ...Object.entries(headers).map(([name, description]) =>
          parameter('header', name, true, {type: 'string', description}),
        ),
        ...fields(query),
      ],
      ...(body === undefined ? {} : {requestBody: requestBody(body)}),
      responses: {
        ...Object.fromEntries(
          Object.entries(answers).map(([status, {description, content}]) => [
            status,
            {
              description,
              content:
                typeof content === 'string'
                  ? {[content]: {schema: {type: 'string'}}}
                  : {'application/json': {schema: jsonSchema(content, 'output')}},
            },
          ]),
        ),
        default: PROBLEM,
      },
    }
  }
}

function parameter(
  place: 'path' | 'header' | 'query',
  name: string,
  required: boolean,
  schema: object,
): object {
  return {in: place, name, required, schema}
}

function fields(query: z.ZodObject | undefined): object[] {
  if (!query) return []
  const {properties = {}, required = []} = z.toJSONSchema(query, {io: 'input', unrepresentable: 'any'})
  return Object.entries(properties).map(([name, schema]) =>
    parameter('query', name, required.includes(name), schema as object),
  )
}

function requestBody(body: z.ZodType | string): object {
  return typeof body === 'string'
    ? {required: true, description: body, content: {'application/json': {schema: {type: 'object'}}}}
    : {required: true, content: {'application/json': {schema: jsonSchema(body, 'input')}}}
}

/** What JSON Schema can't say is left open rather than said wrongly. */
function jsonSchema(shape: z.ZodType, io: 'input' | 'output'): object {
  const {$schema: _, ...schema} = z.toJSONSchema(shape, {io, unrepresentable: 'any'})
  return schema
}
