"""The decision of a strategy, found again in the events."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from agentgate_engine.models.events import Event, Payload, RunWarned, StrategyDecision, VerificationComplete
from agentgate_engine.phases.loop import Loop
from agentgate_engine.phases.run_context import RunContext

VERIFIED = VerificationComplete(file="verification-1.json", passed=False, summary="failed", levels="+x..")
STOP = StrategyDecision(strategy="fixed", go_on=False, reason="the limit of 1 iterations is reached")
WARNED = RunWarned(warning="notification", message="the hook failed")


def loop_after(*told: tuple[Payload, int | None]) -> Loop:
    events = [
        Event(
            seq=seq,
            t="2026-01-01T00:00:00.000Z",
            type=payload.type,
            run_id="abcd2345.1",
            work_order_id="abcd2345",
            iteration=iteration,
            fence=1,
            data=payload.model_dump(mode="json", by_alias=True),
        )
        for seq, (payload, iteration) in enumerate(told)
    ]
    run = SimpleNamespace(iteration=1)
    return Loop(cast(RunContext, SimpleNamespace(run=run, persister=SimpleNamespace(events=events))))


def test_a_warning_of_the_whole_run_does_not_hide_the_decision() -> None:
    """A notification hook that fails is told outside of any iteration, and may be told last."""
    assert loop_after((VERIFIED, 1), (STOP, 1), (WARNED, None)).told() == STOP


def test_a_verification_after_the_decision_asks_for_another() -> None:
    """The checks of a pull request are judged after the run's own had passed."""
    assert loop_after((VERIFIED, 1), (STOP, 1), (VERIFIED, 1)).told() is None
    assert loop_after((VERIFIED, 1)).told() is None
