"""How a run's loop is steered: the settings of a strategy, what it is told, and what it decides (upstream.md 2.3)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue, model_validator

from agentgate_engine.models.agent_result import AgentOutcome
from agentgate_engine.models.record import Record

StrategyName = Literal["fixed", "hybrid", "ralph", "custom"]
LoopResult = Literal["success", "max_iterations", "timeout", "strategy_stop", "error"]


class StrategyConfig(Record):
    """`hybrid` reads the base and bonus figures, `ralph` the minimum, the maximum, the threshold and the window.

    `name` and `params` are for `custom`: the entry point in the group `agentgate.strategies`, and what it is given.
    """

    mode: StrategyName = "fixed"
    base_iterations: int = Field(default=3, ge=1, le=100)
    bonus_iterations: int = Field(default=2, ge=0, le=100)
    progress_threshold: float = Field(default=0.1, ge=0, le=1)
    min_iterations: int = Field(default=2, ge=1, le=100)
    max_iterations: int = Field(default=10, ge=1, le=100)
    similarity_threshold: float = Field(default=0.95, ge=0, le=1)
    window: int = Field(default=3, ge=2, le=20)
    name: str | None = None
    params: dict[str, JsonValue] = {}

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        """Orders of earlier versions hold the mode alone."""
        return {"mode": value} if isinstance(value, str) else value


class PreviousIteration(Record):
    """An iteration before the present one, as far as a strategy needs it.

    `checks` maps a check's id to its status; `tree` is the hash of what the iteration left; `agent_text` the agent's
    own last message (never the verifier's log), `signature` the failure's. `failed_cases` counts test cases.
    """

    iteration: int
    agent_success: bool
    verification_passed: bool | None
    duration_ms: int
    tokens_used: int | None = None
    checks: dict[str, str] = {}
    failed_cases: int = 0
    tree: str | None = None
    agent_text: str | None = None
    signature: str | None = None


class IterationEvent(Record):
    """What a strategy decides on. `iteration` counts from 1; `max_iterations` is the bound that always wins.

    `previous_iterations` leaves the present one out (it is `current`) and grows by one each time. Times are in ms.
    """

    run_id: str
    work_order_id: str
    iteration: int
    max_iterations: int
    max_time_ms: int | None = None
    elapsed_ms: int
    agent_success: bool
    agent_outcome: AgentOutcome
    verification_passed: bool
    current: PreviousIteration
    previous_iterations: list[PreviousIteration] = []


class Decision(Record):
    """Whether there is another iteration, and why. The reason is always stored. `feedback` is added to what the agent
    is told; `result` says what a stop means for a run whose checks did not pass."""

    go_on: bool
    reason: str
    feedback: str | None = None
    result: LoopResult | None = None
    metadata: dict[str, JsonValue] = {}
