-- breaking: yes
-- Reactions are read by when they were made, not thread by thread.
alter table linear_threads drop column looked_at;
create index linear_threads_open on linear_threads (approval_id) where closed_at is null;
