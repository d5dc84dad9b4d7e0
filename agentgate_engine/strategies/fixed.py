"""`fixed`: go on until the checks pass or the iterations are used up."""

from __future__ import annotations

from dataclasses import dataclass

NAME = "fixed"


@dataclass(frozen=True, slots=True)
class IterationOutcome:
    """What a strategy decides on. `iteration` counts from 1."""

    iteration: int
    max_iterations: int
    verification_passed: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether there is another iteration, and why. The reason is always stored."""

    go_on: bool
    reason: str


def decide(outcome: IterationOutcome) -> Decision:
    """Another iteration after a failed one, as long as there is one left."""
    if outcome.verification_passed:
        return Decision(False, "every check passed")
    if outcome.iteration >= outcome.max_iterations:
        return Decision(False, f"the limit of {outcome.max_iterations} iterations is reached")
    return Decision(True, f"iteration {outcome.iteration} of {outcome.max_iterations} failed")
