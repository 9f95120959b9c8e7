-- breaking: no
-- What commands wrote into the settings of repositories: written once, and what a variable held before to put it back.
create table setting_changes (
  id uuid primary key references invocations (id) on delete cascade,
  repository text not null,
  name text not null,
  kind text not null check (kind in ('variable', 'secret')),
  fingerprint text not null,
  value text,                                -- of a variable; nobody needs that of a secret again
  previous text,                             -- null: there was none
  state text not null default 'begun' check (state in ('begun', 'done', 'undone')),
  created_at timestamptz not null default now(),
  check (kind = 'variable' or value is null and previous is null)
);
