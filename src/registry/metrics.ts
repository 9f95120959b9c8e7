import {Counter, Gauge, Histogram, type Registry as PrometheusRegistry} from 'prom-client'
import {boundedLabel, inTimeForScrape} from '../platform/scrape.ts'
import {AGENT_STATUSES} from './agent.ts'
import type {Census} from './store.ts'

export type RegistryMetrics = ReturnType<typeof createRegistryMetrics>

export type Lookup = 'list' | 'get' | 'search' | 'query' | 'resolve'

/** Agents and capabilities with a label value of their own; whoever comes later shares `other`. */
const MAX_LABELS = 1_000

/** The registry's metrics. Gauges are asked of the database at each scrape; when it is away they are absent, not old. */
export function createRegistryMetrics({
  register,
  census,
}: {
  readonly register: PrometheusRegistry
  readonly census: () => Promise<Census>
}) {
  const registers = [register]
  const agentLabel = boundedLabel(MAX_LABELS)
  const capabilityLabel = boundedLabel(MAX_LABELS)

  // Both gauges of one scrape share the answer.
  let asked: Promise<Census | undefined> | undefined
  const ask = () =>
    (asked ??= inTimeForScrape(census()).finally(() => setImmediate(() => (asked = undefined))))

  new Gauge({
    name: 'agent_registry_agents_total',
    help: 'Agents by status',
    labelNames: ['status'] as const,
    registers,
    async collect() {
      const counts = await ask()
      this.reset()
      if (counts) for (const status of AGENT_STATUSES) this.set({status}, counts[status])
    },
  })
  new Gauge({
    name: 'agent_registry_capabilities_total',
    help: 'Capabilities of living agents',
    registers,
    async collect() {
      const counts = await ask()
      if (counts) this.set(counts.capabilities)
      else this.remove()
    },
  })
  const heartbeatLatency = new Histogram({
    name: 'agent_registry_heartbeat_latency_seconds',
    help: 'From a heartbeat’s arrival to its record',
    labelNames: ['agent_id'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  })
  const discoveryRequests = new Counter({
    name: 'agent_registry_discovery_requests_total',
    help: 'Searches and queries by the capability found, or none',
    labelNames: ['capability'] as const,
    registers,
  })
  const staleAgents = new Counter({
    name: 'agent_registry_stale_agents_total',
    help: 'Agents whose lease lapsed, each time it did',
    registers,
  })
  const lookupDuration = new Histogram({
    name: 'agent_registry_lookup_duration_seconds',
    help: 'Time to answer a lookup, refreshing the cache included',
    labelNames: ['lookup'] as const,
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
    registers,
  })

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
