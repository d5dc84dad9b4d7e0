"""`run.json` of the original as our summary of a run, and an order without a run as one that has not begun. Pure."""

from __future__ import annotations

import re

from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.run import Run, RunWarning, WaitingFor
from agentgate_engine.models.run_state import RunState
from agentgate_engine.models.verification import PersistedVerificationReport
from agentgate_engine.store.foreign.agents import Mask
from agentgate_engine.store.foreign.failure import Failure, build_error
from agentgate_engine.store.foreign.iterations import total_tokens
from agentgate_engine.store.foreign.orders import UNKNOWN_TIME, source_words, title_of
from agentgate_engine.store.foreign.outcome import Standing
from agentgate_engine.store.foreign.records import MOST_ITERATIONS, Fields, is_foreign_id

_MOST_WARNINGS = 200
_NUMBERED = re.compile(r"(?:agent|verification|iteration)-([1-9][0-9]{0,8})\.json\Z")

ONLY_THE_ORIGINAL = "only the original can start it"


def iterations_of(run: Fields, names: list[str]) -> tuple[int, list[str]]:
    """(how many iterations there are, what is left out of them and why): by the summary, or by the files beside it."""
    numbers = [int(match[1]) for name in names if (match := _NUMBERED.match(name)) is not None]
    told = run.whole("iteration") or 0
    most = max([told, *numbers, len(run.texts("snapshotIds"))])
    notes = [f"it counts {most} iterations; the first {MOST_ITERATIONS} are shown"] if most > MOST_ITERATIONS else []
    return min(most, MOST_ITERATIONS), notes


def convert_run(
    run_id: str,
    order_id: str,
    run: Fields,
    order: Fields,
    standing: Standing,
    *,
    iteration: int,
    agents: dict[int, PersistedAgentResult],
    verifications: dict[int, PersistedVerificationReport],
    branch: str,
    notes: list[str],
    mask: Mask,
) -> Run:
    """The summary of a run, or of an order that has none (then `run` is empty and `iteration` 0)."""
    started, completed = run.stamp("startedAt"), run.stamp("completedAt") or order.stamp("completedAt")
    queued = order.stamp("createdAt") or started or UNKNOWN_TIME
    ended = standing.state.terminal
    last = agents.get(iteration)
    told = tuple(mask(text) if text else None for text in (run.text("error"), order.text("error")))
    at = completed or started or queued
    error = None
    if standing.state is RunState.FAILED:
        error = build_error(Failure(standing.result, told, iteration, last, verifications.get(iteration), at))
    costs = [agent.total_cost_usd for agent in agents.values() if agent.total_cost_usd is not None]
    disagrees = standing.now if ";" in standing.now else None
    source = source_words(order.child("workspaceSource")) or _path(run.text("workspaceId"))
    return Run(
        id=run_id,
        work_order_id=order_id,
        state=standing.state,
        result=standing.result,
        title=title_of(order.text("taskPrompt")) or (f"order {order_id}" if order_id else "a run of no known order"),
        agent=order.text("agentType") or "an agent",
        repository=source,
        branch=run.text("gitHubBranch") or branch,
        base_commit=run.text("snapshotBeforeSha") or "",
        iteration=iteration,
        max_iterations=run.whole("maxIterations") or order.whole("maxIterations") or iteration,
        queued_at=queued,
        started_at=started,
        completed_at=completed if ended else None,
        updated_at=at,
        session_id=run.text("sessionId"),
        model=next((agent.model for agent in reversed(agents.values()) if agent.model), None),
        waiting_for=WaitingFor(kind="operator", reason=ONLY_THE_ORIGINAL)
        if standing.state is RunState.QUEUED
        else None,
        levels=_levels(verifications.get(iteration)),
        now=_failed_words(error, standing) if error is not None and disagrees is None else standing.now,
        tool_calls=sum(len(agent.tool_calls) for agent in agents.values()),
        tokens_used=total_tokens([agent.tokens_used for agent in agents.values() if agent.tokens_used is not None]),
        cost_usd=sum(costs) if costs else None,
        snapshot_before_sha=run.text("snapshotBeforeSha"),
        snapshot_after_sha=run.text("snapshotAfterSha"),
        snapshot_ids=[sha for sha in run.texts("snapshotIds") if is_foreign_id(sha)][:MOST_ITERATIONS],
        pr_url=run.text("gitHubPrUrl"),
        error=error.message if error is not None else next((text for text in told if text), None),
        build_error=error,
        warnings=[*_warnings(run, at, mask), *(RunWarning(type="foreign", message=n, timestamp=at) for n in notes)],
    )


def run_facts(run: Fields) -> list[tuple[str, str]]:
    """What else the summary says, as (name, text) for people."""
    facts: list[tuple[str, str]] = []
    if (url := run.text("gitHubPrUrl")) is not None:
        number = run.whole("gitHubPrNumber")
        facts.append(("pull request", url + (f" (#{number})" if number else "")))
    if run.flag("ciEnabled") or run.text("ciStatus"):
        rounds = f"{run.whole('ciIterationCount') or 0} of {run.whole('maxCiIterations') or '?'} rounds"
        where = run.text("ciWorkflowUrl")
        facts.append(("CI", f"{run.text('ciStatus') or 'not told'}, {rounds}" + (f", {where}" if where else "")))
    if (session := run.text("sessionId")) is not None:
        facts.append(("session", session))
    if (workspace := run.text("workspaceId")) is not None:
        facts.append(("workspace", workspace))
    return facts


def _failed_words(error: BuildError, standing: Standing) -> str:
    """A failure in two words: its type, or else its recorded result."""
    if error.type is BuildErrorType.UNKNOWN:
        return standing.result.value.replace("_", " ") if standing.result is not None else standing.now
    return error.type.value.replace("_", " ")


def _path(workspace: str | None) -> str:
    """The workspace where it is a path, as v0.2.26 has it."""
    return workspace if workspace and "/" in workspace else ""


def _levels(report: PersistedVerificationReport | None) -> str:
    return "...." if report is None else "".join(level.status.sign for level in report.levels)


def _warnings(run: Fields, at: str, mask: Mask) -> list[RunWarning]:
    found = [
        RunWarning(
            type=fields.text("type") or "warning",
            message=mask(fields.words("message") or "a warning without words"),
            iteration=fields.whole("iteration"),
            timestamp=fields.stamp("timestamp") or at,
        )
        for fields in run.children("warnings")[:_MOST_WARNINGS]
    ]
    return found + [
        RunWarning(type="warning", message=mask(text), timestamp=at) for text in run.texts("warnings")[:_MOST_WARNINGS]
    ]
