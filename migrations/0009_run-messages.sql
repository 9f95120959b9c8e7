-- breaking: no
-- Commands that a workflow run carries on: their message shows the run, and they end with it.

create table workflow_followers (
  invocation_id uuid primary key references invocations on delete cascade,
  workflow_id varchar(64) not null,
  shown timestamptz,                         -- updated_at of the run that the message shows
  ended_at timestamptz
);
create index workflow_followers_open on workflow_followers (invocation_id) where ended_at is null;
create index workflow_followers_run on workflow_followers (workflow_id);
