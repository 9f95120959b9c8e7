-- breaking: no
-- Commands and their messages, the outbox that links them to the queue, and deployments followed to their end.

-- Which installation this is: keeps the queues of two apart that share a Redis.
create table installation (
  only_one boolean primary key default true check (only_one),
  id uuid not null default gen_random_uuid()
);
insert into installation default values;

create table invocations (
  id uuid primary key,                       -- is the correlation id
  source text not null check (source in ('discord', 'schedule', 'api')),
  source_id text not null,                   -- interaction id or schedule tick: the idempotency key
  command text not null,
  options jsonb not null,
  actor jsonb not null,
  agent text not null,
  action text not null,
  status text not null check (status in ('queued', 'running', 'following', 'succeeded', 'failed', 'cancelled')),
  attempt integer not null default 0,
  join_key text,                             -- same person, command and options
  result jsonb,
  error jsonb,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  ended_at timestamptz,
  unique (source, source_id)
);
create index invocations_open on invocations (created_at) where status in ('queued', 'running', 'following');
create index invocations_join on invocations (join_key, created_at) where join_key is not null;

create table outbox (
  id bigint generated always as identity primary key,
  queue text not null,
  name text not null,
  job_id text not null,
  data jsonb not null,
  delay_ms integer not null default 0,
  created_at timestamptz not null default now()
);

-- One message a command: the wish (view, version) and what Discord is known to show (delivered_version).
create table replies (
  id uuid primary key references invocations (id) on delete cascade,
  target jsonb not null,                     -- {kind: interaction|channel, ...}; the token is removed at the end
  view jsonb not null,
  version integer not null,
  delivered_version integer not null default 0,
  closing jsonb,                             -- the short message posted at the end, once
  closing_state text not null default 'none' check (closing_state in ('none', 'wanted', 'posted')),
  message_id text,                           -- the first message
  channel_message_id text,                   -- where the story goes on after the interaction's end
  closing_message_id text,
  attempts integer not null default 0,
  undeliverable text,                        -- why nobody will see it, once that is certain
  lease_until timestamptz,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  delivered_at timestamptz
);
create index replies_undelivered on replies (changed_at)
  where undeliverable is null and (delivered_version < version or closing_state = 'wanted');

create table deployments (
  id uuid primary key references invocations (id) on delete cascade,
  state jsonb not null,                      -- src/deployments/decide.ts: DeploymentState
  phase text not null check (phase in ('requested', 'dispatching', 'locating', 'watching', 'finished')),
  run_id text,
  repository text not null,
  target text not null,
  version integer not null default 1,
  fence integer not null default 0,          -- raised by each claim; a commit with an older one is refused
  lease_until timestamptz,
  next_tick_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  ended_at timestamptz
);
create index deployments_due on deployments (next_tick_at) where phase <> 'finished';
create index deployments_run on deployments (run_id) where run_id is not null;

create table webhook_deliveries (
  source text not null,
  delivery_id text not null,
  received_at timestamptz not null default now(),
  primary key (source, delivery_id)
);
create index webhook_deliveries_age on webhook_deliveries (received_at);

-- What the registered slash commands looked like when they were last sent to Discord.
create table command_registrations (
  scope text primary key,
  digest text not null,
  registered_at timestamptz not null default now()
);
