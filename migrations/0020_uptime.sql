-- breaking: no
-- What the scheduled looks at services found, and how each service stands as far as people were told.

create table uptime_checks (
  service text not null,                     -- bot, api, frontend, or those of a target: docs api
  at timestamptz not null,
  state text not null check (state ~ '^(online|error_[1-9][0-9]{2}|timeout|connection_error|request_error)$'),
  ms integer,                                -- to the answer, where there was one
  primary key (service, at)
);
create index uptime_checks_age on uptime_checks (at);

create table uptime_watches (
  service text primary key,
  watch jsonb not null                       -- src/health/flips.ts: Watch
);
