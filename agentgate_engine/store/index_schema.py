"""The tables of `index.db`, and the questions that several readers ask of them.

Everything in here can be made again from the files: runs and jobs from the events, dependencies and the longest wait
from the orders, priorities, holds, the pause and the capacity from `control.jsonl`. So the order of a queue is told by
what stands in files (`queued_at`, then the id) and not by when a row was made.
"""

from __future__ import annotations

SCHEMA_VERSION = 2

SCHEMA = """
create table job(
  run_id text primary key, priority integer not null default 0,
  state text not null check(state in ('queued','claimed','done')), resumed integer not null default 0,
  queued_at text not null, owner text, fence integer not null default 0, cancel integer not null default 0,
  held text, max_wait_s real, boot text, boot_s real, waiting text, waiting_until text);
create index job_next on job(resumed desc, priority desc, queued_at, run_id) where state='queued';
create index job_claimed on job(owner) where state='claimed';
create table dependency(run_id text not null, order_id text not null, primary key(run_id, order_id)) without rowid;
create table setting(name text primary key, value text not null) without rowid;
create table run(
  id text primary key, order_id text not null, state text not null, result text, title text not null,
  repository text not null, agent text not null, iteration integer not null, max_iterations integer not null,
  levels text not null, now text not null, waiting text, error_type text, error text, tool_calls integer not null,
  tokens integer, cost_usd real, queued_at text not null, started_at text, completed_at text, updated_at text not null,
  engine text, fence integer not null, warnings integer not null, waiting_until text,
  retried integer not null default 0);
create index run_state on run(state, queued_at desc);
create index run_order on run(order_id);
create index run_completed on run(completed_at desc) where completed_at is not null;
create view unmet as
  select dependency.run_id, dependency.order_id, newest.state from dependency left join run newest on newest.id =
    (select id from run where order_id = dependency.order_id order by length(id) desc, id desc limit 1)
  where newest.result is not 'passed';
create view startable as
  select run_id, resumed, priority, queued_at from job where state='queued' and
    (resumed or (cancel=0 and held is null and not exists (select 1 from unmet where unmet.run_id = job.run_id)));
"""
"""`resumed` is set for a run that an engine had begun: it goes on whatever holds the others. `boot` and `boot_s` say
when a run was queued by a clock that nobody can set."""

ORDER = "resumed desc, priority desc, queued_at, run_id"
"""Who goes first, among the jobs that can start."""

_DEPENDENCY = """(select group_concat(words, ', ') from (select case
    when state is null then order_id || ' is gone; cancel this order'
    when state in ('failed', 'canceled') then order_id || ' ' || state || '; requeue it or cancel this order'
    else 'waits for ' || order_id end as words from unmet where unmet.run_id = job.run_id order by order_id))"""

_HELD_UP = f"""case when job.state is not 'queued' or job.resumed then null
    when job.cancel then 'operator: about to be canceled'
    when job.held is not null then 'operator: ' || job.held
    when exists (select 1 from unmet where unmet.run_id = job.run_id) then 'dependency: ' || {_DEPENDENCY}
    when pause.value is not null then 'operator: ' || pause.value
    else job.waiting end"""

DERIVED = ("waiting", "waiting_until", "priority", "position")
"""The fields of a row that are more than a column of `run`."""


def select_rows(columns: list[str]) -> str:
    """The query for rows of runs, `columns` being what they take from `run` as it is."""
    plain = ", ".join(f"run.{name}" for name in columns)
    return (
        f"select {plain}, coalesce(run.waiting, {_HELD_UP}) as waiting, "
        "coalesce(run.waiting_until, job.waiting_until) as waiting_until, "
        "coalesce(job.priority, 0) as priority, place.position as position "
        "from run left join job on job.run_id = run.id "
        "left join setting pause on pause.name = 'paused' left join "
        f"(select run_id, row_number() over (order by {ORDER}) as position from startable) place "
        "on place.run_id = run.id "
    )
