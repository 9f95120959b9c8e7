-- breaking: no
-- What ended runs of workflows were worth. They outlive the runs: the history is what later ones are compared with.

create table evaluations (
  workflow_id varchar(64) primary key,
  workflow_type varchar(128) not null,
  version integer not null,                  -- of the run: retried, it ends again
  completed_at timestamptz not null,
  score numeric,                             -- null: no agent did anything in it, so there is nothing to say
  success_rate numeric,
  seconds numeric not null,
  body json,                                 -- src/evaluation/score.ts: Evaluation
  agents jsonb not null default '{}'         -- by agent: {tasks, succeeded, seconds, points}
);
create index evaluations_type on evaluations (workflow_type, completed_at) where score is not null;
create index evaluations_age on evaluations (completed_at);
