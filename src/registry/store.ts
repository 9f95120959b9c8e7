import type {Pool} from 'pg'
import type {Db} from '../platform/postgres.ts'
import type {AgentRecord, AgentStatus, Beat, Capability, InstanceStatus, Registration} from './agent.ts'

/** The channel on which every change of an agent is announced, except heartbeats that change nothing. */
export const REGISTRY_CHANNEL = 'agent_registry'

/** An agent's announced status was brought to what its leases say. */
export interface Settled {
  readonly agentId: string
  readonly from: AgentStatus
  readonly to: AgentStatus
}

/** How the registry stands, for gauges. Capabilities are those of living agents. */
export type Census = Readonly<Record<AgentStatus, number>> & {readonly capabilities: number}

// Profile and lease in one statement. The announced status stays as it was: settling it is what emits the event.
const REGISTER = `
  with profile as (
    insert into agent_registry (agent_id, agent_name, base_url, capabilities, metadata, registered_by)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (agent_id) do update set
      agent_name = excluded.agent_name, base_url = excluded.base_url, capabilities = excluded.capabilities,
      metadata = excluded.metadata, registered_by = excluded.registered_by,
      revision = nextval('agent_registry_revisions'), last_heartbeat = now(), updated_at = now()
    returning agent_id, last_heartbeat
  ), instance as (
    insert into agent_instances (agent_id, instance_id, status, load, capacity, lease_expires_at)
    select agent_id, $7, $8, $9, $10, now() + make_interval(secs => $11::float8 / 1000) from profile
    on conflict (agent_id, instance_id) do update set
      status = excluded.status, load = excluded.load, capacity = excluded.capacity, last_heartbeat = now(),
      lease_expires_at = excluded.lease_expires_at
  )
  select last_heartbeat, pg_notify('${REGISTRY_CHANNEL}', agent_id) from profile`

// All beats of a process at once. Losing one in a crash of the database costs nothing, the next is on its way: so
// nobody waits for the disk. A beat keeps "busy"; only one that comes after the lease lapsed starts afresh as active.
// Who names no instance means the only one, never somebody else's: that would keep a dead one alive.
const BEAT = `
  with given as (
    select g.*, coalesce(g.instance_id, (
      select case when count(*) = 1 then min(i.instance_id) else 'default' end
      from agent_instances i where i.agent_id = g.agent_id)) as instance
    from jsonb_to_recordset($1::jsonb) as g(agent_id text, instance_id text, status text, load int, capacity int)
  ), beaten as (
    update agent_instances i set
      status = coalesce(g.status, case when i.lease_expires_at > now() then i.status else 'active' end),
      load = coalesce(g.load, i.load), capacity = coalesce(g.capacity, i.capacity), last_heartbeat = now(),
      lease_expires_at = now() + make_interval(secs => $2::float8 / 1000)
    from given g where i.agent_id = g.agent_id and i.instance_id = g.instance
    returning i.agent_id, i.status, i.last_heartbeat
  )
  select b.agent_id, b.last_heartbeat, b.status <> a.status as unsettled, set_config('synchronous_commit', 'off', true)
  from beaten b join agent_registry a using (agent_id)`

const LEAVE = `
  with gone as (
    delete from agent_instances where agent_id = $1 and ($2::text is null or instance_id = $2)
    returning last_heartbeat
  )
  update agent_registry set
    last_heartbeat = greatest(last_heartbeat, (select max(last_heartbeat) from gone)), updated_at = now()
  where agent_id = $1
  returning pg_notify('${REGISTRY_CHANNEL}', agent_id)`

// Saying "offline" ends the lease; the next heartbeat starts it again.
const SAY_STATUS = `
  with said as (
    update agent_instances set
      status = case $2::text when 'offline' then 'active' else $2 end,
      lease_expires_at = case $2 when 'offline' then least(lease_expires_at, now()) else lease_expires_at end
    where agent_id = $1 and ($3::text is null or instance_id = $3)
  )
  select pg_notify('${REGISTRY_CHANNEL}', agent_id) from agent_registry where agent_id = $1`

// Compare and swap on the announced status: of all processes that notice a change, one announces it. The sweep
// passes over what another is just settling; who settles an agent it just changed waits its turn.
const settle = (which: 'one' | 'all') => `
  with due as (
    select a.agent_id, a.status as was, p.status as now_is, p.last_heartbeat
    from agent_registry a join agent_presence p using (agent_id)
    where a.status <> p.status ${which === 'one' ? 'and a.agent_id = any($1)' : ''}
    order by a.agent_id
    for update of a ${which === 'one' ? '' : 'skip locked'}
  ), settled as (
    update agent_registry a set status = due.now_is, last_heartbeat = due.last_heartbeat, updated_at = now()
    from due where a.agent_id = due.agent_id
  )
  select agent_id, was, now_is, pg_notify('${REGISTRY_CHANNEL}', agent_id) from due`

/** Whether what was announced of some agent is not what its leases say. */
export const AGENTS_UNSETTLED = `exists (
  select from agent_registry a join agent_presence p using (agent_id) where a.status <> p.status)`

const FORGET = `
  with lapsed as (
    delete from agent_instances where lease_expires_at < now() - make_interval(secs => $1::float8 / 1000)
  )
  delete from agent_registry a
  where a.status = 'offline' and a.updated_at < now() - make_interval(secs => $2::float8 / 1000)
    and not exists (select from agent_instances i where i.agent_id = a.agent_id)`

const CENSUS = `
  select p.status, count(*)::int as agents, sum(jsonb_array_length(a.capabilities))::int as capabilities
  from agent_presence p join agent_registry a using (agent_id) group by p.status`

// One row per instance, and one for an agent without any. Numbers rather than dates, which cost more to parse than
// all the rest: this is read whenever somebody's status changes.
const ms = (time: string) => `extract(epoch from ${time})::float8 * 1000`
const presence = (which: 'some' | 'all') => `
  select a.agent_id, a.revision, ${ms('a.last_assigned_at')} as last_assigned,
    ${ms('greatest(a.last_heartbeat, i.last_heartbeat)')} as last_heartbeat, ${ms('now()')} as now,
    i.instance_id, i.status, i.load, i.capacity, ${ms('i.lease_expires_at')} as lease_end
  from agent_registry a left join agent_instances i on i.agent_id = a.agent_id
  ${which === 'some' ? 'where a.agent_id = any($1)' : ''}
  order by a.agent_id, i.instance_id`

const PROFILES = `
  select agent_id, revision, agent_name, base_url, capabilities, metadata, registered_by, created_at, updated_at
  from agent_registry where agent_id = any($1)`

interface PresenceRow {
  agent_id: string
  revision: string
  last_assigned: number | null
  last_heartbeat: number
  now: number
  instance_id: string | null
  status: InstanceStatus
  load: number
  capacity: number
  lease_end: number
}

interface ProfileRow {
  agent_id: string
  revision: string
  agent_name: string
  base_url: string | null
  capabilities: Capability[]
  metadata: AgentRecord['metadata']
  registered_by: string
  created_at: Date
  updated_at: Date
}

export type RegistryStore = ReturnType<typeof createRegistryStore>

/** The registry's tables. All times are the database's; a lease is compared to no other clock. */
export function createRegistryStore({pool, leaseMs}: {readonly pool: Pool; readonly leaseMs: number}) {
  return {
    async register(db: Db, registration: Registration & {readonly registeredBy: string}): Promise<Date> {
      const {agentId, instanceId, agentName, baseUrl, capabilities, metadata, registeredBy} = registration
      const {rows} = await db.query<{last_heartbeat: Date}>(REGISTER, [
        agentId,
        agentName,
        baseUrl ?? null,
        JSON.stringify(capabilities),
        JSON.stringify(metadata),
        registeredBy,
        instanceId,
        registration.status ?? 'active',
        registration.load?.active ?? 0,
        registration.load?.capacity ?? 1,
        leaseMs,
      ])
      return rows[0]?.last_heartbeat ?? new Date(Number.NaN)
    },

    /** By agent; those that are not registered, or left, are missing. `unsettled`: its announced status may be wrong. */
    async beat(
      beats: readonly Beat[],
    ): Promise<ReadonlyMap<string, {readonly lastHeartbeat: Date; readonly unsettled: boolean}>> {
      const given = beats.map(({agentId, instanceId, status, load}) => ({
        agent_id: agentId,
        instance_id: instanceId,
        status,
        load: load?.active,
        capacity: load?.capacity,
      }))
      const {rows} = await pool.query<{agent_id: string; last_heartbeat: Date; unsettled: boolean}>({
        name: 'registry-beat',
        text: BEAT,
        values: [JSON.stringify(given), leaseMs],
      })
      return new Map(
        rows.map(row => [row.agent_id, {lastHeartbeat: row.last_heartbeat, unsettled: row.unsettled}]),
      )
    },

    /** Without an instance, all of the agent's. Answers whether there is such an agent. */
    async leave(db: Db, agentId: string, instanceId: string | undefined): Promise<boolean> {
      const {rowCount} = await db.query(LEAVE, [agentId, instanceId ?? null])
      return rowCount === 1
    },

    async sayStatus(
      db: Db,
      agentId: string,
      status: AgentStatus,
      instanceId: string | undefined,
    ): Promise<boolean> {
      const {rowCount} = await db.query(SAY_STATUS, [agentId, status, instanceId ?? null])
      return rowCount === 1
    },

    /** Brings announced statuses to what the leases say, of these agents or of all, and answers what changed. */
    async settle(db: Db, agentIds?: readonly string[]): Promise<readonly Settled[]> {
      const {rows} = await db.query<{agent_id: string; was: AgentStatus; now_is: AgentStatus}>(
        agentIds === undefined ? settle('all') : settle('one'),
        agentIds === undefined ? [] : [agentIds],
      )
      return rows.map(row => ({agentId: row.agent_id, from: row.was, to: row.now_is}))
    },

    /** Drops instances that lapsed this long ago, and agents that have been offline this long. */
    async forget(age: {readonly instanceMs: number; readonly agentMs: number}): Promise<void> {
      await pool.query(FORGET, [age.instanceMs, age.agentMs])
    },

    async assigned(agentId: string): Promise<void> {
      await pool.query({
        name: 'registry-assigned',
        text: `update agent_registry set last_assigned_at = now() where agent_id = $1
               returning set_config('synchronous_commit', 'off', true)`,
        values: [agentId],
      })
    },

    async census(): Promise<Census> {
      const {rows} = await pool.query<{status: AgentStatus; agents: number; capabilities: number}>(CENSUS)
      const count = {active: 0, busy: 0, offline: 0, capabilities: 0}
      for (const {status, agents, capabilities} of rows) {
        count[status] = agents
        if (status !== 'offline') count.capabilities += capabilities
      }
      return count
    },

    /**
     * A reader of all agents, or of some. It keeps the profiles it has read, since capabilities are large and seldom
     * change; presence is read anew each time.
     */
    reader(): (agentIds?: readonly string[]) => Promise<readonly AgentRecord[]> {
      const profiles = new Map<string, ProfileRow>()
      return async agentIds => {
        const {rows} = await pool.query<PresenceRow>(
          agentIds === undefined
            ? {name: 'registry-presence', text: presence('all')}
            : {name: 'registry-presence-some', text: presence('some'), values: [agentIds]},
        )
        const present = byAgent(rows)
        const changed = [...present].flatMap(([id, [row]]) =>
          row && profiles.get(id)?.revision !== row.revision ? [id] : [],
        )
        if (changed.length > 0) {
          const {rows: fetched} = await pool.query<ProfileRow>(PROFILES, [changed])
          for (const profile of fetched) profiles.set(profile.agent_id, profile)
        }
        for (const id of agentIds ?? profiles.keys()) if (!present.has(id)) profiles.delete(id)
        return [...present].flatMap(([id, instances]) => {
          const profile = profiles.get(id)
          return profile ? [toRecord(profile, instances)] : []
        })
      }
    },
  }
}

function byAgent(rows: readonly PresenceRow[]): ReadonlyMap<string, readonly PresenceRow[]> {
  const agents = new Map<string, PresenceRow[]>()
  for (const row of rows) {
    const known = agents.get(row.agent_id)
    if (known) known.push(row)
    else agents.set(row.agent_id, [row])
  }
  return agents
}

function toRecord(profile: ProfileRow, rows: readonly PresenceRow[]): AgentRecord {
  const lastHeartbeat = Math.floor(Math.max(...rows.map(row => row.last_heartbeat)))
  return {
    agentId: profile.agent_id,
    agentName: profile.agent_name,
    baseUrl: profile.base_url ?? undefined,
    capabilities: profile.capabilities,
    metadata: profile.metadata,
    registeredBy: profile.registered_by,
    createdAt: profile.created_at.getTime(),
    updatedAt: profile.updated_at.getTime(),
    lastHeartbeat,
    heartbeatAgeMs: (rows[0]?.now ?? lastHeartbeat) - lastHeartbeat,
    lastAssignedAt: rows[0]?.last_assigned ?? undefined,
    instances: rows.flatMap(({instance_id: instanceId, status, load, capacity, lease_end, now}) =>
      instanceId === null
        ? []
        : [{instanceId, status, load: {active: load, capacity}, leaseMs: lease_end - now}],
    ),
  }
}
