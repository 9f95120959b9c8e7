-- breaking: no
-- Plans of the day: open issues that were put before a channel, who started them, and how many are done.

create table plans (
  id uuid primary key,                       -- of its message in the channel as well
  asked_for uuid not null unique,            -- the command that asked: repeated, it makes no second plan
  day date not null,
  repository text not null,
  label text not null,
  channel_id text not null,
  requester jsonb not null,                  -- {id, name, kind}
  status text not null default 'pending'
    check (status in ('pending', 'in_progress', 'completed', 'failed', 'cancelled')),
  state jsonb not null,                      -- src/plans/decide.ts: Plan
  thread text not null default 'wanted' check (thread in ('wanted', 'open', 'refused')),
  thread_id text,
  look_at timestamptz not null default now(),  -- when GitHub is asked next how its issues stand
  created_at timestamptz not null default now(),
  ended_at timestamptz
);
-- One plan of a day: whoever asks again is shown the one that is open.
create unique index plans_open on plans (day, repository, label, channel_id) where status in ('pending', 'in_progress');
create index plans_due on plans (look_at) where status = 'in_progress';
create index plans_without_thread on plans (created_at) where thread = 'wanted';
