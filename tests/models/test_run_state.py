"""The state machine of a run: every pair of state and step, and no dead end."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_engine.models.run_state import ImpossibleStep, RunState, Step, advance

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
    assert (len(RunState), len(Step)) == (11, 17)
    assert {state for state in RunState if state.terminal} == {"succeeded", "failed", "canceled"}


@pytest.mark.parametrize(
    ("state", "step"), [pytest.param(*pair, id="-".join(pair)) for pair in product(RunState, Step)]
)
def test_every_pair_of_state_and_step(state: RunState, step: Step) -> None:
    after = EXPECTED.get((state, step))
    if after is None:
        with pytest.raises(ImpossibleStep, match=state):
            advance(state, step)
    else:
        assert advance(state, step) == after


def test_every_state_can_be_reached() -> None:
    reached, fresh = {RunState.QUEUED}, {RunState.QUEUED}
    while fresh:
        fresh = {after for state in fresh for after in _next(state).values()} - reached
        reached |= fresh
    assert reached == set(RunState)


@given(st.lists(st.sampled_from(list(Step)), max_size=40))
def test_wherever_a_run_has_got_to_it_can_be_ended_and_an_ended_run_stays(steps: list[Step]) -> None:
    state = RunState.QUEUED
    for step in steps:
        state = _next(state).get(step, state)
    if state.terminal:
        assert _next(state) == {}
    else:
        assert advance(state, Step.USER_CANCELED) is RunState.CANCELED
        assert advance(state, Step.SYSTEM_ERROR) is RunState.FAILED


def _next(state: RunState) -> dict[Step, RunState]:
    found: dict[Step, RunState] = {}
    for step in Step:
        try:
            found[step] = advance(state, step)
        except ImpossibleStep:
            continue
    return found
