-- breaking: no
-- Requests to approve something, one record each that all surfaces show, and all that was ever tried on them.

create table approval_requests (
  id uuid primary key,
  subject_key text not null unique,          -- what waits, and for which round: asked twice, it is one request
  task_id text not null,                     -- the deployment or the run
  subject jsonb not null,
  correlation_id text not null,
  status text not null check (status in ('pending', 'approved', 'rejected', 'expired', 'cancelled')),
  action jsonb not null,
  requester jsonb not null,
  risk_level text not null check (risk_level in ('low', 'medium', 'high', 'critical')),
  risk_score numeric(3, 1) not null check (risk_score between 0 and 10),
  risk_reasons jsonb not null,
  required jsonb not null,                   -- pinned when asked
  entitled text[] not null,                  -- roles that may decide now: `required` and those called in
  bound jsonb not null,
  digest text not null,                      -- SHA-256 of `bound`
  card jsonb,                                -- what approvers see before deciding
  decisions jsonb not null default '[]',     -- those that count
  escalations integer not null default 0,
  note text,
  channel_id text,                           -- in Discord
  linear jsonb,                              -- {name, url} of the issue where it is told in Linear
  version integer not null default 1,
  created_at timestamptz not null,
  remind_at timestamptz,
  expires_at timestamptz,                    -- null: never
  decided_at timestamptz,
  used_at timestamptz check (used_at is null or status = 'approved'),
  check ((status = 'pending') = (decided_at is null))
);
create index approval_requests_due on approval_requests (least(remind_at, expires_at)) where status = 'pending';
create index approval_requests_pending on approval_requests
  (array_position(array['critical', 'high', 'medium', 'low'], risk_level), created_at) where status = 'pending';
create index approval_requests_task on approval_requests (task_id);

-- What happened to a request, refused attempts included. It only grows: see the trigger.
create table approval_actions (
  approval_id uuid not null references approval_requests,
  seq integer not null,
  action text not null check (action in (
    'ask', 'approve', 'reject', 'question', 'remind', 'escalate', 'timeout', 'cancel', 'void', 'use', 'refuse')),
  actor text not null,
  role text,
  surface text check (surface in ('discord', 'linear', 'mail', 'http', 'chat')),
  note text,
  metadata jsonb not null default '{}',
  key text,                                  -- of the attempt: repeated, it is the same attempt
  at timestamptz not null default clock_timestamp(),
  primary key (approval_id, seq)
);
create unique index approval_actions_attempt on approval_actions (approval_id, key) where key is not null;

create function keep_approval_actions() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    if old.at < now() - interval '365 days' then return old; end if;
  end if;
  raise exception 'the history of approvals is kept for 365 days as it was written';
end $$;
create trigger approval_actions_kept before update or delete on approval_actions
  for each row execute function keep_approval_actions();
create trigger approval_actions_not_truncated before truncate on approval_actions
  for each statement execute function keep_approval_actions();

-- For people with a query in hand: what waits, the riskiest first, and how it went in the last thirty days.
create view approvals_pending as
  select id, action ->> 'title' as title, risk_level, risk_score, requester ->> 'name' as requester, entitled,
         round(extract(epoch from now() - created_at) / 60) as waiting_minutes,
         round(extract(epoch from expires_at - now()) / 60) as minutes_left
  from approval_requests
  where status = 'pending'
  order by array_position(array['critical', 'high', 'medium', 'low'], risk_level), created_at;
create view approvals_statistics as
  select risk_level, status, count(*) as requests,
         round(avg(extract(epoch from decided_at - created_at)) / 60, 1) as average_minutes
  from approval_requests
  where created_at > now() - interval '30 days'
  group by risk_level, status;

-- A request has a message of its own in Discord, under its own id.
alter table replies drop constraint replies_id_fkey;
