import {z} from 'zod'
import type {AgentDefinition} from '../sdk/index.ts'
import type {AgentRecord, Capability, Registration} from './agent.ts'

/** What one of our own agents declares: each action is a capability, its input the schema. */
export function registrationOf(agent: AgentDefinition, instanceId: string): Registration {
  return {
    agentId: agent.id,
    instanceId,
    agentName: agent.name,
    capabilities: Object.entries(agent.actions).map(([name, action]) =>
      capability(agent, name, action.description, action.input),
    ),
    metadata: {
      description: agent.description,
      ...(agent.command === undefined ? {} : {command: agent.command}),
    },
  }
}

/** The agent as configuration knows it, for when the registry can't be asked: here, idle, never heard of. */
export function staticRecord(agent: AgentDefinition): AgentRecord {
  const {agentId, agentName, capabilities, metadata} = registrationOf(agent, 'static')
  return {
    agentId,
    agentName,
    baseUrl: undefined,
    capabilities,
    metadata,
    registeredBy: 'configuration',
    createdAt: 0,
    updatedAt: 0,
    lastHeartbeat: 0,
    heartbeatAgeMs: 0,
    lastAssignedAt: undefined,
    instances: [
      {
        instanceId: 'static',
        status: 'active',
        load: {active: 0, capacity: agent.queue.concurrency},
        leaseMs: Number.MAX_SAFE_INTEGER,
      },
    ],
  }
}

function capability(agent: AgentDefinition, name: string, description: string, input: z.ZodType): Capability {
  const {$schema: _, ...schema} = z.toJSONSchema(input, {io: 'input', unrepresentable: 'any'})
  const properties = Object.entries(schema.properties ?? {})
  return {
    name,
    description,
    parameters: Object.fromEntries(
      properties.map(([key, property]) => [
        key,
        typeof property === 'object' && typeof property.type === 'string' ? property.type : 'any',
      ]),
    ),
    tags: [agent.id, ...(agent.command === undefined ? [] : [agent.command.replace(/^\//, '')])],
    input_schema: schema,
  }
}
