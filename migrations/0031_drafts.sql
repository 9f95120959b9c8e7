-- breaking: no
-- Workflows that were drafted from words, until whoever asked starts or drops them.

create table drafts (
  id uuid primary key,
  asked_for uuid not null unique,            -- the command or request that it answers, and the message that shows it
  owner text not null,                       -- who alone may start it: person:<principal>, or <surface>:<account>
  asker jsonb not null,                      -- {id, name, kind}
  description text not null,
  plan json not null,                        -- src/sdk/planning.ts: DraftedWorkflow
  definition json not null,                  -- the workflow itself, and what its run is started with
  input jsonb not null,
  status text not null default 'waiting' check (status in ('waiting', 'started', 'edited', 'cancelled', 'expired')),
  decision uuid,                             -- the order that decided about it: the same one again is no other
  run_id text,                               -- once it was started
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  settled_at timestamptz                     -- since then its message says what became of it, and has no button
);
create index drafts_open on drafts (expires_at) where settled_at is null;
create index drafts_unstarted on drafts (created_at) where status = 'started' and run_id is null;
create index drafts_age on drafts (created_at);
