-- breaking: no
-- Who was refused what, and what was done outside: append-only, and each record bound to the one before by its hash.

create table audit_records (
  seq bigint primary key,                    -- without gaps
  id uuid not null unique,
  at timestamptz(3) not null,                -- when it was written
  action text not null,
  actor_id text not null,
  actor_name text not null,
  subject text not null,
  correlation_id text collate "C",
  phase text not null check (phase in ('refused', 'intent', 'done', 'failed', 'unknown')),
  intent uuid,                               -- of an outcome: the record that announced it
  details jsonb not null,                    -- flat; texts, whole numbers, booleans, nulls
  previous text not null,                    -- the hash of the record before
  hash text not null                         -- src/audit/chain.ts computes the same from an exported line
);
create index audit_records_correlation on audit_records (correlation_id, seq) where correlation_id is not null;
create index audit_records_actor on audit_records (actor_id, seq);
create index audit_records_intent on audit_records (intent) where intent is not null;

-- Where the chain ends: a tail that was cut off is missed by it.
create table audit_head (
  only_one boolean primary key default true check (only_one),
  seq bigint not null,
  hash text not null
);
insert into audit_head (seq, hash) values (0, repeat('0', 64));

-- What a transaction that did something itself leaves to be appended once it has committed, so that nobody holds the
-- end of the chain for longer than an append.
create table audit_notes (
  id uuid primary key,
  record jsonb not null,
  noted_at timestamptz not null default now()
);

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'audit_records is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_records_append_only before update or delete or truncate on audit_records
  for each statement execute function audit_is_append_only();
create trigger audit_head_stays before delete or truncate on audit_head
  for each statement execute function audit_is_append_only();

-- SHA-256 of the record as compact JSON with sorted keys and without its hash, as `jq -cSj 'del(.hash)'` prints it.
create function audit_hash(r audit_records) returns text language sql stable as $$
  select encode(sha256(convert_to(concat(
    '{"action":', to_json(r.action),
    ',"actor":{"id":', to_json(r.actor_id), ',"name":', to_json(r.actor_name),
    '},"at":"', to_char(r.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    '","correlation_id":', coalesce(to_json(r.correlation_id)::text, 'null'),
    ',"details":{', (
      select string_agg(concat(to_json(key), ':', value), ',' order by key collate "C") from jsonb_each(r.details)
    ),
    '},"id":"', r.id,
    '","intent":', coalesce(to_json(r.intent)::text, 'null'),
    ',"phase":', to_json(r.phase),
    ',"previous":', to_json(r.previous),
    ',"seq":', r.seq,
    ',"subject":', to_json(r.subject),
    '}'), 'UTF8')), 'hex')
$$;

-- Whose doing it is where nobody said so: who gave the command or began the run of that id, else the house itself.
create function audit_actor(correlation_id text) returns table (id text, name text) language sql stable as $$
  select * from (
    select left(i.actor ->> 'id', 64), left(i.actor ->> 'name', 80) from invocations i
    where i.id = case when correlation_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then correlation_id::uuid end
    union all
    select left(w.metadata ->> 'requester', 64), left(w.metadata ->> 'requester', 80) from workflow_state w
    where w.workflow_id = correlation_id and w.metadata ->> 'requester' is not null
    union all
    select 'signalbox', 'Signalbox'
  ) known limit 1
$$;

-- Appends in the order given; what is there already, by its id, stays as it is. Whoever calls this waits for whoever
-- came first, until that one's commit.
create function audit_append(given jsonb) returns table (id uuid, seq bigint, phase text) language plpgsql as $$
#variable_conflict use_column
declare
  head audit_head;
  item record;
  fresh audit_records;
begin
  select h.* into head from audit_head h for update;
  for item in
    select g.ordinality, g.value ->> 'id' as id, g.value ->> 'action' as action, g.value ->> 'subject' as subject,
      g.value ->> 'correlation_id' as correlation_id, g.value ->> 'phase' as phase, g.value ->> 'intent' as intent,
      g.value -> 'details' as details,
      coalesce(g.value ->> 'actor_id', found.id) as actor_id,
      coalesce(g.value ->> 'actor_name', found.name) as actor_name
    from jsonb_array_elements(given) with ordinality g
    left join lateral audit_actor(g.value ->> 'correlation_id') found on g.value ->> 'actor_id' is null
    order by g.ordinality
  loop
    select r.* into fresh from audit_records r where r.id = item.id::uuid;
    if not found then
      fresh.seq := head.seq + 1;
      fresh.id := item.id;
      fresh.at := date_trunc('milliseconds', clock_timestamp());
      fresh.action := item.action;
      fresh.actor_id := item.actor_id;
      fresh.actor_name := item.actor_name;
      fresh.subject := item.subject;
      fresh.correlation_id := item.correlation_id;
      fresh.phase := item.phase;
      fresh.intent := item.intent;
      fresh.details := item.details;
      fresh.previous := head.hash;
      fresh.hash := audit_hash(fresh);
      insert into audit_records values (fresh.*);
      head.seq := fresh.seq;
      head.hash := fresh.hash;
    end if;
    id := fresh.id;
    seq := fresh.seq;
    phase := fresh.phase;
    return next;
  end loop;
  update audit_head set seq = head.seq, hash = head.hash;
end $$;
