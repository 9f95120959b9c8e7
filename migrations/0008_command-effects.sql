-- breaking: no
-- What a command does outside once only, however often its job is given out: begun before it starts, done with what it
-- answered. Workflows keep theirs in workflow_effects.
create table command_effects (
  invocation_id uuid not null references invocations on delete cascade,
  name text not null,
  state text not null default 'begun' check (state in ('begun', 'done')),
  result json,
  begun_at timestamptz not null default now(),
  primary key (invocation_id, name)
);
