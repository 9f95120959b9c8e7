-- breaking: no
-- Workflow runs. A run is the fold of its facts; the journal holds them, one row for each commit, and is never
-- rewritten. `workflow_state` says who carries the run on, and shows where it stands. One instance writes to a run at a
-- time, its owner; everybody else leaves a message in its inbox.

create table workflow_definitions (
  id integer generated always as identity primary key,
  hash text not null unique,                 -- of the content: a run pins its definition for life
  name varchar(128) not null,
  body jsonb not null,
  created_at timestamptz not null default now()
);

-- One lease for each instance that owns runs, not one for each run.
create table workflow_owners (
  instance text primary key,
  expires_at timestamptz not null
) with (fillfactor = 50);

-- What each commit changes stands together at the end, and no index is on it but for runs that are parked or have
-- ended, so that commits stay in place (HOT).
create table workflow_state (
  workflow_id varchar(64) primary key
    default 'wf-' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 12),
  workflow_type varchar(128) not null,
  definition integer,                        -- of a run; null: a record that agents keep by themselves
  correlation_id text,                       -- null: its own id
  source_id text,                            -- what asked for the run, so that asking twice starts one
  parent_id varchar(64),                     -- of a sub-workflow: the run and the step that wait for its end
  parent_path text,
  input json not null default '{}',
  participating_agents text[] not null default '{}',
  metadata jsonb not null default '{}',
  started_at timestamptz not null default now(),
  state_data jsonb not null default '{}',
  current_step text not null default 'initialized',
  status text not null default 'running'
    check (status in ('pending', 'running', 'paused', 'completed', 'failed', 'cancelled')),
  version integer not null default 1,
  updated_at timestamptz not null default now(),
  completed_at timestamptz,
  error_message text,
  result json,
  owner text,                                -- the instance that carries it on; null: parked, or ended
  fence integer not null default 0,          -- raised with each new owner; commits and effects of older ones are refused
  inbox integer not null default 0,          -- messages ever delivered
  taken integer not null default 0,          -- of those, how many its facts account for
  stop text check (stop in ('pause', 'cancel')), -- from its commit on no effect begins, but compensation after a cancel
  wake_at timestamptz,                       -- of a parked run: when to look again
  waiting_for json,                          -- {kind, id}
  steps_total integer not null default 0,
  steps_completed integer not null default 0,
  steps_failed integer not null default 0,
  percentage smallint not null default 0     -- of the whole, 100 once completed
) with (fillfactor = 60);
create index workflow_state_open on workflow_state (started_at) where completed_at is null;
create index workflow_state_ended on workflow_state (completed_at) where completed_at is not null;
create index workflow_state_wake on workflow_state (wake_at) where wake_at is not null;
create unique index workflow_state_source on workflow_state (source_id) where source_id is not null;
create index workflow_state_parent on workflow_state (parent_id) where parent_id is not null;

create table workflow_journal (
  workflow_id varchar(64) not null,
  seq integer not null,
  at timestamptz not null,
  facts json not null,                       -- src/workflows/evolve.ts: Fact[]; those of that time go without theirs
  primary key (workflow_id, seq)
);

create table workflow_inbox (
  workflow_id varchar(64) not null,
  seq integer not null,
  message_id text not null,
  body json not null,                        -- src/workflows/run.ts: Message
  at timestamptz not null default now(),
  primary key (workflow_id, seq),
  unique (workflow_id, message_id)
);

-- Attempts that another process carries out. The row is its permission, and goes with the commit that closes the attempt.
create table workflow_attempts (
  workflow_id varchar(64) not null,
  path text not null,
  attempt integer not null,
  call json not null,                        -- src/workflows/attempt-store.ts: Call
  created_at timestamptz not null default now(),
  primary key (workflow_id, path, attempt)
);

-- Each effect outside, by the key that makes it one: begun before it starts, done with what it answered.
create table workflow_effects (
  key text primary key,                      -- run:path:attempt[:name]
  workflow_id varchar(64) not null,
  state text not null default 'begun' check (state in ('begun', 'done')),
  result json,
  begun_at timestamptz not null default now(),
  done_at timestamptz
);
create index workflow_effects_run on workflow_effects (workflow_id);

create table workflow_checkpoints (
  id bigint generated always as identity primary key,
  workflow_id varchar(64) not null references workflow_state on delete cascade,
  step_name text not null,
  agent_id varchar(64) not null,
  checkpoint_data json not null,             -- the whole state, not what changed
  created_at timestamptz not null default now(),
  duration_ms bigint,
  status text not null default 'success' check (status in ('success', 'error', 'timeout', 'skipped'))
);
create index workflow_checkpoints_of on workflow_checkpoints (workflow_id, id);

create view active_workflows as
select
  s.workflow_id, s.workflow_type, s.current_step, s.status, s.participating_agents, s.started_at, s.updated_at, s.version,
  now() - s.started_at as duration,
  (select count(*) from workflow_checkpoints c where c.workflow_id = s.workflow_id) as checkpoint_count
from workflow_state s where s.completed_at is null;

create view workflow_statistics as
select
  workflow_type,
  count(*) as total,
  count(*) filter (where status = 'completed') as completed,
  count(*) filter (where status = 'failed') as failed,
  count(*) filter (where completed_at is null) as running,
  avg(completed_at - started_at) filter (where status = 'completed') as average_duration,
  max(started_at) as last_run
from workflow_state group by workflow_type;

create view recent_checkpoints as
select c.id, c.workflow_id, s.workflow_type, c.step_name, c.agent_id, c.status, c.duration_ms, c.created_at
from workflow_checkpoints c join workflow_state s using (workflow_id)
order by c.id desc limit 100;

-- All that whoever carries the run on has to know of it. In a function of its own, so that it sees what the claim before
-- it waited for.
create function workflow_snapshot(p_id text) returns json language sql volatile as $$
  select json_build_object(
    'id', s.workflow_id, 'workflow', s.workflow_type,
    'definition', (select d.hash from workflow_definitions d where d.id = s.definition),
    'correlationId', coalesce(s.correlation_id, s.workflow_id), 'input', s.input,
    'parentId', s.parent_id, 'parentPath', s.parent_path, 'fence', s.fence, 'inbox', s.inbox,
    'startedAt', floor(extract(epoch from s.started_at) * 1000),
    'journal', (
      select coalesce(json_agg(json_build_object(
        'at', round(extract(epoch from j.at) * 1000), 'facts', j.facts) order by j.seq), '[]')
      from workflow_journal j where j.workflow_id = p_id),
    'messages', (
      select coalesce(json_agg(i.body order by i.seq), '[]') from workflow_inbox i
      where i.workflow_id = p_id and i.seq > s.taken))
  from workflow_state s where s.workflow_id = p_id
$$;

-- Whether nobody alive carries the run on.
create function workflow_unowned(p_owner text) returns boolean language sql stable as $$
  select p_owner is null
    or not exists (select from workflow_owners where instance = p_owner and expires_at > clock_timestamp())
$$;

-- Makes the instance the owner of those of the open runs that nobody alive owns, and answers them.
create function workflow_claim(p_instance text, p_ids text[]) returns setof json language plpgsql as $$
declare
  claimed text;
begin
  for claimed in
    with free as (
      select workflow_id from workflow_state
      where workflow_id = any(p_ids) and definition is not null and completed_at is null and workflow_unowned(owner)
      for no key update skip locked
    )
    update workflow_state s set owner = p_instance, fence = fence + 1, wake_at = null
    from free where s.workflow_id = free.workflow_id
    returning s.workflow_id
  loop
    return next workflow_snapshot(claimed);
  end loop;
end $$;

-- Commits one step of each of several runs: its facts, where the run then stands, and what has to happen because of it.
-- A run that is no longer the instance's, or has a message that was not decided upon, is left as it is. Answers the runs
-- committed and the outbox rows to relay. Planned for indexes whatever size the tables had when the plan was made.
create function workflow_commit(
  p_instance text, p_ids text[], p_fences integer[], p_inboxes integer[], p_seqs integer[], p_ats float8[],
  p_statuses text[], p_steps text[], p_keeps boolean[], p_wakes float8[], p_waiting json[], p_results json[],
  p_errors text[], p_totals integer[], p_completed integer[], p_failed integer[], p_percentages integer[],
  p_facts json[], p_asked json,
  out moved text[], out jobs json
) language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  with given as (
    select * from unnest(p_ids, p_fences, p_inboxes, p_seqs, p_ats, p_statuses, p_steps, p_keeps, p_wakes, p_waiting,
      p_results, p_errors, p_totals, p_completed, p_failed, p_percentages, p_facts)
    as g(id, fence, inbox, seq, at, status, step, keeps, wake, waiting, result, error, total, completed, failed,
      percentage, facts)
  ), committed as (
    update workflow_state s set
      status = g.status, current_step = g.step, version = s.version + 1, updated_at = now(),
      completed_at = case when g.status in ('completed', 'failed', 'cancelled') then now() end,
      error_message = g.error, result = g.result, owner = case when g.keeps then s.owner end, taken = g.inbox,
      wake_at = to_timestamp(g.wake / 1000), waiting_for = g.waiting,
      steps_total = g.total, steps_completed = g.completed, steps_failed = g.failed, percentage = g.percentage
    from given g
    where s.workflow_id = g.id and s.owner = p_instance and s.fence = g.fence and s.inbox = g.inbox
    returning g.id, g.seq, g.at, g.facts
  ), noted as (
    insert into workflow_journal (workflow_id, seq, at, facts)
    select id, seq, to_timestamp(at / 1000), facts from committed where facts is not null
  )
  select coalesce(array_agg(id), '{}') into moved from committed;
  if p_asked is null then
    return;
  end if;
  delete from workflow_attempts a
  using json_to_recordset(p_asked -> 'closed') as c(run text, path text, attempt integer)
  where a.workflow_id = c.run and a.path = c.path and a.attempt = c.attempt and c.run = any(moved);
  insert into workflow_attempts (workflow_id, path, attempt, call)
  select run, path, attempt, call
  from json_to_recordset(p_asked -> 'opened') as o(run text, path text, attempt integer, call json)
  where run = any(moved) on conflict do nothing;
  -- Due at once: whoever sweeps first carries the child on, unless somebody hears of it before.
  insert into workflow_state (workflow_id, workflow_type, definition, correlation_id, parent_id, parent_path, input,
    participating_agents, status, wake_at)
  select id, workflow, (select d.id from workflow_definitions d where d.hash = c.definition), correlation_id, run, path,
    coalesce(input, 'null'), agents, 'pending', clock_timestamp()
  from json_to_recordset(p_asked -> 'children') as c(
    run text, path text, id text, workflow text, definition text, correlation_id text, input json, agents text[])
  where run = any(moved) on conflict do nothing;
  insert into workflow_checkpoints (workflow_id, step_name, agent_id, checkpoint_data)
  select run, name, agent, data
  from json_to_recordset(p_asked -> 'checkpoints') as c(run text, name text, agent text, data jsonb)
  where run = any(moved);
  with added as (
    insert into outbox (queue, name, job_id, data)
    select queue, name, id, data
    from json_to_recordset(p_asked -> 'jobs') as j(run text, queue text, name text, id text, data jsonb)
    where run = any(moved)
    returning id, queue, name, job_id, data
  )
  select json_agg(json_build_object('outboxId', id::text, 'queue', queue, 'name', name, 'id', job_id, 'data', data))
  into jobs from added;
end $$;

-- Puts a message into a run's inbox, once for each message id, unless where the run stands rules it out. `p_standing` is
-- compared with the status, but `held` while it is told to pause and `stopping` while it is told to cancel. With it
-- commit `p_stop` (`none` clears) and `p_status`. An instance that delivers to a run which nobody owns becomes its owner
-- and is answered all of the run; otherwise the owner, or `*` for any instance, is told.
create function workflow_deliver(
  p_instance text, p_id text, p_message_id text, p_body json, p_standing text[], p_stop text, p_status text
) returns json language plpgsql as $$
declare
  s workflow_state;
  standing text;
  mine boolean;
begin
  select * into s from workflow_state where workflow_id = p_id and definition is not null for no key update;
  if not found then
    return json_build_object('outcome', 'unknown');
  end if;
  if exists (select from workflow_inbox where workflow_id = p_id and message_id = p_message_id) then
    return json_build_object('outcome', 'repeated', 'status', s.status);
  end if;
  standing := case
    when s.completed_at is not null then s.status
    when s.stop = 'pause' then 'held'
    when s.stop = 'cancel' then 'stopping'
    else s.status end;
  if not standing = any(p_standing) then
    return json_build_object('outcome', 'refused', 'status', s.status, 'standing', standing);
  end if;
  insert into workflow_inbox (workflow_id, seq, message_id, body) values (p_id, s.inbox + 1, p_message_id, p_body);
  mine := p_instance is not null and workflow_unowned(s.owner);
  update workflow_state set
    inbox = inbox + 1,
    stop = case p_stop when 'none' then null else coalesce(p_stop, stop) end,
    status = coalesce(p_status, status),
    completed_at = case when p_status is null then completed_at end,
    owner = case when mine then p_instance else owner end,
    fence = case when mine then fence + 1 else fence end,
    -- Where nobody hears the notification, the sweep sees this.
    wake_at = case when mine then null when owner is null then clock_timestamp() else wake_at end
  where workflow_id = p_id;
  if mine then
    return json_build_object('outcome', 'delivered', 'run', workflow_snapshot(p_id));
  end if;
  if s.owner is distinct from p_instance then
    perform pg_notify('workflows', coalesce(s.owner, '*') || ' ' || p_id);
  end if;
  return json_build_object('outcome', 'delivered', 'owner', s.owner);
end $$;
