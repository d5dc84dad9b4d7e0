"""The queue: acknowledged means durable, the order of work is told beforehand, and slots are a limit."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

from agentgate_engine.models.events import RunQueued, parse_payload
from agentgate_engine.models.ids import OrderId, RunId, order_of
from agentgate_engine.models.work_order import WorkOrder
from agentgate_engine.store.index import Index

from .site import Site, until


def span(site: Site, run_id: RunId) -> tuple[str, str]:
    """When an engine began with a run and when it was over."""
    events = {event.type.value: event.t for event in site.events(run_id)}
    return events["run:started"], events["run:complete"]


def test_a_submit_is_on_the_disk_when_it_is_acknowledged(small: Site) -> None:
    run_id = small.submit("touch done", "--priority", "7")
    order = WorkOrder.from_json((small.home / "work-orders" / f"{order_of(run_id)}.json").read_bytes(), "order")
    assert order.agent.command == "touch done"
    assert {path.name for path in small.layout(run_id).directory.iterdir()} == {
        *("run.json", "run.lock", "events.jsonl", "gate-plan.json", "profile.json", "processes"),
    }
    (event,) = small.events(run_id)
    born = parse_payload(event)
    assert isinstance(born, RunQueued)
    assert born.priority == 7
    index = Index.open_readonly(small.store.layout)
    row = index.row(run_id)
    index.close()
    assert row is not None
    assert (row.state, row.priority, row.position) == ("queued", 7, 1)


def test_status_says_how_long_the_queue_is_and_that_nobody_works_it(small: Site) -> None:
    for _ in range(2):
        small.submit("touch done")
    status = small.agentgate("status", "--json").document
    assert (status["waiting"], status["engines"]) == (2, 0)
    assert "agentgate serve" in status["advice"]


def test_orders_are_worked_by_priority_then_arrival(small: Site) -> None:
    low = small.submit("touch done", "--priority", "-5")
    first, second = small.submit("touch done"), small.submit("touch done")
    high = small.submit("touch done", "--priority", "5")
    small.work("--slots", "1")
    for run_id in (low, first, second, high):
        small.assert_ended_well(run_id)
    assert sorted((low, first, second, high), key=lambda run_id: span(small, run_id)) == [high, first, second, low]


def test_two_slots_work_twelve_orders_two_at_a_time(small: Site) -> None:
    runs = [small.submit("sleep 0.1; touch done") for _ in range(12)]
    small.work("--slots", "2")
    for run_id in runs:
        small.assert_ended_well(run_id)
    spans = [span(small, run_id) for run_id in runs]
    most = max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)
    assert most == 2


def test_two_engines_share_a_queue_without_working_anything_twice(small: Site) -> None:
    runs = [small.submit("echo once; touch done") for _ in range(8)]
    engines = [small.engine("--slots", "2") for _ in range(2)]
    for engine in engines:
        small.ended(engine)
    for run_id in runs:
        small.assert_ended_well(run_id)
        assert [line for line in small.agentgate("log", run_id).out.split() if line == "once"] == ["once"]
        assert {event.fence for event in small.events(run_id)} == {0, 1}


def test_an_order_that_arrives_while_an_engine_works_is_taken(small: Site) -> None:
    first = small.submit("sleep 1; touch done")
    engine = small.engine("--slots", "1")
    until(lambda: small.seen(first, "agent:started"), "the first order to be worked")
    second = small.submit("touch done", "--start")
    small.ended(engine)
    small.assert_ended_well(second)


def test_a_submit_killed_between_files_and_row_is_queued_by_the_next_engine(small: Site) -> None:
    """As if the row had never been written: the index is older than the run."""
    small.submit("touch done")
    before = (small.home / "index.db").read_bytes()
    small.agentgate("status")
    lost = small.submit("touch done")
    for suffix in ("-wal", "-shm"):
        (small.home / f"index.db{suffix}").unlink(missing_ok=True)
    (small.home / "index.db").write_bytes(before)
    small.work()
    small.assert_ended_well(lost)


def test_a_submit_killed_at_any_file_is_whole_or_gone(small: Site) -> None:
    """Killed at each rename and each event write: after the next engine there is a passed run, or nothing of it."""
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "left = int(sys.argv.pop(1))\n"
        "real = Path.replace\n"
        "def replace(path, target):\n"
        "    global left\n"
        "    left -= 1\n"
        "    if left < 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return real(path, target)\n"
        "Path.replace = replace\n"
        "from agentgate_engine.cli.main import run_command\n"
        "sys.exit(run_command(sys.argv[1:]))\n"
    )
    small.submit("touch done")
    outcomes: list[bool] = []
    for renames in range(6):
        known = set(small.store.run_ids())
        arguments = ["submit", "-p", "x", "-a", "command", "--command", "touch done"]
        done = subprocess.run(
            [sys.executable, "-c", program, str(renames), *arguments],
            cwd=small.repository,
            env=small.environment,
            capture_output=True,
            check=False,
        )
        small.work()
        fresh = [run_id for run_id in small.store.run_ids() if run_id not in known]
        outcomes.append(bool(fresh))
        for run_id in fresh:
            small.assert_ended_well(run_id)
        if done.returncode == 0:
            assert fresh, "it was acknowledged"
            break
    assert outcomes[0] is False
    assert outcomes[-1] is True
    assert small.agentgate("status", "--json").document["unreadable"] == []
    orders = {path.stem for path in (small.home / "work-orders").glob("*.json")}
    assert orders - {order_of(run_id) for run_id in small.store.run_ids()} <= {OrderId(name) for name in orders}


def test_doctor_makes_a_lost_index_again(small: Site) -> None:
    passed = small.submit("touch done")
    small.work()
    waiting = small.submit("touch done", "--priority", "3")
    for path in small.home.glob("index.db*"):
        path.unlink()
    done = small.agentgate("doctor", "--rebuild")
    assert "Traceback" not in done.err
    document = small.agentgate("status", "--json").document
    assert {run["run_id"]: run["state"] for run in document["runs"]} == {passed: "succeeded", waiting: "queued"}
    fence = small.run(waiting).fence
    small.work()
    small.assert_ended_well(waiting)
    small.assert_ended_well(passed)
    assert small.run(waiting).fence > fence + 1, "a rebuild raises every fence above any that it saw"


def test_an_order_whose_records_are_gone_fails_and_holds_nobody_up(small: Site) -> None:
    broken, good = small.submit("touch done"), small.submit("touch done")
    (small.layout(broken).gate_plan).unlink()
    small.work()
    small.assert_ended_well(good)
    small.assert_ended_well(broken, "failed_error")
    assert re.search(r"gate-plan\.json", small.run(broken).error or "")


def test_a_repository_removed_after_the_submit_fails_the_run_and_says_so(small: Site) -> None:
    run_id = small.submit("touch done")
    shutil.rmtree(small.repository)
    small.work()
    small.assert_ended_well(run_id, "failed_error")
    assert str(small.repository) in (small.run(run_id).error or "")


def test_a_run_whose_events_cannot_be_read_waits_and_says_why(small: Site) -> None:
    """It stayed in the list as if it were being worked. The others go on, and nothing of it is thrown away."""
    broken, good = small.submit("touch done"), small.submit("touch done")
    events = small.layout(broken).events
    events.write_bytes(b"no event\n" + events.read_bytes())
    small.work()
    assert small.run(good).result == "passed"
    row = next(r for r in small.agentgate("status", "--json").document["runs"] if r["run_id"] == broken)
    assert "events.jsonl" in row["now"]
    assert "unreadable" in row["now"]
    assert events.read_bytes().startswith(b"no event\n")
