-- breaking: no
-- What steps of runs were permitted to ship to targets that take an approval, and by which.

create table workflow_shipments (
  workflow_id varchar(64) not null,
  path text not null,
  target text not null,
  approval_id uuid references approval_requests,  -- null: the glass was broken
  at timestamptz not null default now(),
  primary key (workflow_id, path, target)
);
