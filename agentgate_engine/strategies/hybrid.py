"""`hybrid`: a base of iterations in any case, and a bonus for work that comes forward."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_engine.models.strategy import Decision, IterationEvent, StrategyConfig
from agentgate_engine.strategies.loop_detection import find_loop
from agentgate_engine.strategies.progress import progress_of
from agentgate_engine.strategies.strategy import limit_reached


@dataclass(frozen=True, slots=True)
class HybridStrategy:
    """Base iterations go on until the checks pass; each bonus iteration has to be earned by progress."""

    config: StrategyConfig
    name: str = "hybrid"

    def on_iteration_complete(self, event: IterationEvent) -> Decision:
        base, cap = self.config.base_iterations, self.config.base_iterations + self.config.bonus_iterations
        loop = find_loop(event)
        metadata = loop.metadata() if loop is not None else {}
        if event.verification_passed:
            return Decision(go_on=False, reason="every check passed", metadata=metadata)
        if event.iteration >= min(cap, event.max_iterations):
            limit = min(cap, event.max_iterations)
            reason = limit_reached(limit)
            return Decision(go_on=False, reason=reason, result="max_iterations", metadata=metadata)
        if loop is not None and loop.sure:
            return Decision(go_on=False, reason=f"going in circles: {loop.detail}", metadata=metadata)
        if event.iteration < base:
            reason = f"iteration {event.iteration} of {base} failed"
            return Decision(go_on=True, reason=reason, metadata=metadata)
        progress = progress_of(event, self.config.progress_threshold)
        metadata = {**metadata, "progress": progress.made}
        if progress.made:
            reason = f"bonus iteration {event.iteration - base + 1} of {cap - base}: {progress.detail}"
        else:
            reason = f"the {base} base iterations are used up without progress: {progress.detail}"
            if event.iteration > base:
                reason = f"the last bonus iteration brought no progress: {progress.detail}"
        return Decision(go_on=progress.made, reason=reason, metadata=metadata)
