import {randomUUID} from 'node:crypto'
import {z} from 'zod'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import type {Bus} from './bus.ts'
import {jsonSchema, type Event} from './event.ts'
import type {HistoryQuery} from './journal-store.ts'
import type {EventJournal} from './journal.ts'
import {createMailbox, type Mailbox} from './mailbox.ts'
import {PRIORITIES, prioritySchema, type Priority} from './priority.ts'
import type {AgentResponse} from './request.ts'
import type {Requests} from './requests.ts'
import type {ContextData, ContextUpdate, SharedContexts} from './shared-context.ts'

export const MESSAGE_TYPES = [
  'context_share',
  'result_handoff',
  'request',
  'response',
  'notification',
  'error',
  'state_update',
] as const
export type MessageType = (typeof MESSAGE_TYPES)[number]

const messageSchema = z.object({
  message_id: z.uuid(),
  from: z.string(),
  /** null: everyone. */
  to: z.string().nullable(),
  type: z.enum(MESSAGE_TYPES),
  priority: prioritySchema,
  payload: jsonSchema,
  timestamp: z.iso.datetime(),
  requires_response: z.boolean(),
  correlation_id: z.string().optional(),
  workflow_id: z.string().optional(),
})
export type AgentMessage = z.output<typeof messageSchema>

const broadcastSchema = z.object({
  broadcast_id: z.uuid(),
  source_agent: z.string(),
  target_agents: z.array(z.string()).default(['all']),
  event_type: z.string(),
  payload: jsonSchema,
  priority: prioritySchema,
  metadata: z.record(z.string(), jsonSchema).default({}),
  created_at: z.iso.datetime(),
})
export type AgentBroadcast = z.output<typeof broadcastSchema>

/**
 * What it answers goes back to who asked, for messages of type `request`. `signal` aborts when nobody waits any more,
 * after 30 s at the latest; then the next message has its turn.
 */
export type MessageHandler = (
  message: AgentMessage,
  context: {readonly signal: AbortSignal},
) => Promise<Json | undefined | void>

export interface MessageOptions {
  readonly from: string
  readonly type: MessageType
  readonly payload: Json
  readonly priority?: Priority
  readonly correlationId?: string
  readonly workflowId?: string
}

/** Agents talking to each other: a thin layer over the bus, its requests, its history, and the shared contexts. */
export interface Communicator {
  /** Messages for this agent in this process, urgent first; several at a time only if `concurrency` says so. */
  join(
    agentId: string,
    handlers: Partial<Readonly<Record<MessageType, MessageHandler>>>,
    options?: {readonly concurrency?: number},
  ): {readonly ready: Promise<void>; close(): Promise<void>}
  /** Resolves with true once the agent has handled it; false when it could not be reached or failed in 30 s. */
  send(to: string, message: MessageOptions): Promise<boolean>
  /** To every agent but the sender, wherever it runs; or to those named. */
  broadcast(message: MessageOptions & {readonly to?: readonly string[]}): Promise<void>
  /** What the agent answered, or null when nothing came within `timeoutMs` (30 s). */
  ask(to: string, message: Omit<MessageOptions, 'type'>, timeoutMs?: number): Promise<Json>
  /** Puts `<role>_result` into the workflow's context, then tells the receiver with high priority. */
  handoff(
    workflowId: string,
    handoff: {readonly from: string; readonly role: string; readonly to: string; readonly result: Json},
  ): Promise<{readonly context: ContextUpdate; readonly delivered: boolean}>
  /** Updates the shared context, and tells everyone which keys changed. */
  updateContext(
    workflowId: string,
    change: {readonly by: string; readonly data: ContextData; readonly mode?: 'merge' | 'replace'},
  ): Promise<ContextUpdate>
  readonly contexts: Omit<SharedContexts, 'update'>
  /** The latest messages, 100 unless said otherwise, oldest first. */
  history(
    query: Pick<HistoryQuery, 'workflowId' | 'agent' | 'messageType' | 'limit'>,
  ): Promise<readonly AgentMessage[]>
  /** Messages that wait for their turn in this process. */
  queueSizes(): Readonly<Record<string, number>>
}

const ANSWER_WITHIN_MS = 30_000

export function createCommunicator({
  bus,
  requests,
  journal,
  contexts,
  clock,
}: {
  readonly bus: Pick<Bus, 'emit' | 'subscribe'>
  readonly requests: Pick<Requests, 'request' | 'serve'>
  readonly journal: Pick<EventJournal, 'remember' | 'history'>
  readonly contexts: SharedContexts
  readonly clock: Clock
}): Communicator {
  const members = new Map<
    string,
    {mailbox: Mailbox; handlers: Partial<Record<MessageType, MessageHandler>>}
  >()
  // One subscription for all members, while there are any.
  let hearing: ReturnType<Bus['subscribe']> | undefined

  function compose(to: string | null, options: MessageOptions, requiresResponse: boolean): AgentMessage {
    const {from, type, payload, priority = 'normal', correlationId, workflowId} = options
    return {
      message_id: randomUUID(),
      from,
      to,
      type,
      priority,
      payload,
      timestamp: new Date(clock()).toISOString(),
      requires_response: requiresResponse,
      ...(correlationId === undefined ? {} : {correlation_id: correlationId}),
      ...(workflowId === undefined ? {} : {workflow_id: workflowId}),
    }
  }

  function remember(message: AgentMessage): void {
    const correlationId = message.correlation_id ?? message.workflow_id
    journal.remember({
      event_id: message.message_id,
      event_type: 'agent_message',
      source_agent: message.from,
      target_agent: message.to,
      payload: message,
      timestamp: message.timestamp,
      priority: PRIORITIES.length - 1 - PRIORITIES.indexOf(message.priority),
      ...(correlationId === undefined ? {} : {correlation_id: correlationId}),
    })
  }

  async function take(
    agentId: string,
    message: AgentMessage,
    signal: AbortSignal,
  ): Promise<Json | undefined> {
    const member = members.get(agentId)
    const handler = member?.handlers[message.type]
    if (!member || !handler) return undefined
    return (await member.mailbox.run(message.priority, () => handler(message, {signal}), signal)) ?? undefined
  }

  async function hear(event: Event): Promise<void> {
    const broadcast = broadcastSchema.parse(event.data)
    const message = messageSchema.parse(broadcast.payload)
    const {target_agents: targets} = broadcast
    const receivers = [...members.keys()].filter(
      id => id !== message.from && (targets.includes('all') || targets.includes(id)),
    )
    const handled = await Promise.allSettled(
      receivers.map(id => take(id, message, AbortSignal.timeout(ANSWER_WITHIN_MS))),
    )
    const failed = handled.find(each => each.status === 'rejected')
    if (failed) throw failed.reason
  }

  function put(message: AgentMessage, to: string, timeoutMs: number): Promise<AgentResponse> {
    remember(message)
    return requests.request(
      {
        source_agent: message.from,
        target_agent: to,
        request_type: 'deliver_message',
        payload: {message},
        priority: message.priority,
        ...(message.correlation_id === undefined ? {} : {correlation_id: message.correlation_id}),
      },
      {timeoutMs},
    )
  }

  const communicator: Communicator = {
    join(agentId, handlers, {concurrency = 1} = {}) {
      if (members.has(agentId)) throw new AppError('INVARIANT_BROKEN', `${agentId} has joined already.`)
      members.set(agentId, {mailbox: createMailbox({concurrency}), handlers})
      hearing ??= bus.subscribe('agent_broadcast', 'communicator', hear)
      // The mailbox orders and limits; in front of it nothing must wait.
      const service = requests.serve(
        agentId,
        async (request, {signal}) => take(agentId, messageSchema.parse(request.payload['message']), signal),
        {types: ['deliver_message'], concurrency: Infinity},
      )
      const heard = hearing
      return {
        ready: Promise.all([service.ready, heard.ready]).then(() => undefined),
        async close() {
          members.delete(agentId)
          await service.close()
          if (members.size > 0) return
          hearing = undefined
          await heard.close()
        },
      }
    },

    async send(to, options) {
      const response = await put(compose(to, options, false), to, ANSWER_WITHIN_MS)
      return response.status === 'success'
    },

    async broadcast({to = ['all'], ...options}) {
      const message = compose(null, options, false)
      remember(message)
      const broadcast: AgentBroadcast = {
        broadcast_id: message.message_id,
        source_agent: message.from,
        target_agents: [...to],
        event_type: message.type,
        payload: message,
        priority: message.priority,
        metadata: {},
        created_at: message.timestamp,
      }
      await bus.emit('agent_broadcast', broadcast, {
        source: message.from,
        correlationId: options.correlationId ?? options.workflowId,
      })
    },

    async ask(to, options, timeoutMs = ANSWER_WITHIN_MS) {
      const question = compose(to, {...options, type: 'request'}, true)
      const {status, result, error} = await put(question, to, timeoutMs)
      if (status === 'timeout') return null
      if (status !== 'success')
        throw new AppError('UPSTREAM_REFUSED', `${to} did not answer: ${error ?? status}`)
      remember(
        compose(question.from, {...options, from: to, type: 'response', payload: result ?? null}, false),
      )
      return result ?? null
    },

    async handoff(workflowId, {from, role, to, result}) {
      const context = await communicator.updateContext(workflowId, {
        by: from,
        data: {[`${role}_result`]: result},
      })
      if (context.kind === 'locked') return {context, delivered: false}
      const payload = {role, result, version: context.version}
      const delivered = await communicator.send(to, {
        from,
        type: 'result_handoff',
        payload,
        priority: 'high',
        workflowId,
        correlationId: workflowId,
      })
      return {context, delivered}
    },

    async updateContext(workflowId, change) {
      const updated = await contexts.update(workflowId, change)
      if (updated.kind === 'updated')
        await communicator.broadcast({
          from: change.by,
          type: 'state_update',
          payload: {changed: [...updated.changed], version: updated.version, updated_by: change.by},
          workflowId,
        })
      return updated
    },

    contexts,

    async history(query) {
      const events = await journal.history({...query, type: 'agent_message'})
      return events.map(event => messageSchema.parse(event.payload))
    },

    queueSizes: () => Object.fromEntries([...members].map(([id, {mailbox}]) => [id, mailbox.waiting()])),
  }
  return communicator
}
