-- breaking: no
-- Who can do what, and who is alive. An agent is what people and workflows name; its instances are the processes that
-- serve it, each with a lease. The lease is the truth: nothing here has to run for a dead agent to count as dead.

create sequence agent_registry_revisions;

create table agent_registry (
  agent_id varchar(64) primary key,
  agent_name varchar(128) not null,
  base_url varchar(256),                     -- none: reached through the queue and the bus only
  -- The status announced last (agent.status_change). What holds now is in agent_presence.
  status text not null default 'offline' check (status in ('active', 'busy', 'offline')),
  capabilities jsonb not null default '[]' check (jsonb_typeof(capabilities) = 'array'),
  metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
  registered_by varchar(128) not null,
  -- New with each registration, so that readers fetch only what changed. From a sequence: an agent that was forgotten
  -- and came back must not meet its old number.
  revision bigint not null default nextval('agent_registry_revisions'),
  last_heartbeat timestamptz not null default now(),
  last_assigned_at timestamptz,              -- when work was last routed to it: among equals the longest idle is next
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index agent_registry_capabilities on agent_registry using gin (capabilities jsonb_path_ops);

-- Only this table is written by heartbeats. No index beyond the key and room in each page keep them in place (HOT).
create table agent_instances (
  agent_id varchar(64) not null references agent_registry on delete cascade,
  instance_id varchar(128) not null,
  status text not null default 'active' check (status in ('active', 'busy')),
  load integer not null default 0 check (load >= 0),
  capacity integer not null default 1 check (capacity >= 1),
  last_heartbeat timestamptz not null default now(),
  lease_expires_at timestamptz not null,
  primary key (agent_id, instance_id)
) with (fillfactor = 50);

-- The status that leases say: offline without a live instance, busy when every live one is. The same rule as
-- statusOf of src/registry/decide.ts; a test compares the two.
create view agent_presence as
select
  a.agent_id,
  case
    when count(*) filter (where i.lease_expires_at > now()) = 0 then 'offline'
    when bool_and(i.status = 'busy') filter (where i.lease_expires_at > now()) then 'busy'
    else 'active'
  end as status,
  greatest(a.last_heartbeat, max(i.last_heartbeat)) as last_heartbeat
from agent_registry a left join agent_instances i on i.agent_id = a.agent_id
group by a.agent_id;
