-- breaking: no
-- What people proved to be theirs, the codes they prove it by, their tokens, and the windows in which somebody lets
-- themselves through. Who is a person at all, and with which roles, is signalbox.yaml's to say.

create table linked_accounts (
  kind text not null check (kind in ('github', 'linear', 'email')),
  account_id varchar(320) not null,          -- logins and addresses in lower case
  principal varchar(64) not null,
  linked_at timestamptz not null default now(),
  primary key (kind, account_id)             -- no account belongs to two
);
create index linked_accounts_principal on linked_accounts (principal);

-- One for each person and kind: a new code ends the one before. Codes are kept as hashes only.
create table account_codes (
  principal varchar(64) not null,
  kind text not null check (kind in ('github', 'linear', 'email')),
  hash char(64) not null unique,
  account_id varchar(320),                   -- where it was mailed, or who posted it
  wrong_tries integer not null default 0,
  outcome text check (outcome in ('linked', 'taken')),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (principal, kind)
);
create index account_codes_open on account_codes (kind, expires_at) where outcome is null;

create table personal_tokens (
  hash char(64) primary key,
  principal varchar(64) not null,
  made_for text not null unique,             -- the press of a button that asked for it: repeated, it makes no second
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz
);
create unique index personal_tokens_valid on personal_tokens (principal) where revoked_at is null;

create table break_glass (
  id uuid primary key,                       -- the command's: repeated, it opens no second window
  principal varchar(64) not null,
  reason text not null,
  channel_id text,                           -- the Discord channel it was done in
  opened_at timestamptz not null default now(),
  ends_at timestamptz not null,
  ended_at timestamptz                       -- by hand, or once its time was up and that was told
);
create index break_glass_principal on break_glass (principal, ends_at);

-- What was let through: once each, however often it is asked about.
create table break_glass_uses (
  break_glass_id uuid not null references break_glass,
  subject text not null,
  title text not null,
  used_at timestamptz not null default now(),
  primary key (break_glass_id, subject)
);

-- The history of all of it, which only grows. Never a code or a token.
create table account_events (
  id bigint generated always as identity primary key,
  principal varchar(64) not null,
  event text not null check (event in (
    'code_shown', 'code_mailed', 'code_wrong', 'linked', 'link_refused', 'unlinked', 'token_made', 'token_revoked',
    'glass_broken', 'glass_used', 'glass_ended'
  )),
  kind text,
  account_id varchar(320),
  note text,
  at timestamptz not null default now()
);
create index account_events_principal on account_events (principal, id);
