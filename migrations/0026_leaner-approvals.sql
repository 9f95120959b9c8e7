-- breaking: yes
-- A request that waits says each thing once: thousands of them may wait for weeks.

-- What it takes is the same for many, so it is pinned once for each policy that there ever was.
create table approval_requirements (
  hash bytea primary key,                    -- SHA-256 of `content`
  content jsonb not null
);
insert into approval_requirements (hash, content)
  select distinct sha256(convert_to(required::text, 'UTF8')), required from approval_requests;

alter table approval_requests
  add column requirement bytea references approval_requirements,
  add column kind text check (kind in ('deployment', 'gate')),
  add column turn text,                      -- the deployment's round, or the signal of the run's gate
  add column path text check ((path is null) = (kind = 'deployment'));
update approval_requests set
  requirement = sha256(convert_to(required::text, 'UTF8')),
  kind = subject ->> 'kind',
  turn = coalesce(subject ->> 'round', subject ->> 'signal'),
  path = subject ->> 'path';
drop index approval_requests_task;
alter table approval_requests
  alter column requirement set not null,
  alter column kind set not null,
  alter column turn set not null,
  alter column digest type bytea using decode(digest, 'hex'),
  drop column required,
  drop column subject,
  drop column subject_key,
  -- What waits, and for which round: asked twice, it is one request.
  add unique (task_id, kind, turn);

alter table approval_links alter column digest type bytea using decode(digest, 'hex');

-- A notice's id is made of its key.
alter table notices drop constraint notices_key_key;
