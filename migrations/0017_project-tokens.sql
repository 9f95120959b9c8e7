-- breaking: no
-- Tokens of Linear projects that people installed the app for. Sealed: without the key of src/platform/sealed.ts these
-- rows open nothing.
create table project_tokens (
  project text primary key,
  sealed text not null,                      -- access and refresh token
  expires_at timestamptz not null,           -- of the access token
  refreshed_at timestamptz not null default now()
);

-- Installations that were begun and not come back from yet.
create table project_installations (
  state_hash text primary key,               -- SHA-256 of what comes back with the answer, in hex
  project text not null,
  expires_at timestamptz not null
);
