-- breaking: no
-- Which commit a step of a run was permitted to ship: an approval that binds none covers the first one alone.

alter table workflow_shipments add column sha text;  -- null: the glass was broken over a branch
