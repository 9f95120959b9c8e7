import {Counter, Gauge, Histogram, type Registry} from 'prom-client'
import {boundedLabel} from '../platform/instruments.ts'
import {EVENT_TYPES} from './event.ts'

const TYPES: ReadonlySet<string> = new Set(EVENT_TYPES)
const NAME = /^[a-z][a-z0-9_-]{0,39}$/i
const NAMES_AT_MOST = 100

export type EventMetrics = ReturnType<typeof createEventMetrics>

/** The bus's metrics. Label values are closed sets: unknown event types and surplus names count as `other`. */
export function createEventMetrics(registry: Registry) {
  const registers = [registry]
  const nameLabel = boundedLabel(NAMES_AT_MOST)
  const asked = ['source_agent', 'target_agent'] as const
  return {
    emitted: new Counter({
      name: 'event_bus_events_emitted_total',
      help: 'Events emitted by this process',
      labelNames: ['event_type', 'source'] as const,
      registers,
    }),
    delivered: new Counter({
      name: 'event_bus_events_delivered_total',
      help: 'Events handled by a subscriber of this process without an error',
      labelNames: ['event_type'] as const,
      registers,
    }),
    subscriberErrors: new Counter({
      name: 'event_bus_subscriber_errors_total',
      help: 'Events whose handling by a subscriber failed',
      labelNames: ['event_type', 'callback_name'] as const,
      registers,
    }),
    requestLatency: new Histogram({
      name: 'agent_request_latency_seconds',
      help: 'From a request to its response, whatever the outcome, at the asking process',
      labelNames: [...asked, 'request_type'] as const,
      buckets: [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
      registers,
    }),
    requestsActive: new Gauge({
      name: 'agent_requests_active',
      help: 'Requests of this process that wait for their response',
      labelNames: asked,
      registers,
    }),
    requests: new Counter({
      name: 'agent_requests_total',
      help: 'Requests made by this process',
      labelNames: [...asked, 'request_type'] as const,
      registers,
    }),
    responses: new Counter({
      name: 'agent_responses_total',
      help: 'Outcomes of this process’s requests; source_agent is the one that answered',
      labelNames: [...asked, 'status'] as const,
      registers,
    }),
    timeouts: new Counter({
      name: 'agent_request_timeouts_total',
      help: 'Requests of this process that nobody answered in time',
      labelNames: asked,
      registers,
    }),
    transportUp: new Gauge({
      name: 'event_bus_transport_up',
      help: '1 while events travel between processes, 0 while they are delivered in this process only',
      registers,
    }),
    dropped: new Counter({
      name: 'event_bus_dropped_total',
      help: 'What was given up: outbox_full, late_response, unreachable_response, malformed',
      labelNames: ['reason'] as const,
      registers,
    }),
    eventType: (type: string): string => (TYPES.has(type) ? type : 'other'),
    agentName: (name: string): string => (NAME.test(name) ? nameLabel(name) : 'other'),
  }
}
