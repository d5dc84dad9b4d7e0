"""The loop of a run: asks its strategy after each verification, once, and tells what it said."""

from __future__ import annotations

from dataclasses import dataclass, field

from agentgate_engine.errors import UsageError
from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import RunWarned, StrategyDecision, parse_payload
from agentgate_engine.models.run_state import RunResult
from agentgate_engine.models.strategy import LoopResult
from agentgate_engine.models.verification import PersistedVerificationReport
from agentgate_engine.phases.loop_history import iteration_event
from agentgate_engine.phases.run_context import RunContext
from agentgate_engine.phases.spending import used_up
from agentgate_engine.strategies.registry import strategy_for
from agentgate_engine.strategies.strategy import LoopStrategy, StrategyError, decide, end_loop


@dataclass
class Loop:
    """The order's strategy at work. A custom one is loaded once an engine."""

    context: RunContext
    _loaded: LoopStrategy | None = field(default=None, init=False)

    async def decide(self, report: PersistedVerificationReport, limit: str | None = None) -> StrategyDecision:
        """What the strategy says to the newest verification; with a `limit`, that it ends, for that reason.

        Raises:
            StrategyError: the strategy itself failed; names it.
            ParkRun: the decision could not be written.
        """
        told = self.told()
        if told is not None:
            return told
        strategy = self._strategy()
        decision = await decide(strategy, iteration_event(self.context, report))
        stopped = (limit or self._spent()) if decision.go_on else None
        told = StrategyDecision(
            strategy=strategy.name,
            go_on=decision.go_on and stopped is None,
            reason=stopped or decision.reason,
            feedback=decision.feedback,
            result=decision.result if stopped is None else _result_of_limit(report),
            metadata=decision.metadata,
        )
        await self.context.emit(told)
        return told

    def _spent(self) -> str | None:
        context = self.context
        agent = context.persister.store.read_if_whole(PersistedAgentResult, context.layout.agent(context.run.iteration))
        return used_up(context.order.limits, context.run, agent)

    def told(self) -> StrategyDecision | None:
        """The decision on the newest verification of the present iteration, if it was made."""
        here = self.context.run.iteration
        for event in (e for e in reversed(self.context.persister.events) if e.iteration == here):
            if event.type is EventType.VERIFICATION_COMPLETE:
                return None
            if event.type is EventType.STRATEGY_DECISION:
                payload = parse_payload(event)
                return payload if isinstance(payload, StrategyDecision) else None
        return None

    async def end(self) -> None:
        """Let a strategy that was asked hear how the loop ended. What it raises then is a warning."""
        if self._loaded is None:
            return
        try:
            await end_loop(self._loaded, self._result())
        except StrategyError as fault:
            await self.context.emit(RunWarned(warning="strategy", message=str(fault)))

    def _strategy(self) -> LoopStrategy:
        if self._loaded is None:
            order, run = self.context.order, self.context.run
            try:
                self._loaded = strategy_for(order.loop_strategy, run.max_iterations)
            except UsageError as fault:
                raise StrategyError(str(fault)) from fault
        return self._loaded

    def _result(self) -> LoopResult:
        decided = self.told()
        match self.context.run.result:
            case RunResult.PASSED:
                return "success"
            case RunResult.FAILED_TIMEOUT:
                return "timeout"
            case RunResult.FAILED_VERIFICATION if decided is not None:
                return decided.result or "strategy_stop"
            case _:
                return "error"


def _result_of_limit(report: PersistedVerificationReport) -> LoopResult:
    return "success" if report.passed else "max_iterations"
