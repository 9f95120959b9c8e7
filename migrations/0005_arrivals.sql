-- breaking: no
-- Commands acknowledged but not yet recorded, so that nobody is left waiting when the bot dies in between.

create table arrivals (
  interaction_id text primary key,
  id uuid not null,                          -- the correlation id the command has, or would have had
  command text not null,
  token text,                                -- null once the person was told; a secret with 15 minutes to live
  arrived_at timestamptz not null default now(),
  given_up_at timestamptz,                   -- from here on nothing is recorded for it
  lease_until timestamptz                    -- while someone tells the person
);

-- A webhook came while a worker was at it: that worker looks once more before it is done.
alter table deployments add column nudged boolean not null default false;
