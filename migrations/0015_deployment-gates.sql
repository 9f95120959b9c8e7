-- breaking: no
-- A deployment to a guarded target first reads what it would ship, and waits for people's approval of exactly that.

alter table deployments drop constraint deployments_phase_check;
alter table deployments add constraint deployments_phase_check
  check (phase in ('inspecting', 'parked', 'requested', 'dispatching', 'locating', 'watching', 'finished'));
