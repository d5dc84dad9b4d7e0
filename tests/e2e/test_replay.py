"""The events of real runs rebuild them, and every moment of their past is a run that the models accept."""

from __future__ import annotations

from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import Event, parse_payload
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.run import Run
from agentgate_engine.models.run_state import RunState
from agentgate_engine.store.run_reducer import reduce_event, replay

from .site import Site

AGENTS = {
    "passed": 'echo "it $AGENTGATE_ITERATION"; test -z "$AGENTGATE_FEEDBACK_FILE" || touch done',
    "failed_verification": "touch wrong",
    "failed_build": "exit 9",
}


def past(events: list[Event]) -> list[Run]:
    """The run after each of its events."""
    moments: list[Run] = []
    run: Run | None = None
    for event in events:
        run = reduce_event(run, event)
        moments.append(run)
    return moments


def test_events_of_real_runs_rebuild_run_json_and_every_moment_before(small: Site) -> None:
    runs = {result: small.submit(command) for result, command in AGENTS.items()}
    small.work()
    for result, run_id in runs.items():
        small.assert_ended_well(run_id, result)
        check_the_past(small, run_id)


def check_the_past(small: Site, run_id: RunId) -> None:
    events = small.events(run_id)
    moments = past(events)
    assert moments[0].state is RunState.QUEUED
    assert [run.state.terminal for run in moments].count(True) >= 1
    for event, run in zip(events, moments, strict=True):
        assert type(parse_payload(event)).type is event.type
        assert Run.from_json(run.to_json(), "moment") == run
        assert run.last_seq == event.seq
        assert len(run.levels) == 4
        assert run.state.terminal == (run.result is not None) == (run.completed_at is not None)
        assert 0 <= run.iteration <= run.max_iterations
    ended = next(n for n, run in enumerate(moments) if run.state.terminal)
    assert {run.state for run in moments[ended:]} == {moments[ended].state}, "a terminal run never changes its state"
    assert {event.type for event in events[ended + 1 :]} <= {EventType.WORKSPACE_RELEASED}
    assert replay(events) == moments[-1]


def test_a_run_without_trouble_tells_this_and_nothing_else(site: Site) -> None:
    """upstream.md 10.1: the exact sequence of a run that passes at once."""
    verify = 'version: "1"\nname: p\nsanity: false\ntests: [{name: done, command: test -f done}]\n'
    site.make_repository({"README.md": "# Project\n", "verify.yaml": verify})
    run = site.submit("touch done")
    site.work()
    site.assert_ended_well(run)
    assert [str(event.type) for event in site.events(run)] == [
        *("run:queued", "run:started", "workspace:acquired"),
        *("iteration:started", "agent:started", "agent:complete", "snapshot:created"),
        *("verification:started", "check:started", "check:finished", "check:started", "check:finished"),
        *("verification:complete", "strategy:decision"),
        *("delivery:started", "branch:pushed", "delivery:complete"),
        *("iteration:complete", "run:complete", "workspace:released"),
    ]
