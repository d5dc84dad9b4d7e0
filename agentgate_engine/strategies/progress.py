"""Whether an iteration brought the work forward, measured on check outcomes and never on text. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_engine.models.strategy import IterationEvent, PreviousIteration
from agentgate_engine.models.verification import CheckStatus

_GOOD = frozenset({CheckStatus.PASSED.value, CheckStatus.WARNING.value, CheckStatus.FLAKY.value})


@dataclass(frozen=True, slots=True)
class Progress:
    """The newest iteration against the best before it. `detail` is for the operator."""

    made: bool
    detail: str


def passing_fraction(iteration: PreviousIteration) -> float:
    """Passing checks of those that were to run, 0 to 1. A check that was not reached is not passing; a skipped one does
    not count. Without checks the verdict alone counts."""
    counted = [status for status in iteration.checks.values() if status != CheckStatus.SKIPPED.value]
    if not counted:
        return 1.0 if iteration.verification_passed else 0.0
    return sum(status in _GOOD for status in counted) / len(counted)


def progress_of(event: IterationEvent, threshold: float) -> Progress:
    """Progress is at least `threshold` (0 to 1) of the checks passing more than in the best iteration before, or at
    least that share of the failing checks or failing test cases gone.

    No failing case says nothing: a check that fails without naming one may not have come that far. The first iteration
    has nothing to fall behind and counts as progress.
    """
    before = event.previous_iterations
    if not before:
        return Progress(True, "there is nothing to compare the first iteration with")
    now, best = passing_fraction(event.current), max(map(passing_fraction, before))
    shares = f"{now:.0%} of the checks pass, at best {best:.0%} before"
    if now < best:
        return Progress(False, shares)
    rise = now - best
    gone = rise / (1 - best) if best < 1 else 0.0
    if _enough(max(rise, gone), threshold):
        return Progress(True, shares)
    fewest = min((each.failed_cases for each in before if each.failed_cases), default=0)
    cases = event.current.failed_cases
    if not cases or not fewest:
        return Progress(False, shares)
    counts = f"{cases} test cases fail, at best {fewest} before"
    return Progress(_enough((fewest - cases) / fewest, threshold), counts)


def _enough(share: float, threshold: float) -> bool:
    """Standing still is no progress, even with a threshold of 0."""
    return share > 0 and share + 1e-9 >= threshold
