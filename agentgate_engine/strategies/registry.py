"""From a strategy's settings to the strategy, and to the number of iterations that it can have."""

from __future__ import annotations

from agentgate_engine.errors import UsageError
from agentgate_engine.models.strategy import StrategyConfig
from agentgate_engine.strategies.custom import installed, load_custom
from agentgate_engine.strategies.fixed import FixedStrategy
from agentgate_engine.strategies.hybrid import HybridStrategy
from agentgate_engine.strategies.ralph import RalphStrategy
from agentgate_engine.strategies.strategy import LoopStrategy

DEFAULT_ITERATIONS = 3


def strategy_for(config: StrategyConfig, max_iterations: int) -> LoopStrategy:
    """The strategy that `config` asks for. `max_iterations` is the bound of `iteration_bound`.

    Raises:
        UsageError: a custom strategy has no name, is not installed or cannot be made.
    """
    match config.mode:
        case "fixed":
            return FixedStrategy(max_iterations)
        case "hybrid":
            return HybridStrategy(config)
        case "ralph":
            return RalphStrategy(config)
        case "custom":
            if not config.name:
                known = ", ".join(installed()) or "none"
                raise UsageError(f"the strategy `custom` needs the name of an installed one; installed are: {known}")
            return load_custom(config.name, config.params)


def iteration_bound(config: StrategyConfig, max_iterations: int | None) -> int:
    """How many iterations a run has at most. `max_iterations` is what the order asks for, None when it does not; where
    the strategy has a maximum of its own, it can only lower that."""
    match config.mode:
        case "hybrid":
            own = config.base_iterations + config.bonus_iterations
        case "ralph":
            own = config.max_iterations
        case _:
            return DEFAULT_ITERATIONS if max_iterations is None else max_iterations
    return own if max_iterations is None else min(own, max_iterations)
