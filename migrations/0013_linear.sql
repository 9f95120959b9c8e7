-- breaking: no
-- Where requests are told in Linear, and what came in from there.

create table linear_threads (
  approval_id uuid primary key references approval_requests on delete cascade,
  issue_id uuid not null,                    -- the hub, or the request's own issue under it
  own_issue boolean not null,
  root_id uuid not null unique,              -- the comment whose replies are the thread
  opened_at timestamptz,                     -- null: it may not be there yet
  closed_at timestamptz,                     -- decided, and said so there
  looked_at timestamptz not null default now()
);
create index linear_threads_issue on linear_threads (issue_id) where own_issue;
create index linear_threads_open on linear_threads (looked_at) where closed_at is null;

-- Conversations with the agent that Linear calls sessions.
create table linear_sessions (
  session_id uuid primary key,
  approval_id uuid references approval_requests on delete cascade,
  touched_at timestamptz not null default now(), -- when we last said something there
  ended_at timestamptz
);
create index linear_sessions_open on linear_sessions (touched_at) where ended_at is null;
create index linear_sessions_approval on linear_sessions (approval_id);

-- Comments, reactions and prompts that were seen, our own comments among them: each is taken once.
create table linear_inputs (
  key text primary key,                      -- comment:<id>, reaction:<id>, prompt:<id>
  outcome text,                              -- null: it is being worked on
  received_at timestamptz not null default now()
);
create index linear_inputs_age on linear_inputs (received_at);

-- How far the hub was read, and when to read again.
create table linear_reading (
  only_one boolean primary key default true check (only_one),
  read_until timestamptz not null default now(),
  due_at timestamptz not null default now()
);
insert into linear_reading default values;
