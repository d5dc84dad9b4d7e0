"""The state machine of a run: every pair of state and step, and no dead end."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_engine.models.run_state import ImpossibleStep, RunResult, RunState, Step, advance

TABLE = """
queued        workspace_acquired       leased
leased        build_started            building
building      build_completed          snapshotting
building      build_failed             failed
snapshotting  snapshot_completed       verifying
snapshotting  snapshot_failed          failed
verifying     verify_passed            succeeded
verifying     verify_failed_retryable  feedback
verifying     verify_failed_terminal   failed
verifying     pr_created               pr_created
feedback      feedback_generated       building
feedback      verify_failed_terminal   failed
pr_created    ci_polling_started       ci_polling
pr_created    verify_passed            succeeded
ci_polling    ci_passed                succeeded
ci_polling    ci_failed                feedback
ci_polling    ci_timeout               failed
"""
"""Besides: `user_canceled` and `system_error` end every run that has not ended."""

EXPECTED = {(row[0], row[1]): row[2] for line in TABLE.strip().split("\n") if (row := line.split())}
for _state in RunState:
    if not _state.terminal:
        EXPECTED[_state, Step.USER_CANCELED] = "canceled"
        EXPECTED[_state, Step.SYSTEM_ERROR] = "failed"


def test_there_are_eleven_states_and_seventeen_steps() -> None:
    """upstream.md 2.6."""
    assert (len(RunState), len(Step)) == (11, 17)
    assert {state for state in RunState if state.terminal} == {"succeeded", "failed", "canceled"}


@pytest.mark.parametrize(
    ("state", "step"), [pytest.param(*pair, id="-".join(pair)) for pair in product(RunState, Step)]
)
def test_every_pair_of_state_and_step(state: RunState, step: Step) -> None:
    """upstream.md 2.6 and L11: table-driven test of all 11 x 17 pairs; no transition is missing."""
    after = EXPECTED.get((state, step))
    if after is None:
        with pytest.raises(ImpossibleStep, match=state):
            advance(state, step)
    else:
        assert advance(state, step) == after


def test_every_state_can_be_reached() -> None:
    """upstream.md 2.6."""
    assert _reachable(RunState.QUEUED) == set(RunState)


@pytest.mark.parametrize("state", [state for state in RunState if not state.terminal])
def test_every_end_can_be_reached_from_every_state_before_it(state: RunState) -> None:
    """upstream.md 2.6: every reachable non-terminal state can reach each terminal one, success too."""
    assert {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED} <= _reachable(state)


def test_a_failed_ci_leads_to_another_iteration() -> None:
    """upstream.md 2.6: CI fails, feedback, building again, and the second time it passes."""
    steps = "workspace_acquired build_started build_completed snapshot_completed pr_created ci_polling_started"
    again = "ci_failed feedback_generated build_completed snapshot_completed pr_created ci_polling_started ci_passed"
    state, seen = RunState.QUEUED, list[str]()
    for step in f"{steps} {again}".split():
        state = advance(state, Step(step))
        seen.append(state.value)
    assert seen[5:9] == ["ci_polling", "feedback", "building", "snapshotting"]
    assert state is RunState.SUCCEEDED


def test_the_results_of_a_run() -> None:
    """upstream.md 2.6 and 6.*: the original's six, and what a push or pull request can fail by."""
    assert {result.value for result in RunResult} == {
        "passed",
        "failed_verification",
        "failed_build",
        "failed_timeout",
        "failed_error",
        "failed_github",
        "canceled",
    }


@given(st.lists(st.sampled_from(list(Step)), max_size=40))
def test_wherever_a_run_has_got_to_it_can_be_ended_and_an_ended_run_stays(steps: list[Step]) -> None:
    """upstream.md 2.6: whatever happened before."""
    state = RunState.QUEUED
    for step in steps:
        state = _next(state).get(step, state)
    if state.terminal:
        assert _next(state) == {}
    else:
        assert advance(state, Step.USER_CANCELED) is RunState.CANCELED
        assert advance(state, Step.SYSTEM_ERROR) is RunState.FAILED


def _reachable(state: RunState) -> set[RunState]:
    reached, fresh = {state}, {state}
    while fresh:
        fresh = {after for each in fresh for after in _next(each).values()} - reached
        reached |= fresh
    return reached


def _next(state: RunState) -> dict[Step, RunState]:
    found: dict[Step, RunState] = {}
    for step in Step:
        try:
            found[step] = advance(state, step)
        except ImpossibleStep:
            continue
    return found
