-- breaking: no
-- Releases by /ship: a deployment, what was verified of it, and the one decision to keep it or to go back.

create table releases (
  id uuid primary key,                       -- of the command that ships, and of its deployment
  target text not null,
  environment text not null,
  phase text not null check (phase in ('shipping', 'verifying', 'deciding', 'promoting', 'rolling-back', 'promoted',
    'rolled-back', 'promotion-failed', 'rollback-failed', 'expired', 'superseded', 'not-shipped', 'unverified')),
  sha text,                                  -- what it shipped, once known
  state jsonb not null,                      -- src/releases/decide.ts: Release
  follow_up uuid unique,                     -- the command that promotes or rolls back, once that was decided
  expires_at timestamptz,                    -- while it is to be decided
  lease_until timestamptz,
  created_at timestamptz not null default now(),
  ended_at timestamptz
);
create index releases_open on releases (created_at)
  where phase in ('shipping', 'verifying', 'deciding', 'promoting', 'rolling-back');
-- What was shipped to a target last, by whichever command.
create index deployments_of_target on deployments (target, ended_at desc) where ended_at is not null;
create index releases_of_target on releases (target, created_at desc);
