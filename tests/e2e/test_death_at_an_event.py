"""A6: an engine killed just before and just after each event of a run; the run always ends as if nothing had been."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentgate_engine.models.ids import RunId

from .site import PATIENCE_S, Site, git

MORTAL = Path(__file__).with_name("mortal_engine.py")
AGENT = 'echo "it $AGENTGATE_ITERATION"; if [ -n "$AGENTGATE_FEEDBACK_FILE" ]; then touch done; fi'
ONCE = ("run:started", "workspace:acquired", "delivery:started", "branch:pushed", "delivery:complete", "run:complete")
ONCE = (*ONCE, "workspace:released")
EACH_ITERATION = (
    *("iteration:started", "agent:started", "agent:complete", "snapshot:created", "verification:started"),
    *("check:started", "check:finished", "verification:complete", "strategy:decision", "iteration:complete"),
)
POINTS = [*((kind, 0) for kind in ONCE), *((kind, 1) for kind in EACH_ITERATION), ("feedback:generated", 1)]
LATER_POINTS = [(kind, 2) for kind in EACH_ITERATION]


def die(site: Site, moment: str, kind: str, iteration: int) -> None:
    """Have an engine work until it reaches the event, and dies of it."""
    engine = site.engine(program=(sys.executable, "-m", "tests.e2e.mortal_engine", moment, kind, str(iteration)))
    try:
        assert engine.wait(PATIENCE_S) == -signal.SIGKILL, site.log()
    except subprocess.TimeoutExpired:
        raise AssertionError(f"no {kind}: {site.log()}") from None


def assert_as_if_nothing_had_been(site: Site, run_id: RunId) -> None:
    site.assert_ended_well(run_id)
    kinds = [event.type.value for event in site.events(run_id)]
    for kind in ("snapshot:created", "verification:complete", "iteration:complete", "agent:started", "agent:complete"):
        assert kinds.count(kind) == 2, kind
    for kind in ("run:queued", "run:started", "feedback:generated", "delivery:complete", "workspace:released"):
        assert kinds.count(kind) == 1, kind
    assert not (site.home / "workspaces" / run_id).exists()
    processes = {path.name for path in site.layout(run_id).processes.iterdir()}
    assert processes == {"1-agent-1-1", "1-check-1-1", "2-agent-1-1", "2-check-1-1"}
    assert git(site.repository, "rev-list", "--count", f"main..agentgate/{run_id}") == "2"
    assert list((site.home / "engines").glob("*.json")) == [], "dead engines leave nothing for good"


def suffer(site: Site, kind: str, iteration: int) -> None:
    run_id = site.submit(AGENT)
    for moment in ("before", "after"):
        die(site, moment, kind, iteration)
    site.work()
    assert_as_if_nothing_had_been(site, run_id)


@pytest.mark.parametrize(
    ("kind", "iteration"),
    [pytest.param(*point, marks=[pytest.mark.full] if at % 2 else []) for at, point in enumerate(POINTS)],
)
def test_an_engine_killed_before_and_one_killed_after_an_event(mortal: Site, kind: str, iteration: int) -> None:
    suffer(mortal, kind, iteration)


@pytest.mark.full
@pytest.mark.parametrize(("kind", "iteration"), LATER_POINTS)
def test_the_same_in_the_second_iteration(mortal: Site, kind: str, iteration: int) -> None:
    suffer(mortal, kind, iteration)


def test_the_points_above_are_all_the_events_of_a_passing_run(mortal: Site) -> None:
    run_id = mortal.submit(AGENT)
    mortal.work()
    seen = {event.type.value for event in mortal.events(run_id)}
    assert seen - {"run:queued"} == {kind for kind, _ in POINTS}


@pytest.fixture
def mortal(small: Site) -> Site:
    """A machine whose engines can find the program above."""
    assert MORTAL.is_file()
    small.environment["PYTHONPATH"] = str(MORTAL.parents[2])
    return small
