-- breaking: no
-- Conversations with people, and what the language model has cost each day.

create table chat_sessions (
  id text primary key check (id like 'session-%'),
  owner text not null,                       -- who alone may speak in it: person:<principal> or discord:<id>
  place text,                                -- discord:<channel or thread>; null: over HTTP
  pending jsonb,                             -- what was asked back, and what is known so far
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index chat_sessions_place on chat_sessions (owner, place) where place is not null;
create index chat_sessions_age on chat_sessions (updated_at);

create table chat_messages (
  id bigint generated always as identity primary key,
  session_id text not null references chat_sessions on delete cascade,
  role text not null check (role in ('user', 'assistant', 'system')),
  content text not null,
  metadata jsonb not null default '{}',
  correlation_id text not null,              -- of the message of the person: an answer has that of its question
  created_at timestamptz not null default now()
);
create index chat_messages_session on chat_messages (session_id, id);
create unique index chat_messages_once on chat_messages (correlation_id, role);

-- One row a day, by UTC: what calls have reserved and, once they ended, used.
create table llm_spending (
  day date primary key,
  tokens bigint not null default 0,
  dollars numeric not null default 0
);
