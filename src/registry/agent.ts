import {z} from 'zod'

/** `active`: takes work. `busy`: alive and at capacity. `offline`: no lease, or it left. */
export const AGENT_STATUSES = ['active', 'busy', 'offline'] as const
export type AgentStatus = (typeof AGENT_STATUSES)[number]

/** What an instance may say of itself; being offline is not said but noticed. */
export type InstanceStatus = Exclude<AgentStatus, 'offline'>

const jsonObject = z.record(z.string(), z.unknown())

/** Something an agent can do. Kept and published in this form, so its keys are those of the HTTP API. */
export const capabilityShape = z.object({
  name: z.string().min(1).max(128),
  description: z.string().max(1000).default(''),
  /** Name → type, for people and models. */
  parameters: z.record(z.string().max(128), z.string().max(128)).default({}),
  /** Free text such as tokens or seconds. */
  cost_estimate: z.string().max(128).optional(),
  tags: z.array(z.string().min(1).max(64)).max(32).default([]),
  input_schema: jsonObject.optional(),
  output_schema: jsonObject.optional(),
})
export type Capability = z.output<typeof capabilityShape>

export const agentIdShape = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, 'is not an agent id')
export const instanceIdShape = z.string().min(1).max(128)

/** What every agent declares when it registers. The last registration counts for all instances of the agent. */
export interface Registration {
  readonly agentId: string
  readonly instanceId: string
  readonly agentName: string
  /** Where it answers HTTP; none for agents inside our own processes, which the queue reaches. */
  readonly baseUrl?: string | undefined
  readonly capabilities: readonly Capability[]
  readonly metadata: Readonly<Record<string, unknown>>
  readonly load?: Load | undefined
  readonly status?: InstanceStatus | undefined
}

/** Jobs under way, and how many there can be at once. */
export interface Load {
  readonly active: number
  readonly capacity: number
}

/** A sign of life. What it leaves out stays as it was. */
export interface Beat {
  readonly agentId: string
  /** Not needed by an agent of one instance. */
  readonly instanceId?: string | undefined
  readonly status?: InstanceStatus | undefined
  readonly load?: {readonly active?: number | undefined; readonly capacity?: number | undefined} | undefined
}

/** One process serving an agent. */
export interface Instance {
  readonly instanceId: string
  readonly status: InstanceStatus
  readonly load: Load
  /** What was left of its lease when it was read, in milliseconds; negative once lapsed. */
  readonly leaseMs: number
}

/** What the registry knows of an agent, as of one moment. Dates are milliseconds since the epoch, database time. */
export interface AgentRecord {
  readonly agentId: string
  readonly agentName: string
  readonly baseUrl: string | undefined
  readonly capabilities: readonly Capability[]
  readonly metadata: Readonly<Record<string, unknown>>
  readonly registeredBy: string
  readonly createdAt: number
  readonly updatedAt: number
  readonly lastHeartbeat: number
  /** Age of the last heartbeat when it was read, in milliseconds. */
  readonly heartbeatAgeMs: number
  readonly lastAssignedAt: number | undefined
  readonly instances: readonly Instance[]
}

/** An agent as it stands when looked at: status and load follow from the leases that still run. */
export interface AgentView extends AgentRecord {
  readonly status: AgentStatus
  /** Of its live instances together. */
  readonly load: Load
}
