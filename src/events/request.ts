import {randomUUID} from 'node:crypto'
import {z} from 'zod'
import {AppError} from '../kernel/errors.ts'
import {assertFits, jsonSchema} from './event.ts'
import {prioritySchema} from './priority.ts'

export const REQUEST_TYPES = [
  'review_code',
  'generate_code',
  'refactor_code',
  'deploy_service',
  'update_config',
  'health_check',
  'run_pipeline',
  'validate_build',
  'deploy_artifact',
  'generate_docs',
  'update_readme',
  'explain_code',
  'decompose_task',
  'route_request',
  'aggregate_results',
  'query_capability',
  'get_status',
  'execute_task',
  // The communicator's: a message to one agent, and its acknowledgement.
  'deliver_message',
] as const
export type RequestType = (typeof REQUEST_TYPES)[number]

export const RESPONSE_STATUSES = ['success', 'error', 'timeout', 'rejected', 'partial'] as const
export type ResponseStatus = (typeof RESPONSE_STATUSES)[number]

/** For `target_agent`: whoever is best at `metadata.capability`, or, without that, at the request's type. */
export const ANY_AGENT = 'any'

const agentId = z.string().min(1).max(64)
const jsonObject = z.record(z.string(), jsonSchema)

export const requestSchema = z.object({
  request_id: z.uuid().default(() => randomUUID()),
  source_agent: agentId,
  target_agent: agentId,
  request_type: z.enum(REQUEST_TYPES),
  payload: jsonObject.default({}),
  priority: prioritySchema,
  timeout_seconds: z.number().positive().max(3600).default(30),
  correlation_id: z.string().max(200).optional(),
  metadata: jsonObject.default({}),
  created_at: z.iso.datetime().default(() => new Date().toISOString()),
})
/** A question from one agent to another. Its deadline is `created_at` plus `timeout_seconds`, by the asker's clock. */
export type AgentRequest = z.output<typeof requestSchema>
export type AgentRequestInput = z.input<typeof requestSchema>

export const responseSchema = z.object({
  response_id: z.uuid(),
  request_id: z.uuid(),
  source_agent: z.string(),
  target_agent: z.string(),
  status: z.enum(RESPONSE_STATUSES),
  result: jsonSchema.optional(),
  /** For people, with the code in front. Programs read `code`. */
  error: z.string().optional(),
  code: z.string().optional(),
  /** Whether asking again may help; see `withRetries`. */
  retryable: z.boolean().optional(),
  metadata: z.looseObject({request_type: z.string(), correlation_id: z.string().optional()}),
  created_at: z.iso.datetime(),
  processing_time_ms: z.number().optional(),
})
export type AgentResponse = z.output<typeof responseSchema>

/** Fills in what may be left out. Throws INVALID_INPUT naming each fault. */
export function parseRequest(input: unknown): AgentRequest {
  const parsed = requestSchema.safeParse(input)
  if (!parsed.success)
    throw new AppError('INVALID_INPUT', `This is not a request: ${z.prettifyError(parsed.error)}`)
  assertFits(parsed.data, 'The request')
  return parsed.data
}

/** Milliseconds since the epoch. */
export function expiresAt(request: AgentRequest): number {
  return Date.parse(request.created_at) + request.timeout_seconds * 1000
}

/** Milliseconds until the deadline: none after it, and never more than the hour that a timeout may be. */
export function timeLeft(request: AgentRequest, now: number): number {
  return Math.min(Math.max(0, expiresAt(request) - now), 3_600_000)
}

export type ResponseBody = Pick<
  AgentResponse,
  'status' | 'result' | 'error' | 'code' | 'retryable' | 'processing_time_ms'
>

/** The answer to `request` in the name of `by`; the addressed agent unless somebody else answered. */
export function respondTo(
  request: AgentRequest,
  body: ResponseBody,
  now: number,
  by = request.target_agent,
): AgentResponse {
  return {
    response_id: randomUUID(),
    request_id: request.request_id,
    source_agent: by,
    target_agent: request.source_agent,
    ...body,
    metadata: {
      request_type: request.request_type,
      ...(request.correlation_id === undefined ? {} : {correlation_id: request.correlation_id}),
    },
    created_at: new Date(now).toISOString(),
  }
}
