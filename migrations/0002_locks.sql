-- breaking: no
-- Resource locks: leases with fences, the line of those who wait, and what became of them.
--
-- A resource has two berths, since no more than two kinds agree with each other. Berth 0 always exists once the resource
-- has been locked, and is its mutex: whoever changes holders or line first updates or locks that row, and only then
-- reads the rest, so each statement sees what the one before it committed. A function is one statement to its caller:
-- all of it happens, or nothing. Leases are measured by the database's clock alone.

create type lock_kind as enum ('exclusive', 'deploy', 'migration', 'backfill');
create type lock_operation as enum ('acquire', 'release', 'timeout', 'force_release');

-- With an `owner_token` a berth is held: until somebody takes it away, also beyond `expires_at`, which only says from
-- when on others may. Without one it is free, and tells of its last holder. Types rather than checks guard the columns:
-- checks would be a third of the cost of a lock.
create table resource_locks (
  resource_id varchar(256) not null,
  berth smallint not null,                   -- 0 or 1
  owner_token uuid,
  owner varchar(128),
  kind lock_kind,
  fence bigint not null default 0,           -- of the present or last holder of the berth
  reason varchar(512),
  metadata jsonb,
  waited_ms integer,
  acquired_at timestamptz,
  expires_at timestamptz,                    -- null without a holder
  last_fence bigint not null default 0,      -- berth 0: the highest of the resource, for ever
  others integer not null default 0,         -- berth 0: rows in line, and the holder of berth 1; see lock_settle
  primary key (resource_id, berth)
) with (fillfactor = 70);                    -- taking and giving back touch no index

-- A waiter that is not heard of by `alive_until` is passed over, and forgotten by the next sweep.
create table lock_waiters (
  owner_token uuid primary key,
  resource_id varchar(256) not null,
  kind lock_kind not null,
  owner varchar(128) not null,
  priority integer not null,
  requested_at timestamptz not null,
  ttl_ms integer not null,
  silence_ms integer not null,               -- how long it may be silent, waiting or just granted
  alive_until timestamptz not null,
  holding uuid[] not null,                   -- locks that will not be released before this one is had
  deadlocked boolean not null default false, -- told so by whoever found the circle, but has not heard it yet
  reason varchar(512),
  metadata jsonb not null
);
create index lock_waiters_line on lock_waiters (resource_id, priority desc, requested_at, owner_token);

-- How each hold and each vain wait ended; the sweep keeps the newest.
create table lock_history (
  id bigint generated always as identity primary key,
  resource_id varchar(256) not null,
  owner varchar(128) not null,
  kind lock_kind not null,
  operation lock_operation not null,
  success boolean not null,                  -- false: `acquire` that was given up
  fence bigint,
  waited_ms integer not null,
  held_ms bigint,
  detail text,
  acquired_at timestamptz,
  created_at timestamptz not null default clock_timestamp()
);

-- The same table as AGREEING in src/locks/decide.ts.
create function lock_kinds_agree(a lock_kind, b lock_kind) returns boolean language sql immutable as $$
  select (a, b) in (('deploy', 'backfill'), ('backfill', 'deploy'))
$$;

create function lock_admits(taken lock_kind[], wanted lock_kind) returns boolean language plpgsql immutable as $$
declare
  other lock_kind;
begin
  foreach other in array taken loop
    if not lock_kinds_agree(other, wanted) then
      return false;
    end if;
  end loop;
  return true;
end $$;

-- Counts anew what keeps the short ways of lock_claim and lock_release closed. Whoever added or removed a row of the
-- line, or changed berth 1, ends with it.
create function lock_settle(p_resource text) returns void language plpgsql as $$
begin
  update resource_locks set others =
    (select count(*) from lock_waiters where resource_id = p_resource)
    + (select count(*) from resource_locks where resource_id = p_resource and berth = 1 and owner_token is not null)
  where resource_id = p_resource and berth = 0;
end $$;

-- Removes the lapsed holders of a resource and answers them. One whose holder is inside a protected write (see
-- checkFence in src/locks/store.ts) stays until that write has ended.
create function lock_reap(p_resource text) returns jsonb language plpgsql as $$
declare
  reaped jsonb;
begin
  with lapsed as (
    select berth, expires_at from resource_locks
    where resource_id = p_resource and expires_at <= clock_timestamp()
    for update skip locked
  ), gone as (
    update resource_locks l set owner_token = null, expires_at = null from lapsed
    where l.resource_id = p_resource and l.berth = lapsed.berth
    returning l.*, lapsed.expires_at as ended_at
  ), noted as (
    insert into lock_history (resource_id, owner, kind, operation, success, fence, waited_ms, held_ms, acquired_at)
    select resource_id, owner, kind, 'timeout', true, fence, waited_ms,
      extract(epoch from ended_at - acquired_at) * 1000, acquired_at
    from gone
  )
  select coalesce(jsonb_agg(jsonb_build_object('resource', resource_id, 'owner', owner)), '[]') into reaped from gone;
  return reaped;
end $$;

-- Makes a holder and answers its fence. Only for who has been admitted, with berth 0 locked.
create function lock_grant(
  p_resource text, p_kind lock_kind, p_owner text, p_token uuid, p_lease_ms integer, p_reason text, p_metadata jsonb,
  p_waited_ms integer
) returns bigint language plpgsql as $$
declare
  numbered bigint;
  free_berth smallint;
begin
  update resource_locks set last_fence = last_fence + 1 where resource_id = p_resource and berth = 0
  returning last_fence, case when owner_token is null then 0 else 1 end into numbered, free_berth;
  insert into resource_locks
    (resource_id, berth, owner_token, owner, kind, fence, reason, metadata, waited_ms, acquired_at, expires_at)
  values (p_resource, free_berth, p_token, p_owner, p_kind, numbered, p_reason, p_metadata, p_waited_ms,
    clock_timestamp(), clock_timestamp() + p_lease_ms * interval '1 millisecond')
  on conflict (resource_id, berth) do update set owner_token = excluded.owner_token, owner = excluded.owner,
    kind = excluded.kind, fence = excluded.fence, reason = excluded.reason, metadata = excluded.metadata,
    waited_ms = excluded.waited_ms, acquired_at = excluded.acquired_at, expires_at = excluded.expires_at;
  return numbered;
end $$;

-- Grants to everyone in line who may have it by now, in order, and wakes them. The lease they get is short: whoever
-- does not answer the call loses it as soon as a silent waiter would have been passed over.
create function lock_hand_over(p_resource text) returns void language plpgsql as $$
declare
  w lock_waiters;
  taken lock_kind[];
begin
  select coalesce(array_agg(kind), '{}') into taken
  from resource_locks where resource_id = p_resource and owner_token is not null;
  for w in
    select * from lock_waiters
    where resource_id = p_resource and not deadlocked and alive_until > clock_timestamp()
    order by priority desc, requested_at, owner_token
  loop
    exit when not (lock_admits(taken, 'exclusive') or lock_admits(taken, 'deploy')
      or lock_admits(taken, 'migration') or lock_admits(taken, 'backfill'));
    if lock_admits(taken, w.kind) then
      perform lock_grant(p_resource, w.kind, w.owner, w.owner_token, least(w.ttl_ms, w.silence_ms), w.reason,
        w.metadata, (extract(epoch from clock_timestamp() - w.requested_at) * 1000)::integer);
      delete from lock_waiters where owner_token = w.owner_token;
      perform pg_notify('locks', w.owner_token::text);
    end if;
    -- Also the kinds of those who go on waiting: nobody behind them may overtake what would hold them up.
    taken := taken || w.kind;
  end loop;
  perform lock_settle(p_resource);
end $$;

-- What a claim is told that was granted. `contested`: others are in line.
create function lock_granted(p_resource text, p_fence bigint, p_lease_ms numeric, p_lapsed jsonb)
returns jsonb language plpgsql as $$
begin
  return jsonb_build_object('outcome', 'granted', 'fence', p_fence, 'leaseMs', p_lease_ms,
    'contested', exists (select from lock_waiters where resource_id = p_resource), 'lapsed', p_lapsed);
end $$;

-- One request for a lock, which may be repeated with the same token: it asks again, keeps the place in line and
-- tells what became of it. `p_silence_ms` of 0: do not wait (any longer).
create function lock_claim(
  p_resource text, p_token uuid, p_again boolean, p_owner text, p_kind lock_kind, p_ttl_ms integer, p_silence_ms integer,
  p_priority integer, p_waited_ms integer, p_holding uuid[], p_reason text, p_metadata jsonb
) returns jsonb language plpgsql as $$
declare
  h resource_locks;
  me lock_waiters;
  taken lock_kind[] := '{}';
  ahead lock_kind[];
  owners text[];
  since timestamptz;
  lapsed boolean := false;
  reaped jsonb := '[]';
  new_fence bigint;
  blocker jsonb;
begin
  -- Granted while it waited: nothing to change, so nothing to lock.
  if p_again then
    select * into h from resource_locks
    where resource_id = p_resource and owner_token = p_token and expires_at > clock_timestamp();
    if found then
      return lock_granted(p_resource, h.fence, extract(epoch from h.expires_at - clock_timestamp()) * 1000, reaped);
    end if;
  end if;

  -- The short way: all free and nobody in line. Should the row have changed meanwhile, it is looked at again.
  update resource_locks set owner_token = p_token, owner = p_owner, kind = p_kind, fence = last_fence + 1,
    last_fence = last_fence + 1, reason = p_reason, metadata = p_metadata, waited_ms = p_waited_ms,
    acquired_at = clock_timestamp(), expires_at = clock_timestamp() + p_ttl_ms * interval '1 millisecond'
  where resource_id = p_resource and berth = 0 and owner_token is null and others = 0
  returning fence into new_fence;
  if found then
    return jsonb_build_object('outcome', 'granted', 'fence', new_fence, 'leaseMs', p_ttl_ms, 'contested', false,
      'lapsed', reaped);
  end if;

  perform from resource_locks where resource_id = p_resource and berth = 0 for no key update;
  if not found then
    insert into resource_locks (resource_id, berth) values (p_resource, 0) on conflict do nothing;
    perform from resource_locks where resource_id = p_resource and berth = 0 for no key update;
  end if;

  for h in select * from resource_locks where resource_id = p_resource and owner_token is not null loop
    if h.expires_at <= clock_timestamp() then
      lapsed := true;
    elsif h.owner_token = p_token then
      return lock_granted(p_resource, h.fence, extract(epoch from h.expires_at - clock_timestamp()) * 1000, reaped);
    end if;
    taken := taken || h.kind;
  end loop;
  if lapsed then
    reaped := lock_reap(p_resource);
    select coalesce(array_agg(kind), '{}') into taken
    from resource_locks where resource_id = p_resource and owner_token is not null;
  end if;

  if p_again then
    select * into me from lock_waiters where owner_token = p_token;
    if me.deadlocked then
      delete from lock_waiters where owner_token = p_token;
      perform lock_hand_over(p_resource);
      insert into lock_history (resource_id, owner, kind, operation, success, waited_ms, detail)
      values (p_resource, p_owner, p_kind, 'acquire', false, p_waited_ms, 'deadlock');
      return jsonb_build_object('outcome', 'deadlock', 'lapsed', reaped);
    end if;
  end if;
  since := coalesce(me.requested_at, clock_timestamp() - p_waited_ms * interval '1 millisecond');
  select coalesce(array_agg(kind), '{}'), coalesce(array_agg(owner order by priority desc, requested_at, owner_token), '{}')
  into ahead, owners
  from lock_waiters
  where resource_id = p_resource and owner_token <> p_token and not deadlocked and alive_until > clock_timestamp()
    and (priority > p_priority or (priority = p_priority and (requested_at, owner_token) < (since, p_token)));

  if lock_admits(taken || ahead, p_kind) then
    new_fence := lock_grant(p_resource, p_kind, p_owner, p_token, p_ttl_ms, p_reason, p_metadata, p_waited_ms);
    delete from lock_waiters where owner_token = p_token;
    perform lock_hand_over(p_resource);
    return lock_granted(p_resource, new_fence, p_ttl_ms, reaped);
  end if;

  if p_silence_ms > 0 then
    -- A place in line that a crash of the database forgets is taken again by asking again, so nobody waits for the disk.
    if not lapsed then
      perform set_config('synchronous_commit', 'off', true);
    end if;
    insert into lock_waiters (owner_token, resource_id, kind, owner, priority, requested_at, ttl_ms, silence_ms,
      alive_until, holding, reason, metadata)
    values (p_token, p_resource, p_kind, p_owner, p_priority, since, p_ttl_ms, p_silence_ms,
      clock_timestamp() + p_silence_ms * interval '1 millisecond', p_holding, p_reason, p_metadata)
    on conflict (owner_token) do update set alive_until = excluded.alive_until;
  else
    delete from lock_waiters where owner_token = p_token;
    if p_waited_ms > 0 then
      insert into lock_history (resource_id, owner, kind, operation, success, waited_ms, detail)
      values (p_resource, p_owner, p_kind, 'acquire', false, p_waited_ms, 'gave up');
    end if;
  end if;
  if lapsed or (p_silence_ms = 0 and me.owner_token is not null) then
    perform lock_hand_over(p_resource);
  elsif p_silence_ms > 0 and me.owner_token is null then
    perform lock_settle(p_resource);
  end if;

  select jsonb_build_object('owner', owner, 'kind', kind, 'reason', reason, 'holds', true,
      'since', extract(epoch from acquired_at) * 1000,
      'leaseMs', greatest(0, extract(epoch from expires_at - clock_timestamp()) * 1000))
  into blocker
  from resource_locks
  where resource_id = p_resource and owner_token is not null and not lock_kinds_agree(kind, p_kind)
  order by acquired_at limit 1;
  if blocker is null then
    select jsonb_build_object('owner', owner, 'kind', kind, 'reason', reason, 'holds', false,
      'since', extract(epoch from requested_at) * 1000, 'leaseMs', ttl_ms)
    into blocker
    from lock_waiters
    where resource_id = p_resource and owner_token <> p_token and not deadlocked and not lock_kinds_agree(kind, p_kind)
    order by priority desc, requested_at, owner_token limit 1;
  end if;
  return jsonb_build_object('outcome', 'held', 'by', blocker, 'position', cardinality(owners) + 1, 'ahead', owners,
    'lapsed', reaped);
end $$;

-- Gives back a lock, or the place in line, and hands over. Answers `released`, `left` (the line), or `gone`. A lease that
-- had lapsed without anybody taking it away is `gone` as well.
create function lock_release(p_resource text, p_token uuid) returns text language plpgsql as $$
declare
  h resource_locks;
  live boolean;
begin
  -- The short way: nobody waits, so there is nothing to hand over.
  update resource_locks set owner_token = null, expires_at = null
  where resource_id = p_resource and berth = 0 and owner_token = p_token and others = 0
    and expires_at > clock_timestamp()
  returning * into h;
  if found then
    live := true;
  else
    perform from resource_locks where resource_id = p_resource and berth = 0 for no key update;
    select * into h from resource_locks where resource_id = p_resource and owner_token = p_token;
    if not found then
      delete from lock_waiters where owner_token = p_token and resource_id = p_resource;
      if found then
        perform lock_hand_over(p_resource);
        return 'left';
      end if;
      return 'gone';
    end if;
    live := h.expires_at > clock_timestamp();
    update resource_locks set owner_token = null, expires_at = null
    where resource_id = p_resource and berth = h.berth;
    perform lock_hand_over(p_resource);
  end if;
  insert into lock_history (resource_id, owner, kind, operation, success, fence, waited_ms, held_ms, acquired_at)
  values (p_resource, h.owner, h.kind, 'release', true, h.fence, h.waited_ms,
    extract(epoch from clock_timestamp() - h.acquired_at) * 1000, h.acquired_at);
  return case when live then 'released' else 'gone' end;
end $$;

-- Takes a resource away from whoever holds it, or from the holder of one fence, tells them, and hands over. Waits for
-- protected writes to end. Answers the holders that lost it.
create function lock_force(p_resource text, p_fence bigint, p_by text, p_reason text) returns jsonb
language plpgsql set lock_timeout = '5s' as $$
declare
  previous jsonb;
begin
  perform from resource_locks where resource_id = p_resource and berth = 0 for no key update;
  with held as (
    select berth, owner_token from resource_locks
    where resource_id = p_resource and owner_token is not null and (p_fence is null or fence = p_fence)
    for update
  ), gone as (
    update resource_locks l set owner_token = null, expires_at = null from held
    where l.resource_id = p_resource and l.berth = held.berth
    returning l.*, held.owner_token as token
  ), noted as (
    insert into lock_history
      (resource_id, owner, kind, operation, success, fence, waited_ms, held_ms, detail, acquired_at)
    select resource_id, owner, kind, 'force_release', true, fence, waited_ms,
      extract(epoch from clock_timestamp() - acquired_at) * 1000, 'by ' || p_by || ': ' || p_reason, acquired_at
    from gone
  ), told as (
    select pg_notify('locks', token::text) from gone
  )
  select coalesce(jsonb_agg(jsonb_build_object('owner', owner, 'kind', kind)), '[]')
  into previous from gone, (select count(*) from told) as t;
  if previous <> '[]' then
    perform lock_hand_over(p_resource);
  end if;
  return previous;
end $$;

-- Frees what lapsed, forgets waiters that fell silent, and hands over, for at most `p_limit` resources; those that
-- somebody else is busy with are left to them. Answers the lapsed holders.
create function lock_sweep(p_limit integer) returns jsonb language plpgsql as $$
declare
  r text;
  swept jsonb := '[]';
begin
  for r in
    select resource_id from resource_locks
    where berth = 0 and resource_id in (
      select resource_id from resource_locks where expires_at <= clock_timestamp()
      union
      select resource_id from lock_waiters where alive_until <= clock_timestamp()
    )
    limit p_limit
    for no key update skip locked
  loop
    swept := swept || lock_reap(r);
    delete from lock_waiters where resource_id = r and alive_until <= clock_timestamp();
    perform lock_hand_over(r);
  end loop;
  return swept;
end $$;
