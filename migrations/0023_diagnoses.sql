-- breaking: no
-- Runs of the diagnose workflow that are followed to their end.

create table diagnoses (
  id uuid primary key,                       -- of its message; of the command too where it is the command's own
  state jsonb not null,                      -- src/verification/diagnosis.ts: DiagnosisState
  phase text not null check (phase in ('requested', 'dispatching', 'locating', 'watching', 'reading', 'ended')),
  fence integer not null default 0,          -- raised by each claim; a commit with an older one is refused
  lease_until timestamptz,
  look_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  ended_at timestamptz
);
create index diagnoses_due on diagnoses (look_at) where phase <> 'ended';
create index diagnoses_ended on diagnoses (ended_at) where phase = 'ended';
