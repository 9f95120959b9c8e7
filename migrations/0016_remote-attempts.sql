-- breaking: no
-- An effect's row tells which try began it, so that a try whose answer was lost knows its own. An attempt in another process
-- has a holder with a lease: a job that the queue repeats leaves it alone, and what nobody is at is sent again.

alter table workflow_effects add column mark uuid;

alter table workflow_attempts
  add column holder uuid,
  add column held_until timestamptz,         -- null: nobody has begun it
  add column sent_at timestamptz not null default now();

drop function workflow_commit(text, text[], integer[], integer[], integer[], float8[], text[], text[], boolean[], float8[],
  json[], json[], text[], integer[], integer[], integer[], integer[], json[], json);

-- As before, and it answers those of the closed attempts that nobody had begun: nobody will.
create function workflow_commit(
  p_instance text, p_ids text[], p_fences integer[], p_inboxes integer[], p_seqs integer[], p_ats float8[],
  p_statuses text[], p_steps text[], p_keeps boolean[], p_wakes float8[], p_waiting json[], p_results json[],
  p_errors text[], p_totals integer[], p_completed integer[], p_failed integer[], p_percentages integer[],
  p_facts json[], p_asked json,
  out moved text[], out jobs json, out unbegun json
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
  with closed as (
    delete from workflow_attempts a
    using json_to_recordset(p_asked -> 'closed') as c(run text, path text, attempt integer)
    where a.workflow_id = c.run and a.path = c.path and a.attempt = c.attempt and c.run = any(moved)
    returning c.run, c.path, c.attempt, a.held_until
  )
  select json_agg(json_build_object('run', run, 'path', path, 'attempt', attempt)) into unbegun
  from closed where held_until is null;
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
