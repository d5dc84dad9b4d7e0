"""What a resolved profile means for a work order."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_engine.models.git_ops import GitOps
from agentgate_engine.models.retry import RetryPolicy
from agentgate_engine.models.strategy import StrategyConfig
from agentgate_engine.models.verification import Level
from agentgate_engine.models.work_order import AgentRequest, GatePlanSource, Limits, SkippableKind
from agentgate_engine.profiles.resolve import ResolvedHarness


@dataclass(frozen=True, slots=True)
class OrderSettings:
    """The parts of a `WorkOrder` that a profile decides.

    `check_retries` is how often a failed command is run again; `verify_timeout_s` bounds one verification (None: the
    gate plan's own time); `max_wait_s` bounds the wait in the queue (None: no bound).
    """

    agent: AgentRequest
    limits: Limits
    loop_strategy: StrategyConfig
    retry: RetryPolicy
    git_ops: GitOps
    skip_levels: tuple[Level, ...]
    skip_kinds: tuple[SkippableKind, ...]
    gate_plan_source: GatePlanSource
    pristine: bool
    check_retries: int
    verify_timeout_s: float | None
    max_wait_s: float | None
    commit_message_prefix: str


def to_order_fields(resolved: ResolvedHarness) -> OrderSettings:
    """The order's fields. What is only for another kind of agent is left out, as the notes say."""
    profile, checks = resolved.profile, resolved.profile.verification
    agent = profile.agent_driver
    idle = {name: None for name, owner in (("command", "command"), ("script", "scripted")) if agent.type != owner}
    return OrderSettings(
        agent=agent.model_copy(update=idle),
        limits=profile.execution_limits,
        loop_strategy=profile.loop_strategy,
        retry=profile.retry,
        git_ops=profile.git_ops,
        skip_levels=tuple(checks.skip_levels),
        skip_kinds=tuple(checks.skip_kinds),
        gate_plan_source=checks.gate_plan_source,
        pristine=checks.pristine,
        check_retries=checks.max_retries if checks.retry_flaky else 0,
        verify_timeout_s=None if checks.timeout_ms is None else checks.timeout_ms / 1000,
        max_wait_s=profile.max_wait_seconds,
        commit_message_prefix=profile.commit_message_prefix,
    )
