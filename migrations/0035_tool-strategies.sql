-- breaking: no
-- How many of their tools agents are shown, where somebody decided otherwise than signalbox.yaml. The last row holds.

create table tool_strategy_switches (
  id bigint generated always as identity primary key,
  strategy text not null check (strategy in ('minimal', 'profile', 'progressive', 'full')),
  reason text not null,
  switched_by text not null,
  at timestamptz not null default now()
);
