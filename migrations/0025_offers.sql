-- breaking: no
-- A button on a command's message that its person may press once and in time: to confirm it, or to undo it.
create table offers (
  id uuid primary key references invocations (id) on delete cascade, -- of the command, and of the button
  lapsed jsonb not null,                     -- what the message says from then on: {state, title}
  taken jsonb not null,
  expires_at timestamptz not null,
  press text,                                -- the interaction that took it: the only one
  settled_at timestamptz                     -- since then the message says so, and has no button any more
);
create index offers_open on offers (expires_at) where settled_at is null;
