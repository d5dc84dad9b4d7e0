"""Cancel: the whole process tree is gone within seconds, whoever has the run, and it ends exactly once."""

from __future__ import annotations

import shutil
import time

from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.ids import RunId
from agentgate_engine.store.control_log import add_wish
from agentgate_engine.workspace.manager import WorkspaceManager

from .site import Site, until

STUBBORN = (
    "trap '' TERM INT HUP; (trap '' TERM; setsid sleep 600) & (setsid sh -c 'trap \"\" TERM; sleep 600 & sleep 600' &);"
    " touch ready; while :; do sleep 0.05; done"
)
BOUND_S = 8.0
"""The promise is 5 s; the rest is for a busy test machine."""


def cancel(site: Site, run_id: RunId, outcome: str = "done") -> None:
    began = time.monotonic()
    done = site.agentgate("cancel", run_id[:6], "--reason", "not needed", "--json")
    took = time.monotonic() - began
    assert done.code == 0, done.err
    assert (done.document["run_id"], done.document["outcome"]) == (run_id, outcome)
    if outcome == "done":
        assert site.leftovers(run_id) == []
        assert took < BOUND_S
        assert site.run(run_id).error is not None
        assert "not needed" in str(site.run(run_id).error)


def test_a_queued_run_is_canceled_at_once_and_never_starts(small: Site) -> None:
    run_id, other = small.submit("touch done"), small.submit("touch done")
    cancel(small, run_id)
    small.work()
    small.assert_ended_well(run_id, "canceled")
    small.assert_ended_well(other)
    assert not small.seen(run_id, "run:started")
    assert small.agentgate("cancel", run_id, "--json").document["outcome"] == "already"


def test_an_agent_that_ignores_sigterm_is_gone_with_all_its_children(small: Site) -> None:
    """upstream.md L2: the tree is gone, run and order are canceled, and the engine goes on with the next order."""
    run_id, after = small.submit(STUBBORN), small.submit("touch done")
    engine = small.engine("--slots", "1")
    until(lambda: list((small.home / "workspaces" / run_id).glob("*/ready")), "the agent to work")
    until(lambda: len(small.leftovers(run_id)) > 4, "its children to run")
    cancel(small, run_id)
    small.ended(engine)
    small.assert_ended_well(run_id, "canceled")
    assert small.run(run_id).state == "canceled"
    kinds = [event.type for event in small.events(run_id)]
    assert kinds.count(EventType.CONTROL_APPLIED) == 1
    assert small.layout(run_id).iteration(1).exists()
    assert small.layout(run_id).agent(1).exists()
    assert "canceled" in small.agentgate("why", run_id).out
    small.assert_ended_well(after)
    assert small.run(after).engine == small.run(run_id).engine, "the same engine served it"


def test_a_cancel_during_verification_ends_the_check(small: Site) -> None:
    small.commit(
        {"verify.yaml": "tests:\n  - {name: slow, command: trap '' TERM; setsid sleep 600 & sleep 600}\n"}, "s"
    )
    run_id = small.submit("touch done")
    engine = small.engine()
    until(lambda: small.seen(run_id, "check:started"), "the check to run")
    until(lambda: len(small.leftovers(run_id)) > 1, "its processes to run")
    cancel(small, run_id)
    small.ended(engine)
    small.assert_ended_well(run_id, "canceled")


def test_a_run_whose_engine_died_is_canceled_without_an_engine(small: Site) -> None:
    run_id = small.submit(STUBBORN)
    engine = small.engine()
    until(lambda: len(small.leftovers(run_id)) > 4, "the agent to run")
    engine.kill()
    engine.wait()
    cancel(small, run_id)
    small.assert_ended_well(run_id, "canceled")
    small.work()
    small.assert_ended_well(run_id, "canceled")
    assert not small.seen(run_id, "run:resumed")


def test_a_cancel_without_an_engine_keeps_what_the_agent_had_done(small: Site) -> None:
    run_id = small.submit("echo half > half.txt; touch ready; sleep 600")
    abandon(small, run_id)
    cancel(small, run_id)
    workspace = WorkspaceManager(small.store.layout.workspaces).open(run_id)
    assert workspace.read_file_at("refs/agentgate/interrupted/1-unfinished", "half.txt") == b"half\n"


def test_a_cancel_says_when_it_cannot_keep_what_the_agent_had_done(small: Site) -> None:
    run_id = small.submit("touch ready; sleep 600")
    abandon(small, run_id)
    shutil.rmtree(small.home / "workspaces" / run_id)
    cancel(small, run_id)
    small.assert_ended_well(run_id, "canceled")
    assert small.seen(run_id, "run:warning")


def abandon(site: Site, run_id: RunId) -> None:
    """Kill the engine of a run whose agent is at work."""
    engine = site.engine()
    until(lambda: list((site.home / "workspaces" / run_id).glob("*/ready")), "the agent to work")
    engine.kill()
    engine.wait()


def test_a_cancel_that_was_only_written_down_is_applied_by_the_next_engine(small: Site) -> None:
    """The canceling command was killed after it had recorded the wish."""
    run_id = small.submit("touch done")
    add_wish(small.store.layout, action="cancel", run=run_id, by="olga@here", t="2026-01-01T00:00:00.000Z")
    small.work()
    small.assert_ended_well(run_id, "canceled")
    assert "olga@here" in str(small.run(run_id).error)
    assert not small.seen(run_id, "agent:started")


def test_a_wish_of_an_unknown_kind_does_not_stop_the_engine_nor_the_wishes_after_it(small: Site) -> None:
    run_id, other = small.submit("touch done"), small.submit("touch done")
    with (small.home / "control.jsonl").open("ab") as log:
        log.write(b'{"seq":0,"action":"reticulate","runId":"x"}\n')
    add_wish(small.store.layout, action="cancel", run=run_id, by="olga", t="2026-01-01T00:00:00.000Z")
    small.work()
    small.assert_ended_well(run_id, "canceled")
    small.assert_ended_well(other)
    assert "reticulate" in small.log()


def test_canceling_a_run_that_ended_changes_nothing(small: Site) -> None:
    run_id = small.submit("touch done")
    small.work()
    before = (small.layout(run_id).events).read_bytes()
    cancel(small, run_id, "already")
    small.assert_ended_well(run_id)
    assert small.layout(run_id).events.read_bytes() == before


def test_cancel_and_engine_start_together_end_the_run_once(small: Site) -> None:
    for _ in range(3):
        run_id = small.submit("sleep 0.3; touch done")
        engine = small.engine()
        done = small.agentgate("cancel", run_id, "--json")
        assert done.document["outcome"] in ("done", "already"), done.err
        small.ended(engine)
        small.assert_ended_well(run_id, str(small.run(run_id).result))
