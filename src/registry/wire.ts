import {z} from 'zod'
import {
  AGENT_STATUSES,
  agentIdShape,
  capabilityShape,
  instanceIdShape,
  type AgentRecord,
  type AgentView,
  type Beat,
  type Registration,
} from './agent.ts'

/** The registry as HTTP speaks of it: the shapes, and the way between them and ours. */

const instanceStatus = z.enum(['active', 'busy'])
const count = z.int().min(0).max(1_000_000)
const capacity = count.min(1)
const timestamp = z.iso.datetime()

/** `default` is the instance of an agent that does not tell its processes apart. */
export const registrationShape = z.object({
  agent_id: agentIdShape,
  agent_name: z.string().trim().min(1).max(128),
  base_url: z.string().max(2048),
  capabilities: z.array(capabilityShape).max(200).default([]),
  metadata: z.record(z.string(), z.unknown()).default({}),
  instance_id: instanceIdShape.default('default'),
  status: instanceStatus.default('active'),
  load: count.default(0),
  capacity: capacity.default(1),
})

export const beatShape = z.object({
  instance_id: instanceIdShape.optional(),
  status: instanceStatus.optional(),
  load: count.optional(),
  capacity: capacity.optional(),
})

export const agentShape = z.object({
  agent_id: z.string(),
  agent_name: z.string(),
  base_url: z.string().nullable(),
  status: z.enum(AGENT_STATUSES),
  load: z.int().describe('jobs under way, of all living instances'),
  capacity: z.int(),
  capabilities: z.array(capabilityShape),
  metadata: z.record(z.string(), z.unknown()),
  registered_by: z.string(),
  last_heartbeat: timestamp,
  created_at: timestamp,
  updated_at: timestamp,
  last_assigned_at: timestamp.nullable(),
  seconds_since_heartbeat: z.number(),
  instances: z.array(
    z.object({
      instance_id: z.string(),
      status: instanceStatus,
      load: z.int(),
      capacity: z.int(),
      lease_expires_in_ms: z.number().describe('when this was answered; not positive once lapsed'),
    }),
  ),
})
export type WireAgent = z.output<typeof agentShape>

export function toWire(view: AgentView): WireAgent {
  return {
    agent_id: view.agentId,
    agent_name: view.agentName,
    base_url: view.baseUrl ?? null,
    status: view.status,
    load: view.load.active,
    capacity: view.load.capacity,
    capabilities: [...view.capabilities],
    metadata: view.metadata,
    registered_by: view.registeredBy,
    last_heartbeat: iso(view.lastHeartbeat),
    created_at: iso(view.createdAt),
    updated_at: iso(view.updatedAt),
    last_assigned_at: view.lastAssignedAt === undefined ? null : iso(view.lastAssignedAt),
    seconds_since_heartbeat: seconds(view.heartbeatAgeMs),
    instances: view.instances.map(({instanceId, status, load, leaseMs}) => ({
      instance_id: instanceId,
      status,
      load: load.active,
      capacity: load.capacity,
      lease_expires_in_ms: Math.round(leaseMs),
    })),
  }
}

export function fromWire(agent: WireAgent): AgentRecord {
  return {
    agentId: agent.agent_id,
    agentName: agent.agent_name,
    baseUrl: agent.base_url ?? undefined,
    capabilities: agent.capabilities,
    metadata: agent.metadata,
    registeredBy: agent.registered_by,
    createdAt: Date.parse(agent.created_at),
    updatedAt: Date.parse(agent.updated_at),
    lastHeartbeat: Date.parse(agent.last_heartbeat),
    heartbeatAgeMs: agent.seconds_since_heartbeat * 1000,
    lastAssignedAt: agent.last_assigned_at === null ? undefined : Date.parse(agent.last_assigned_at),
    instances: agent.instances.map(instance => ({
      instanceId: instance.instance_id,
      status: instance.status,
      load: {active: instance.load, capacity: instance.capacity},
      leaseMs: instance.lease_expires_in_ms,
    })),
  }
}

export function toRegistration(body: z.output<typeof registrationShape>): Registration {
  return {
    agentId: body.agent_id,
    agentName: body.agent_name,
    baseUrl: body.base_url,
    capabilities: body.capabilities,
    metadata: body.metadata,
    instanceId: body.instance_id,
    status: body.status,
    load: {active: body.load, capacity: body.capacity},
  }
}

export function toBeat(agentId: string, body: z.output<typeof beatShape>): Beat {
  return {
    agentId,
    instanceId: body.instance_id,
    status: body.status,
    load: {active: body.load, capacity: body.capacity},
  }
}

export function iso(ms: number): string {
  return new Date(ms).toISOString()
}

export function seconds(ms: number): number {
  return Math.round(ms) / 1000
}
