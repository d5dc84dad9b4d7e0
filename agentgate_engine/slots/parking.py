"""Runs that cannot go on at the moment: why, how often they were tried, and when they are due again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from agentgate_engine.models.ids import RunId
from agentgate_engine.work_order_queue import Claim

PARKED_S = 10.0
"""How long a run that cannot go on waits before it is tried again."""

PARKED_TRIES = 3
"""How often an engine that ends when idle tries such a run before it leaves it to the next one. Leaving at the first
fault would have whoever waits for the run start engine after engine."""


@dataclass
class Parking:
    """The parked runs of one engine. Those that are set aside hold no slot."""

    reasons: dict[str, str] = field(default_factory=dict[str, str])
    _aside: dict[RunId, tuple[Claim, float]] = field(default_factory=dict[RunId, "tuple[Claim, float]"])
    _tries: dict[str, int] = field(default_factory=dict[str, int])

    def __contains__(self, run_id: object) -> bool:
        return run_id in self.reasons

    def park(self, run_id: RunId, reason: str) -> None:
        """It cannot go on, and was tried once more."""
        self.reasons[run_id] = reason
        self._tries[run_id] = self._tries.get(run_id, 0) + 1

    def set_aside(self, claim: Claim, now: float) -> None:
        """Free its slot until it is due again. `now` is the monotonic clock, in seconds."""
        self._aside[claim.run_id] = (claim, now + PARKED_S)

    def next_due(self, now: float, busy: Collection[RunId]) -> Claim | None:
        """A run that was set aside and is due, taken out. `busy` are those whose last try is not over yet."""
        due = next((run for run, (_, at) in self._aside.items() if at <= now and run not in busy), None)
        return self._aside.pop(due)[0] if due is not None else None

    def leave(self, run_id: RunId) -> None:
        """It is being tried again."""
        self.reasons.pop(run_id, None)

    def forget(self, run_id: RunId) -> None:
        """It went on, or is not ours any more."""
        self._tries.pop(run_id, None)

    def given_up(self) -> bool:
        """Whether every parked run was tried often enough for an engine that wants to end."""
        return all(self._tries.get(run, 0) >= PARKED_TRIES for run in self.reasons)
