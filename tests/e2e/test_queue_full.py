"""A full queue on real engines: many orders at few slots, engines that die, and limits that hold."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest
from pydantic import JsonValue

from agentgate_engine.clock import Clock
from agentgate_engine.commands.submit import SubmitRequest, local, submit
from agentgate_engine.models.ids import RunId
from agentgate_engine.store.index import Index
from agentgate_engine.store.store import Store
from agentgate_engine.work_order_queue import WorkOrderQueue

from .site import Site, agentgate_command, until

PATIENCE_S = 180.0


def submit_many(site: Site, count: int, command: str) -> list[RunId]:
    """As `agentgate submit`, without a process each."""
    site.home.parent.mkdir(exist_ok=True)
    store = Store.create_or_open(site.home)
    settings: dict[str, JsonValue] = {"agentDriver.type": "command", "agentDriver.command": command}
    request = SubmitRequest("mend it", local(site.repository), settings)
    return [submit(store, request, site.environment, Clock()).run_id for _ in range(count)]


def counting(directory: Path) -> str:
    """An agent that notes how many of its kind are at work while it is, and that it was there at all."""
    directory.mkdir()
    inside = f"{directory}/inside.$$"
    return f"touch {inside}; ls {directory}/inside.* | wc -l >> {directory}/seen; touch done; rm {inside}"


def span(site: Site, run_id: RunId) -> tuple[str, str]:
    """When an engine began with a run and when it was over."""
    events = {event.type.value: event.t for event in site.events(run_id)}
    return events["run:started"], events["run:complete"]


def most_at_once(site: Site, runs: list[RunId]) -> int:
    spans = [span(site, run_id) for run_id in runs]
    return max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)


def test_100_orders_at_2_slots_all_finish_two_at_a_time(small: Site) -> None:
    """upstream.md 3.3 and L4: 100 orders at 2 slots all finish, never more than 2 at once, none refused."""
    place = small.root / "count"
    runs = submit_many(small, 100, counting(place))
    refused = small.agentgate("submit", "-p", "one more", "-a", "command", "--command", "touch done")
    assert refused.code == 2
    assert "QUEUE_FULL" in refused.err
    assert "100" in refused.err
    assert len(small.store.run_ids()) == 100, "nothing of it is left"
    assert len(list((small.home / "work-orders").iterdir())) == 100
    engine = small.engine("--slots", "2")
    assert engine.wait(PATIENCE_S) == 0, small.log()
    assert {small.run(run_id).result for run_id in runs} == {"passed"}
    assert max(map(int, (place / "seen").read_text().split())) <= 2
    assert len((place / "seen").read_text().split()) == 100, "each agent ran once"
    assert most_at_once(small, runs) == 2
    document = small.agentgate("status", "--json", "-n", "0").document
    assert (document["passed"], document["waiting"], document["total"]) == (100, 0, 100)


def test_an_engine_that_is_killed_in_the_middle_loses_nothing_and_repeats_nothing(small: Site) -> None:
    """upstream.md 7.8: kill -9 and restart: same order, none lost or run twice."""
    place = small.root / "count"
    runs = submit_many(small, 12, counting(place))
    engine = small.engine("--slots", "2")
    until(lambda: sum(small.seen(run_id, "run:complete") for run_id in runs) >= 3, "some of them to end")
    engine.kill()
    engine.wait()
    left = [run_id for run_id in runs if not small.seen(run_id, "run:started")]
    waiting = small.agentgate("queue", "--json").document["orders"]
    assert [order["runId"] for order in waiting if order["state"] == "waiting"] == left
    small.work("--slots", "2")
    for run_id in runs:
        small.assert_ended_well(run_id)
    assert len((place / "seen").read_text().split()) == 12, "each agent ran once"
    begun = sorted(left, key=lambda run_id: span(small, run_id))
    assert begun == left, "in the same order"


def test_three_engines_on_one_store_keep_to_their_slots_and_share_no_order(small: Site) -> None:
    """upstream.md 7.10: two runners on one store never start the same order; limits are those of the engines."""
    place = small.root / "count"
    runs = submit_many(small, 15, counting(place))
    engines = [small.engine("--slots", "1") for _ in range(3)]
    for engine in engines:
        small.ended(engine)
    for run_id in runs:
        small.assert_ended_well(run_id)
    assert len((place / "seen").read_text().split()) == 15, "each agent ran once"
    assert most_at_once(small, runs) <= 3
    claimed = Counter(small.run(run_id).engine for run_id in runs)
    assert sum(claimed.values()) == 15


def test_an_order_that_waited_too_long_ends_while_all_slots_are_busy(small: Site) -> None:
    """upstream.md 7.7: a starved order times out while all slots stay busy; 4.8: it says QUEUE_TIMEOUT."""
    busy = small.submit("sleep 600")
    engine = small.engine("--slots", "1")
    until(lambda: small.seen(busy, "agent:started"), "the slot to be taken")
    starved, patient = small.submit("touch done", "--max-wait", "1"), small.submit("touch done")
    until(lambda: small.agentgate("list", "-s", "failed", "--json").document["total"], "the starved order to end")
    small.assert_ended_well(starved, "failed_timeout")
    error = small.run(starved).build_error
    assert error is not None
    assert error.context["code"] == "QUEUE_TIMEOUT"
    assert error.message.startswith("QUEUE_TIMEOUT: ")
    assert small.run(busy).state == "building"
    assert small.run(patient).state == "queued"
    why = small.agentgate("why", starved)
    assert "QUEUE_TIMEOUT" in why.out
    engine.kill()


def test_an_order_that_waited_too_long_while_no_engine_lived_ends_with_the_next(small: Site) -> None:
    """upstream.md 7.7: a restarted engine checks it too, before it starts anything."""
    starved, good = small.submit("touch done", "--max-wait", "1"), small.submit("touch done")
    index = Index.open_writable(small.store.layout)
    until(WorkOrderQueue(index).overdue, "its time to be over")
    index.close()
    small.work("--slots", "1")
    small.assert_ended_well(starved, "failed_timeout")
    small.assert_ended_well(good)
    assert not small.seen(starved, "run:started")


@pytest.mark.parametrize(("option", "kind"), [("--min-memory", "memory"), ("--min-disk", "disk")])
def test_below_the_floor_nothing_starts_and_every_list_says_why(small: Site, option: str, kind: str) -> None:
    """upstream.md L8: below the floor nothing starts and the reason is shown."""
    first, second = small.submit("touch done"), small.submit("touch done")
    engine = small.engine("--slots", "1", option, str(1 << 29))

    def now() -> dict[str, str]:
        return {run["run_id"]: run["now"] for run in small.agentgate("status", "--json").document["runs"]}

    until(lambda: f"{kind}: " in now()[first], "the reason to be shown")
    shown = now()
    assert shown[first].startswith(f"queued #1: {kind}: ")
    assert f"{1 << 29} MB needed" in shown[first]
    assert shown[second] == "queued #2", "only who is next is held up by it"
    orders = small.agentgate("queue", "--json").document["orders"]
    assert orders[0]["waiting"].startswith(f"{kind}: ")
    until(lambda: small.agentgate("engines", "--json").document["engines"][0]["waits"], "the engine's record")
    small.agentgate("stop")
    assert engine.wait(30) == 0
    assert now()[first].startswith("queued #1") and f"{kind}: " not in now()[first], "the reason went with its engine"
    small.work()
    small.assert_ended_well(first)


def test_starts_are_as_far_apart_as_the_engine_was_told(small: Site) -> None:
    """upstream.md L8: stagger. The wait is shown with when it ends."""
    first, second = small.submit("touch done"), small.submit("touch done")
    engine = small.engine("--slots", "2", "--stagger", "600")
    until(lambda: small.seen(first, "run:complete"), "the first to end")

    def waits() -> str:
        return next(
            run["now"] for run in small.agentgate("status", "--json").document["runs"] if run["run_id"] == second
        )

    until(lambda: "stagger: starts are 600 s apart, next in 9m" in waits(), "the reason to be shown")
    assert small.run(second).state == "queued"
    engine.kill()


def test_twenty_who_ask_for_an_engine_at_once_get_one(small: Site) -> None:
    """upstream.md L14: 20 parallel triggers never exceed the limit; L4: a submit leads to a run by itself."""
    place = small.root / "count"
    agent = counting(place)
    small.submit("touch done")
    ask = [*agentgate_command(), "submit", "-p", "x", "-a", "command", "--command", agent, "--start", "--json"]
    environment = small.environment | {"AGENTGATE_SLOTS": "2"}
    asking = [
        subprocess.Popen(ask, cwd=small.repository, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(20)
    ]
    try:
        for each in asking:
            each.communicate(timeout=120)
            assert each.returncode == 0
    finally:
        for each in asking:
            each.kill()
    engines = small.agentgate("engines", "--json").document["engines"]
    assert len(engines) == 1
    assert engines[0]["slots"] == 2
    runs = small.store.run_ids()
    until(lambda: all(small.run(run_id).result == "passed" for run_id in runs), "all to pass", 120)
    assert max(map(int, (place / "seen").read_text().split())) <= 2
    assert most_at_once(small, runs) <= 2
    assert small.agentgate("stop").code == 0
