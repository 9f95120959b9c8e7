-- breaking: no
-- Somebody asked for a lock that somebody else holds: whose answer is awaited, until when, and what came of it.

create table lock_take_overs (
  id uuid primary key,                       -- of the message that asks the holder, and of its buttons
  asked_for uuid not null unique,            -- the command that asked: repeated, it asks no second time
  resource_id varchar(256) not null,
  fence bigint not null,                     -- of the very hold that was asked for: never of the next
  owner varchar(128) not null,
  holder_id text not null,                   -- the holder's Discord id: whose answer counts
  asker text not null,
  reason text,
  status text not null default 'asked' check (status in ('asked', 'let_go', 'kept', 'unanswered', 'gone')),
  answer_by timestamptz not null,
  created_at timestamptz not null default now(),
  ended_at timestamptz
);
create index lock_take_overs_asked on lock_take_overs (answer_by) where status = 'asked';
