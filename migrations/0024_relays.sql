-- breaking: no
-- Messages that people have us post for them: where to, and how that ended. A text stays, sealed, with the command
-- that brought it.

create table relays (
  id uuid primary key references invocations on delete cascade,  -- the command that posts it
  author_id text not null,                   -- Discord's
  target text not null,                      -- a channel or a person, by Discord's id
  fingerprint text not null,
  status text not null default 'posting' check (status in ('posting', 'posted', 'failed', 'unknown')),
  began_at timestamptz not null default now(),
  message_id text,
  audit_id text,                             -- of the intent
  reason text,
  ended_at timestamptz
);
create index relays_author on relays (author_id, began_at);

-- Traces: when an effect of a command was over, and a cheap way to the commands of the last days.
alter table command_effects add column done_at timestamptz;
create index invocations_age on invocations using brin (created_at) with (pages_per_range = 32);
