import type {AgentRecord, AgentStatus, AgentView, Instance, InstanceStatus, Load} from './agent.ts'

/** A lease holds until its last moment, not at it; the database judges alike (migrations/0004: agent_presence). */
function isAlive({leaseMs}: Instance): boolean {
  return leaseMs > 0
}

/** Offline without a live instance, busy when every live one is, else active. */
export function statusOf(instances: readonly Instance[]): AgentStatus {
  const alive = instances.filter(isAlive)
  if (alive.length === 0) return 'offline'
  return alive.every(instance => instance.status === 'busy') ? 'busy' : 'active'
}

/** The record as it stands this long after it was read. Only live instances count towards the load. */
export function viewOf(record: AgentRecord, elapsedMs = 0): AgentView {
  const instances = record.instances.map(({instanceId, status, load, leaseMs}) => ({
    instanceId,
    status,
    load,
    leaseMs: leaseMs - elapsedMs,
  }))
  const load = {active: 0, capacity: 0}
  for (const instance of instances) {
    if (!isAlive(instance)) continue
    load.active += instance.load.active
    load.capacity += instance.load.capacity
  }
  return {
    ...record,
    instances,
    heartbeatAgeMs: record.heartbeatAgeMs + elapsedMs,
    status: statusOf(instances),
    load,
  }
}

/** What an instance with this load says of itself. */
export function statusForLoad({active, capacity}: Load): InstanceStatus {
  return active >= capacity ? 'busy' : 'active'
}
