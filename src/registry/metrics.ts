import type {Registry as PrometheusRegistry} from 'prom-client'
import {boundedLabel, createInstruments, inTimeForScrape} from '../platform/instruments.ts'
import {AGENT_STATUSES} from './agent.ts'
import type {Census} from './store.ts'

export type RegistryMetrics = ReturnType<typeof createRegistryMetrics>

export type Lookup = 'list' | 'get' | 'search' | 'query' | 'resolve'

/** Agents and capabilities with a label value of their own; whoever comes later shares `other`. */
const MAX_LABELS = 1_000

/** The registry's metrics. Gauges are asked of the database at each scrape; when it is away they are absent, not old. */
export function createRegistryMetrics({
  registry,
  census,
}: {
  readonly registry: PrometheusRegistry
  readonly census: () => Promise<Census>
}) {
  const {counter, histogram, gauge} = createInstruments(registry)
  const agentLabel = boundedLabel(MAX_LABELS)
  const capabilityLabel = boundedLabel(MAX_LABELS)

  // Both gauges of one scrape share the answer.
  let asked: Promise<Census | undefined> | undefined
  const ask = () =>
    (asked ??= inTimeForScrape(census()).finally(() => setImmediate(() => (asked = undefined))))

  gauge('agent_registry_agents_total', 'Agents by status', {
    labelNames: ['status'],
    ask,
    show: counts => AGENT_STATUSES.map(status => [{status}, counts[status]]),
  })
  gauge('agent_registry_capabilities_total', 'Capabilities of living agents', {
    ask,
    show: ({capabilities}) => [[{}, capabilities]],
  })
  const heartbeatLatency = histogram(
    'agent_registry_heartbeat_latency_seconds',
    'From a heartbeat’s arrival to its record',
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    ['agent_id'],
  )
  const discoveryRequests = counter(
    'agent_registry_discovery_requests_total',
    'Searches and queries by the capability found, or none',
    ['capability'],
  )
  const staleAgents = counter(
    'agent_registry_stale_agents_total',
    'Agents whose lease lapsed, each time it did',
  )
  const lookupDuration = histogram(
    'agent_registry_lookup_duration_seconds',
    'Time to answer a lookup, refreshing the cache included',
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
    ['lookup'],
  )

  return {
    heartbeat(agentId: string, seconds: number): void {
      heartbeatLatency.observe({agent_id: agentLabel(agentId)}, seconds)
    },
    /** `capability`: the name of the one found. */
    discovered(capability: string | undefined): void {
      discoveryRequests.inc({capability: capability === undefined ? 'none' : capabilityLabel(capability)})
    },
    lapsed(agents: number): void {
      staleAgents.inc(agents)
    },
    lookup(lookup: Lookup, seconds: number): void {
      lookupDuration.observe({lookup}, seconds)
    },
  }
}
