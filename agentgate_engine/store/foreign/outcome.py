"""The words of the original for how things stand, in ours. Pure.

Its words are open sets (upstream.md 6): one that nobody knows is told as it stands, and never taken for a failure.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_engine.models.run_state import RunResult, RunState

_STATES = {
    **{state.value: state for state in RunState},
    "cancelled": RunState.CANCELED,
    "pending": RunState.QUEUED,
    "waiting": RunState.QUEUED,
    "preparing": RunState.LEASED,
    "running": RunState.BUILDING,
    "waiting_for_children": RunState.BUILDING,
    "integrating": RunState.BUILDING,
    "waiting_retry": RunState.BUILDING,
    "passed": RunState.SUCCEEDED,
    "completed": RunState.SUCCEEDED,
}
_RESULTS = {result.value: result for result in RunResult} | {"cancelled": RunResult.CANCELED}
_ENDS = {RunResult.PASSED: RunState.SUCCEEDED, RunResult.CANCELED: RunState.CANCELED}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run or an order stands. `now` says it in words, `notes` what does not fit together."""

    state: RunState
    result: RunResult | None
    now: str
    notes: tuple[str, ...]


def run_standing(state_word: str | None, result_word: str | None, order_word: str | None) -> Standing:
    """How a run stands, by its own record: `order_word`, what its order says, is told where it is another thing."""
    state, result = _state(state_word), _RESULTS.get((result_word or "").lower())
    notes: list[str] = []
    if result_word is not None and result is None:
        notes.append(f"its recorded result is {result_word!r}, a word that this version does not know")
    if state is None:
        known = _ENDS.get(result, RunState.FAILED) if result is not None else None
        of_order = _state(order_word) if state_word is None else None
        state = known or of_order or RunState.BUILDING
        told = f"its recorded state is {state_word!r}, a word that this version does not know" if state_word else None
        notes.append(told or "no state of it is on record")
    elif result is not None and _ENDS.get(result, RunState.FAILED) is not state:
        notes.append(f"its record disagrees with itself: the state is {state.value}, the result {result.value}")
    now = _now(state, state_word)
    if order_word is not None and _at_odds(state, order_word):
        notes.append(f"its order is recorded as {order_word}, the run as {state_word or 'nothing'}: shown is the run")
        now = f"{now}; its order is recorded as {order_word}" if state.terminal else now
    return Standing(state, result if state.terminal else None, now, tuple(notes))


def order_standing(status: str | None, run_named: str | None, run_fault: str | None) -> Standing:
    """How an order stands that no readable run is of: `run_named` is the one it names, `run_fault` why that is none."""
    state = _state(status)
    notes: list[str] = []
    if state is None:
        notes.append(f"its recorded status is {status!r}, a word that this version does not know" if status else "")
    if run_named is None:
        lacking = "no run of it is on record"
    elif run_fault is None:
        lacking = f"it names the run {run_named}, which is not its own or not in this store"
        notes.append(lacking)
    else:
        lacking = f"its run {run_named} cannot be read: {run_fault}"
        notes.append(lacking)
    told = f"recorded as {status or 'nothing'}"
    quiet = state in (RunState.QUEUED, RunState.CANCELED) and run_named is None
    now = {RunState.QUEUED: "queued", RunState.CANCELED: "canceled before it began"}[state] if quiet and state else ""
    return Standing(state or RunState.QUEUED, None, now or f"{told}; {lacking}", tuple(note for note in notes if note))


def _state(word: str | None) -> RunState | None:
    return _STATES.get(word.lower()) if word is not None else None


def _now(state: RunState, word: str | None) -> str:
    if state is RunState.SUCCEEDED:
        return "done"
    if state.terminal:
        return state.value
    return f"recorded as {word or 'nothing'}; nobody here knows whether it still runs"


def _at_odds(run: RunState, order_word: str) -> bool:
    order = _state(order_word)
    if order is None:
        return False
    return order is not run if order.terminal or run.terminal or order is RunState.QUEUED else run is RunState.QUEUED
