"""The limits on tokens and cost: whether a run may begin another iteration."""

from __future__ import annotations

from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.run import Run
from agentgate_engine.models.work_order import Limits


def used_up(limits: Limits, run: Run, agent: PersistedAgentResult | None) -> str | None:
    """Why there is no further iteration, or None. `agent` is the last iteration's result.

    What the agent does not tell is not counted. The work that went over a limit is still verified, and delivered if it
    passes: it is paid for.
    """
    used, cost = run.tokens_used.total if run.tokens_used else 0, run.cost_usd or 0.0
    last = agent.tokens_used.total if agent and agent.tokens_used else 0
    if limits.max_total_tokens is not None and used >= limits.max_total_tokens:
        return f"the run used {used} tokens, its limit is {limits.max_total_tokens}"
    if limits.max_iteration_tokens is not None and last >= limits.max_iteration_tokens:
        return f"iteration {run.iteration} used {last} tokens, the limit of one is {limits.max_iteration_tokens}"
    if limits.max_cost_usd is not None and cost >= limits.max_cost_usd:
        return f"the run cost {cost:.4f} dollars, its limit is {limits.max_cost_usd:g}"
    return None
