"""A harness profile: everything that decides how an order is worked, typed. Its defaults are the engine's."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agentgate_engine.models.git_ops import GitOps
from agentgate_engine.models.record import Record
from agentgate_engine.models.retry import RetryPolicy
from agentgate_engine.models.strategy import StrategyConfig
from agentgate_engine.models.verification import Level
from agentgate_engine.models.work_order import AgentRequest, GatePlanSource, Limits, SkippableKind

PROFILE_VERSION = "1.0"


class VerificationSettings(Record):
    """What judges an order besides its gate plan.

    `timeout_ms` bounds a whole verification (None: the plan's own time); `retries` is how often a failed command is run
    again to tell a flaky one. `skip_levels` and `skip_kinds` do not judge.
    """

    skip_levels: list[Level] = []
    skip_kinds: list[SkippableKind] = []
    timeout_ms: int | None = None
    pristine: bool = False
    retry_flaky: bool = False
    max_retries: int = Field(default=0, ge=0, le=5)
    gate_plan_source: GatePlanSource = "auto"


class HarnessProfile(Record):
    """All settings in force, resolved. `max_wait_seconds` bounds the wait in the queue; None is no bound."""

    version: Literal["1.0"] = PROFILE_VERSION
    loop_strategy: StrategyConfig = StrategyConfig(max_iterations=3)
    agent_driver: AgentRequest = AgentRequest(type="claude-code")
    verification: VerificationSettings = VerificationSettings()
    git_ops: GitOps = GitOps()
    commit_message_prefix: str = ""
    execution_limits: Limits = Limits()
    max_wait_seconds: float | None = None
    retry: RetryPolicy = RetryPolicy()
