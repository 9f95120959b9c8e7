-- breaking: no
-- What people are told besides the message of a command: each notice once, and what became of it in each channel.

-- A story's notices are numbered under its row's lock, so that their order is the order of their commits.
create table notice_stories (
  story text primary key,                    -- approval:<id>, run:<id>, deployment:<id>
  last_seq integer not null
);

create table notices (
  id uuid primary key,
  key text not null unique,                  -- announced again, it is the same notice
  story text not null references notice_stories on delete cascade,
  seq integer not null,
  event text not null,
  level text not null check (level in ('low', 'medium', 'high', 'critical')),
  correlation_id text not null,
  content jsonb not null,                    -- src/notifications/notice.ts: the rest of NewNotice
  created_at timestamptz not null default now(),
  unique (story, seq)
);
create index notices_age on notices (created_at);

create table notice_deliveries (
  notice_id uuid not null references notices on delete cascade,
  channel text not null check (channel in ('linear', 'mail', 'discord', 'pull-request')),
  story text not null,
  seq integer not null,
  -- held: told only if the channel before it fails or stays without an answer
  state text not null check (state in ('held', 'waiting', 'told', 'skipped', 'refused', 'failed')),
  held_until timestamptz,                    -- from here on it is told even though the channel before it told it
  look_at timestamptz,                       -- held: when to judge again; null: when something happens
  open_at timestamptz not null default now(),-- since when it is to be told
  due_at timestamptz not null default now(),
  failures integer not null default 0,       -- tries that came to nothing
  fence integer not null default 0,          -- raised by each claim; a result under an older one is refused
  lease_until timestamptz,
  outside_id text,                           -- what it is known by outside; of the first one told, the story's thread
  reason text,                               -- why it was held back, released, skipped or not told
  ended_at timestamptz,
  primary key (notice_id, channel)
);
create index notice_deliveries_due on notice_deliveries (channel, due_at) where state = 'waiting';
create index notice_deliveries_held on notice_deliveries (look_at) where state = 'held';
create index notice_deliveries_story on notice_deliveries (story, channel, seq);
