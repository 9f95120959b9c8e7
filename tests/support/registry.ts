import type {AgentRecord, Capability, Instance} from '../../src/registry/agent.ts'

/** An instance with half a minute to live. */
export function anInstance(instance: Partial<Instance> = {}): Instance {
  return {
    instanceId: 'i1',
    status: 'active',
    load: {active: 0, capacity: 10},
    leaseMs: 30_000,
    ...instance,
  }
}

export function aCapability(capability: Partial<Capability> = {}): Capability {
  return {name: 'review', description: '', parameters: {}, tags: [], ...capability}
}

/** A living agent of one instance that can review. */
export function anAgent(agent: Partial<AgentRecord> = {}): AgentRecord {
  return {
    agentId: 'a',
    agentName: agent.agentId ?? 'a',
    baseUrl: undefined,
    capabilities: [aCapability()],
    metadata: {},
    registeredBy: 'test',
    createdAt: 0,
    updatedAt: 0,
    lastHeartbeat: 0,
    heartbeatAgeMs: 0,
    lastAssignedAt: undefined,
    instances: [anInstance()],
    ...agent,
  }
}
