"""Events as a run's loop would bring them, from a few words for each iteration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agentgate_engine.models.agent_result import AgentOutcome
from agentgate_engine.models.strategy import Decision, IterationEvent, LoopResult, PreviousIteration


@dataclass(frozen=True)
class It:
    """One iteration. `checks` is a sign a check: `+` passed, `x` failed, `.` not run, `-` skipped, `~` a warning."""

    checks: str = "x"
    passed: bool = False
    tree: str | None = None
    text: str | None = None
    signature: str | None = None
    cases: int = 0


PASS = It("+", passed=True)
STATUS = {"+": "passed", "x": "failed", ".": "not_run", "-": "skipped", "~": "warning", "f": "flaky"}


def event(*iterations: It, bound: int = 100, max_time_ms: int | None = None, elapsed_ms: int = 0) -> IterationEvent:
    """The event after the last of these iterations."""
    all_of_them = [_previous(n, each) for n, each in enumerate(iterations, 1)]
    return IterationEvent(
        run_id="abcd2345.1",
        work_order_id="abcd2345",
        iteration=len(iterations),
        max_iterations=bound,
        max_time_ms=max_time_ms,
        elapsed_ms=elapsed_ms,
        agent_success=True,
        agent_outcome=AgentOutcome.SUCCESS,
        verification_passed=iterations[-1].passed,
        current=all_of_them[-1],
        previous_iterations=all_of_them[:-1],
    )


def _previous(number: int, iteration: It) -> PreviousIteration:
    return PreviousIteration(
        iteration=number,
        agent_success=True,
        verification_passed=iteration.passed,
        duration_ms=1000,
        tokens_used=10,
        checks={f"L1/{n}": STATUS[sign] for n, sign in enumerate(iteration.checks)},
        failed_cases=iteration.cases,
        tree=iteration.tree,
        agent_text=iteration.text,
        signature=iteration.signature,
    )


@dataclass
class Scripted:
    """A strategy that answers what it was told to and remembers what it was asked."""

    answer: object = None
    name: str = "mine"
    asked: list[IterationEvent] = field(default_factory=list)
    ended: list[LoopResult] = field(default_factory=list)

    def on_iteration_complete(self, event: IterationEvent) -> Decision:
        self.asked.append(event)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer  # type: ignore[return-value]

    def on_loop_end(self, result: LoopResult) -> None:
        self.ended.append(result)


def goes_on(decide: Sequence[Decision]) -> list[bool]:
    return [each.go_on for each in decide]
