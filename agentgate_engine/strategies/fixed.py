"""`fixed`: go on until the checks pass or the iterations are used up."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_engine.models.strategy import Decision, IterationEvent
from agentgate_engine.strategies.loop_detection import loop_metadata
from agentgate_engine.strategies.strategy import limit_reached


@dataclass(frozen=True, slots=True)
class FixedStrategy:
    """Another iteration after a failed one, as long as there is one left. A circle is told, and not stopped for."""

    max_iterations: int
    name: str = "fixed"

    def on_iteration_complete(self, event: IterationEvent) -> Decision:
        metadata = loop_metadata(event)
        if event.verification_passed:
            return Decision(go_on=False, reason="every check passed", metadata=metadata)
        limit = min(self.max_iterations, event.max_iterations)
        if event.iteration >= limit:
            reason = limit_reached(limit)
            return Decision(go_on=False, reason=reason, result="max_iterations", metadata=metadata)
        return Decision(go_on=True, reason=f"iteration {event.iteration} of {limit} failed", metadata=metadata)
