-- breaking: no
-- The bus's memory: events that must not be lost, the history by correlation id, and what agents share about a workflow.

create table events (
  seq bigint generated always as identity primary key,
  event_id uuid not null unique,
  event_type text not null,
  source_agent text not null,
  target_agent text,
  correlation_id text,
  priority integer not null default 0,
  payload jsonb not null,
  durable boolean not null,                  -- written with the state change; otherwise only remembered
  created_at timestamptz not null default now(),
  published_at timestamptz                   -- null: promised to the subscribers, not yet told to all of them
);
create index events_unpublished on events (seq) where published_at is null;
create index events_published on events (published_at) where durable;
create index events_correlation on events (correlation_id, seq) where correlation_id is not null;
create index events_age on events (created_at);

create table shared_contexts (
  workflow_id text primary key,
  data jsonb not null default '{}',
  locks jsonb not null default '{}',         -- {key: {owner, until}}, until in milliseconds of the database's clock
  version integer not null default 1,
  last_updated timestamptz not null default now(),
  updated_by text not null
);
