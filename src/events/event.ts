import {randomUUID} from 'node:crypto'
import {z} from 'zod'
import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'

/** What happens among agents, as the protocol names it. Other types may be emitted; metrics count them as `other`. */
export const EVENT_TYPES = [
  'approval_required',
  'approval_approved',
  'approval_rejected',
  'approval_expired',
  'approval_escalated',
  'task_completed',
  'task_failed',
  'agent_error',
  'agent_request',
  'agent_response',
  'agent_broadcast',
  'agent_message',
  'task.delegated',
  'task.accepted',
  'task.rejected',
  'task.completed',
  'task.failed',
  'resource.locked',
  'resource.unlocked',
  'agent.registered',
  'agent.status_change',
  'workflow.checkpoint',
  'workflow.state_changed',
] as const

export type KnownEventType = (typeof EVENT_TYPES)[number]
export type EventType = KnownEventType | (string & {})

/**
 * Any JSON. Its inside is not looked at: what came over the transport was parsed from text, and what goes out is
 * written as text first.
 */
export const jsonSchema = z.unknown().refine((value): value is Json => value !== undefined, 'is missing')

const text = z.string()
/** The keys that readers of these types rely on; more may be there. */
const PAYLOADS: Readonly<Record<string, z.ZodType>> = {
  'task.delegated': z.looseObject({
    subtask_id: text,
    description: text,
    context: z.unknown(),
    target_agent: text,
  }),
  'task.accepted': z.looseObject({subtask_id: text}),
  'task.rejected': z.looseObject({subtask_id: text, reason: text}),
  'task.completed': z.looseObject({subtask_id: text}),
  'task.failed': z.looseObject({subtask_id: text, error: text}),
  'resource.locked': z.looseObject({resource_id: text, agent_id: text}),
  'resource.unlocked': z.looseObject({resource_id: text, agent_id: text}),
  'agent.status_change': z.looseObject({agent_id: text}),
}

/** One fact, in the past tense. `timestamp` is ISO 8601 in UTC, by the emitter's clock. */
export interface Event {
  readonly event_id: string
  readonly type: EventType
  readonly data: Json
  readonly timestamp: string
  /** The agent or part of the product that says it. */
  readonly source: string
  readonly correlation_id?: string | undefined
}

/** An event between processes and in the history. `target_agent` null: it is for everyone. */
export const interAgentEventSchema = z.object({
  event_id: z.uuid(),
  event_type: z.string(),
  source_agent: z.string(),
  target_agent: z.string().nullable().optional(),
  payload: jsonSchema,
  timestamp: z.iso.datetime(),
  correlation_id: z.string().optional(),
  priority: z.int().default(0),
})
export type InterAgentEvent = z.output<typeof interAgentEventSchema>

/** Dot-separated segments, so that a type can be a topic of the transport. */
const TYPE = /^[\w:%-]+(\.[\w:%-]+){0,14}$/
export const MAX_DATA_BYTES = 256 * 1024

export interface EventOptions {
  readonly source: string
  readonly correlationId?: string | undefined
}

/** Throws INVALID_INPUT for a malformed type, missing keys of a known type, or data over 256 KiB. */
export function newEvent(
  type: EventType,
  data: Json,
  {source, correlationId}: EventOptions,
  now: number,
): Event {
  if (type.length > 128 || !TYPE.test(type))
    throw new AppError('INVALID_INPUT', `"${type.slice(0, 128)}" can't be an event type.`)
  const verdict = PAYLOADS[type]?.safeParse(data)
  if (verdict?.success === false)
    throw new AppError('INVALID_INPUT', `The data of ${type} is wrong: ${z.prettifyError(verdict.error)}`)
  assertFits(data, `The data of ${type}`)
  return {
    event_id: randomUUID(),
    type,
    data,
    timestamp: new Date(now).toISOString(),
    source,
    ...(correlationId === undefined ? {} : {correlation_id: correlationId}),
  }
}

/** Throws INVALID_INPUT when `data` is too large for one message of the transport. */
export function assertFits(data: unknown, what: string): void {
  let serialized: string | undefined
  try {
    serialized = JSON.stringify(data)
  } catch {
    // A circle, or a bigint.
  }
  if (serialized === undefined) throw new AppError('INVALID_INPUT', `${what} is not JSON.`)
  if (serialized.length * 3 > MAX_DATA_BYTES && Buffer.byteLength(serialized) > MAX_DATA_BYTES)
    throw new AppError('INVALID_INPUT', `${what} is larger than ${MAX_DATA_BYTES / 1024} KiB.`)
}

export function toInterAgentEvent(event: Event): InterAgentEvent {
  return {
    event_id: event.event_id,
    event_type: event.type,
    source_agent: event.source,
    target_agent: null,
    payload: event.data,
    timestamp: event.timestamp,
    ...(event.correlation_id === undefined ? {} : {correlation_id: event.correlation_id}),
    priority: 0,
  }
}

export function fromInterAgentEvent(wire: InterAgentEvent): Event {
  return {
    event_id: wire.event_id,
    type: wire.event_type,
    data: wire.payload,
    timestamp: wire.timestamp,
    source: wire.source_agent,
    ...(wire.correlation_id === undefined ? {} : {correlation_id: wire.correlation_id}),
  }
}
