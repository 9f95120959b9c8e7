import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import type pg from 'pg'
import type {Registry} from 'prom-client'
import {systemClock, type Clock} from '../kernel/clock.ts'
import type {Logger} from '../platform/logger.ts'
import {createBus, type Bus} from './bus.ts'
import {createCommunicator, type Communicator} from './communicator.ts'
import {createTransportDirectory, type Directory} from './directory.ts'
import {createFrames} from './frames.ts'
import {createJournal, type EventJournal} from './journal.ts'
import {createEventMetrics} from './metrics.ts'
import type {RelayWhere} from './relay-backend.ts'
import {createRelayTransport} from './relay-transport.ts'
import {createRequests, type Requests} from './requests.ts'
import {createSharedContexts} from './shared-context.ts'
import type {Transport} from './transport.ts'

export type {Bus, BusStats, Subscriber, Subscription} from './bus.ts'
export type {AgentMessage, Communicator, MessageHandler, MessageType} from './communicator.ts'
export type {Candidate, Directory, Resolution} from './directory.ts'
export {interAgentEventSchema, type Event, type EventType, type InterAgentEvent} from './event.ts'
export type {EventJournal} from './journal.ts'
export type {RelayWhere} from './relay-backend.ts'
export {REQUEST_TYPES, responseSchema, type AgentRequest, type AgentResponse} from './request.ts'
export type {Requests, RequestStats} from './requests.ts'
export {Answer, type RequestHandler, type ServeOptions} from './responder.ts'
export {requestWithRetries, type RetryOptions} from './retry.ts'

const GRACE_MS = 10_000

export interface EventsOptions {
  readonly where: RelayWhere
  readonly registry: Registry
  readonly log: Logger
  readonly clock?: Clock
  /** Who answers for whom; without it, whoever serves an agent on this transport. */
  readonly directory?: Directory
  /** This process among the others: letters, digits, `_` and `-`, at most 64. Must be new at every start. */
  readonly instanceId?: string
  readonly namespace?: string
  /** In place of the Relay, for tests. */
  readonly transport?: Transport
}

export interface Events {
  /** Where other processes reach this one; the registry keeps it beside each agent that is served here. */
  readonly instanceId: string
  readonly bus: Bus
  readonly requests: Requests
  /** Ends what is under way, for `graceMs` (10 s) at most, then leaves the transport. */
  close(graceMs?: number): Promise<void>
}

export interface EventsWithJournal extends Events {
  readonly journal: EventJournal
  readonly communicator: Communicator
}

/**
 * The bus of one process. It starts whether or not the transport is there, and never waits for it. With a pool it
 * also keeps the journal, which somebody has to sweep, and lets agents talk through the communicator.
 */
export function createEvents(options: EventsOptions & {readonly pool: pg.Pool}): EventsWithJournal
export function createEvents(options: EventsOptions): Events
export function createEvents(options: EventsOptions & {readonly pool?: pg.Pool}): Events | EventsWithJournal {
  const {where, registry, log, clock = systemClock, instanceId = randomUUID(), namespace, pool} = options
  const metrics = createEventMetrics(registry)
  const transport =
    options.transport ??
    createRelayTransport({
      where,
      nodeId: instanceId,
      log,
      clock,
      ...(namespace === undefined ? {} : {namespace}),
    })
  const frames = createFrames(transport)
  const directory = options.directory ?? createTransportDirectory({transport, clock})

  const bus = createBus({
    transport,
    frames,
    metrics,
    log,
    clock,
    onEmitted(event) {
      if (event.correlation_id === undefined || event.type === 'agent_broadcast') return
      journal?.remember({
        event_id: event.event_id,
        event_type: event.type,
        source_agent: event.source,
        payload: event.data,
        timestamp: event.timestamp,
        correlation_id: event.correlation_id,
      })
    },
  })
  const requests = createRequests({
    transport,
    frames,
    directory,
    metrics,
    log,
    clock,
    // What was asked and how it ended, not the contents: those may be large, and are the agents' own.
    onResponse({request_id, request_type, source_agent, target_agent, correlation_id, priority}, response) {
      if (correlation_id === undefined || request_type === 'deliver_message') return
      journal?.remember({
        event_id: response.response_id,
        event_type: 'agent_response',
        source_agent: response.source_agent,
        target_agent: source_agent,
        payload: {
          request_id,
          request_type,
          target_agent,
          priority,
          status: response.status,
          ...(response.code === undefined ? {} : {code: response.code}),
          ...(response.processing_time_ms === undefined
            ? {}
            : {processing_time_ms: response.processing_time_ms}),
        },
        timestamp: response.created_at,
        correlation_id,
      })
    },
  })

  const journal: EventJournal | undefined = pool && createJournal({pool, bus, transport, log, clock})

  async function close(graceMs = GRACE_MS): Promise<void> {
    const grace = new AbortController()
    await Promise.race([
      Promise.all([requests.settled(), bus.settled()]),
      sleep(graceMs, undefined, {signal: grace.signal}).catch(() => undefined),
    ])
    grace.abort()
    await requests.close()
    await bus.close()
    await journal?.close()
    await transport.close()
  }

  if (!pool || !journal) return {instanceId, bus, requests, close}
  const communicator = createCommunicator({
    bus,
    requests,
    journal,
    contexts: createSharedContexts({pool}),
    clock,
  })
  return {instanceId, bus, requests, journal, communicator, close}
}
