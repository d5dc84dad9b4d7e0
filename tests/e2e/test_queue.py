"""The queue: acknowledged means durable, the order of work is told beforehand, and slots are a limit."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest
from pydantic import JsonValue

from agentgate_engine.clock import Clock
from agentgate_engine.commands.submit import SubmitRequest, local, submit
from agentgate_engine.errors import StoreError
from agentgate_engine.models.events import RunQueued, parse_payload
from agentgate_engine.models.ids import OrderId, RunId, order_of
from agentgate_engine.models.work_order import WorkOrder
from agentgate_engine.orchestrator import Orchestrator
from agentgate_engine.slots import parking
from agentgate_engine.store.index import Index
from agentgate_engine.store.locks import FileLock
from agentgate_engine.store.store import Store
from agentgate_engine.work_order_queue import Claim, WorkOrderQueue

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
    """upstream.md L4: a submit leads to a run when a slot is free; nobody has to trigger it."""
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
        for run_id in small.store.run_ids():
            os.utime(small.layout(run_id).directory, (0, 0))
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


def serve_here(site: Site, say: Callable[[str], None] = lambda line: None, engine: str = "e-here") -> None:
    """An engine in this process, for what cannot be brought about from outside."""
    served = Orchestrator(site.store, site.environment, say, until_idle=True, engine=engine)

    async def serve() -> None:
        async with asyncio.timeout(30):
            await served.serve()

    asyncio.run(serve())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parking, "PARKED_S", 0.1)


@pytest.mark.usefixtures("impatient")
def test_a_run_whose_events_cannot_be_read_waits_and_says_why(small: Site) -> None:
    """It stayed in the list as if it were being worked. The others go on, and nothing of it is thrown away; an engine
    that ends when idle tries it a few times, so that nobody who waits for the run starts engine after engine."""
    broken, also, good = (small.submit("touch done") for _ in range(3))
    for run_id in (broken, also):
        events = small.layout(run_id).events
        events.write_bytes(b"no event\n" + events.read_bytes())
    lines: list[str] = []
    serve_here(small, lines.append)
    assert small.run(good).result == "passed"
    assert len([line for line in lines if line.startswith(f"{broken} waits")]) >= parking.PARKED_TRIES
    row = next(r for r in small.agentgate("status", "--json").document["runs"] if r["run_id"] == broken)
    assert "events.jsonl" in row["now"]
    assert "unreadable" in row["now"]
    assert small.layout(broken).events.read_bytes().startswith(b"no event\n")


@pytest.mark.usefixtures("impatient")
def test_a_parked_run_goes_on_once_its_store_was_repaired(small: Site) -> None:
    """It stayed claimed, and only the next engine tried it again."""
    run_id = small.submit("touch done")
    events = small.layout(run_id).events
    whole = events.read_bytes()
    events.write_bytes(b"no event\n")

    def repair(line: str) -> None:
        if "waits" in line:
            events.write_bytes(whole)

    serve_here(small, repair)
    small.assert_ended_well(run_id)


def test_a_run_that_ended_by_its_own_summary_is_not_tried_again(small: Site) -> None:
    run_id = small.submit("touch done")
    small.work()
    small.layout(run_id).events.write_bytes(b"no event\n")
    index = Index.open_writable(small.store.layout)
    with index.transaction() as database:
        database.execute("update job set state='queued'")
    serve_here(small)
    assert (index.jobs("done"), index.jobs("queued", "claimed")) == (1, 0)
    index.close()


def test_a_store_that_is_busy_for_a_while_does_not_end_the_engine(small: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = small.submit("touch done")
    real, faults, lines = WorkOrderQueue.claim, [StoreError("store.lock stayed taken")] * 3, list[str]()

    def claim(queue: WorkOrderQueue, engine: str, *, new: bool = True) -> Claim | None:
        if faults:
            raise faults.pop()
        return real(queue, engine, new=new)

    monkeypatch.setattr(WorkOrderQueue, "claim", claim)
    serve_here(small, lines.append)
    small.assert_ended_well(run_id)
    assert len([line for line in lines if "stayed taken" in line]) == 1


def test_the_work_of_another_living_engine_keeps_no_engine_up(small: Site) -> None:
    """upstream.md L6: what another living engine works is neither waited for nor failed."""
    small.submit("touch done")
    index = Index.open_writable(small.store.layout)
    assert WorkOrderQueue(index).claim("e-other")
    with FileLock.acquire(small.store.layout.engine_lock("e-other")):
        serve_here(small)
    assert index.jobs("claimed") == 1
    index.close()


def test_a_submit_killed_while_an_engine_works_is_queued_by_that_engine(small: Site) -> None:
    """Only a starting engine looked for them."""
    small.submit("sleep 4; touch done")
    lost = small.submit("touch done")
    index = Index.open_writable(small.store.layout)
    with index.transaction() as database:
        database.execute("delete from job where run_id=?", (lost,))

    def strand(line: str) -> None:
        if "starts" in line and lost in line and not again:
            again.append(small.submit("touch done"))
            with index.transaction() as database:
                database.execute("update job set state='done' where run_id=?", (again[0],))
                database.execute("delete from job where run_id=?", (again[0],))

    again: list[RunId] = []
    serve_here(small, strand)
    index.close()
    small.assert_ended_well(lost)
    small.assert_ended_well(again[0])


def test_a_submit_that_cannot_be_queued_leaves_no_row(small: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row of its run was left, and lists showed a run without files."""

    def enqueue(*_: object, **__: object) -> None:
        raise StoreError("full")

    monkeypatch.setattr(WorkOrderQueue, "enqueue", enqueue)
    settings: dict[str, JsonValue] = {"agentDriver.type": "command", "agentDriver.command": "touch done"}
    request = SubmitRequest("mend", local(small.repository), settings)
    small.home.parent.mkdir()
    store = Store.create_or_open(small.home)
    with pytest.raises(StoreError, match="full"):
        submit(store, request, small.environment, Clock())
    index = Index.open_readonly(store.layout)
    assert (index.rows(), store.run_ids()) == ([], [])
    index.close()


def test_a_run_that_lost_its_plan_fails_only_when_nothing_of_it_runs(small: Site) -> None:
    """upstream.md L5: it was said to have ended, with its agent at work and its workspace left."""
    run_id = small.submit("sleep 600")
    engine = small.engine()
    until(lambda: small.seen(run_id, "agent:started"), "the agent to run")
    engine.kill()
    engine.wait()
    small.layout(run_id).gate_plan.unlink()
    small.work()
    small.assert_ended_well(run_id, "failed_error")
    assert small.seen(run_id, "workspace:released")
