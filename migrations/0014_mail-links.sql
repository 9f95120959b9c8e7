-- breaking: no
-- Which mail went to whom, and the links in mails by which one person decides one request.

create table notice_mails (
  message_id text primary key,               -- without brackets; the same at every try
  seq bigint generated always as identity,
  story text not null,                       -- the first mail of a story to an address opens its conversation
  address text not null,
  status text not null default 'sending' check (status in ('sending', 'sent', 'unknown', 'failed', 'blocked', 'refused')),
  reason text,
  tries integer not null default 0,
  created_at timestamptz not null default now(),
  tried_at timestamptz
);
create index notice_mails_conversation on notice_mails (story, address, seq);
create index notice_mails_age on notice_mails (created_at);

create table approval_links (
  token_hash bytea primary key,              -- SHA-256; the token itself stands in the mail only
  approval_id uuid not null,
  digest text not null,                      -- of what the mail showed
  decision text not null check (decision in ('approve', 'reject')),
  person text not null,                      -- whose decision it makes, and nobody else's
  address text not null,                     -- the mailbox it was sent to
  expires_at timestamptz not null,
  used_at timestamptz,                       -- set on all links of that person once their decision counts
  code_hash bytea,                           -- keyed by the token: who reads this table can't try out a million codes
  code_expires_at timestamptz,
  code_sent_at timestamptz,
  code_tries integer not null default 0,     -- of the present code
  codes_sent integer not null default 0,
  created_at timestamptz not null default now()
);
create index approval_links_request on approval_links (approval_id, person);
create index approval_links_age on approval_links (expires_at);
