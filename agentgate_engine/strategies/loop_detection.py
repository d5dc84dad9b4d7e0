"""Going in circles, told from what iterations left behind. Pure.

Three signs: the same tree again, the same failure again, two trees that alternate. Each comes with a confidence; what
to do about it is the strategy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from agentgate_engine.models.strategy import IterationEvent, PreviousIteration

STOP_ABOVE = 0.8
ALTERNATING = 0.9


@dataclass(frozen=True, slots=True)
class Loop:
    """A circle. `confidence` is 0 to 1; `iterations` are those that are alike, oldest first."""

    kind: Literal["same_tree", "same_failure", "alternating"]
    confidence: float
    detail: str
    iterations: tuple[int, ...]

    @property
    def sure(self) -> bool:
        """Enough to stop for."""
        return self.confidence > STOP_ABOVE

    def metadata(self) -> dict[str, JsonValue]:
        """As it is stored with a decision."""
        return {
            "loop": {
                "kind": self.kind,
                "confidence": round(self.confidence, 2),
                "detail": self.detail,
                "iterations": list(self.iterations),
            }
        }


def find_loop(event: IterationEvent) -> Loop | None:
    """The circle that the newest iteration closes, the surest one if there are several. An iteration that passed closes
    none: what it repeats is good."""
    if event.verification_passed:
        return None
    history = [*event.previous_iterations, event.current]
    found = [loop for loop in (_same_tree(history), _alternating(history), _same_failure(history)) if loop is not None]
    return max(found, key=lambda loop: loop.confidence, default=None)


def loop_metadata(event: IterationEvent) -> dict[str, JsonValue]:
    """What a decision stores of a circle; empty without one."""
    loop = find_loop(event)
    return loop.metadata() if loop is not None else {}


def _same_tree(history: Sequence[PreviousIteration]) -> Loop | None:
    tree = history[-1].tree
    alike = tuple(each.iteration for each in history if tree is not None and each.tree == tree)
    if len(alike) < 2:
        return None
    return Loop("same_tree", _confidence(alike), f"iterations {_listed(alike)} left the same files", alike)


def _same_failure(history: Sequence[PreviousIteration]) -> Loop | None:
    """The newest failures in a row that are the same one."""
    signature = history[-1].signature
    alike: list[int] = []
    for each in reversed(history):
        if signature is None or each.signature != signature:
            break
        alike.insert(0, each.iteration)
    if len(alike) < 2:
        return None
    return Loop("same_failure", _confidence(alike), f"iterations {_listed(alike)} failed the same way", tuple(alike))


def _alternating(history: Sequence[PreviousIteration]) -> Loop | None:
    last = history[-4:]
    trees = [each.tree for each in last]
    if len(last) < 4 or None in trees or trees[0] == trees[1] or trees[:2] != trees[2:]:
        return None
    alike = tuple(each.iteration for each in last)
    return Loop("alternating", ALTERNATING, f"iterations {_listed(alike)} went to and fro between two states", alike)


def _confidence(alike: Sequence[int]) -> float:
    return min(len(alike) / 3, 1.0)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}"
