"""Why a run of the original failed, as a structured error: the original keeps a sentence at most. Pure.

The type comes from what failed, not from the sentence: the original calls a forbidden file a failing test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.run_state import RunResult
from agentgate_engine.models.verification import Check, Level, PersistedVerificationReport

_TAIL_LINES, _TAIL_CHARS = 50, 16 << 10
_SAYS_NOTHING = re.compile(r"(?i)run failed with result\b")
_BY_NAME = (
    (BuildErrorType.TYPECHECK_FAILED, re.compile(r"(?i)type.?check|\btsc\b|mypy|pyright")),
    (BuildErrorType.LINT_FAILED, re.compile(r"(?i)lint|ruff")),
)
_BY_LEVEL = {
    Level.L0: BuildErrorType.CONTRACT_FAILED,
    Level.L1: BuildErrorType.TEST_FAILED,
    Level.L2: BuildErrorType.BLACKBOX_FAILED,
    Level.L3: BuildErrorType.CONTRACT_FAILED,
}
_BY_RESULT = {  # the other two do not tell by themselves which kind it was
    RunResult.FAILED_TIMEOUT: BuildErrorType.AGENT_TIMEOUT,
    RunResult.FAILED_GITHUB: BuildErrorType.GITHUB_ERROR,
    RunResult.FAILED_ERROR: BuildErrorType.SYSTEM_ERROR,
}
_PHASES = {RunResult.FAILED_BUILD: "building", RunResult.FAILED_VERIFICATION: "verifying"}


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of a run that failed: its recorded result and sentences, and its last iteration's records."""

    result: RunResult | None
    told: tuple[str | None, ...]
    iteration: int
    agent: PersistedAgentResult | None
    report: PersistedVerificationReport | None
    at: str


def build_error(failure: Failure) -> BuildError:
    """The error of a run that failed."""
    agent = failure.agent if failure.agent is not None and not failure.agent.success else None
    check = failure.report.first_failed if failure.report is not None and agent is None else None
    said = next((text for text in failure.told if text and not _SAYS_NOTHING.match(text)), None)
    return BuildError(
        type=_type(failure.result, agent, check),
        message=said or _sentence(failure.result, agent, check),
        exit_code=agent.exit_code if agent is not None else check.exit_code if check is not None else None,
        stdout=_tail(agent.stdout if agent is not None else check.stdout if check is not None else ""),
        stderr=_tail(agent.stderr if agent is not None else ""),
        agent_result_file=f"agent-{failure.iteration}.json" if failure.agent is not None else None,
        verification_file=f"verification-{failure.iteration}.json" if failure.report is not None else None,
        phase=_PHASES.get(failure.result, "a step that is not recorded") if failure.result else "an unrecorded step",
        failed_at=failure.at,
    )


def _type(result: RunResult | None, agent: PersistedAgentResult | None, check: Check | None) -> BuildErrorType:
    if agent is not None and result in (None, RunResult.FAILED_BUILD):
        return agent.outcome.error_type
    if check is not None and result in (None, RunResult.FAILED_VERIFICATION):
        named = next((kind for kind, words in _BY_NAME if words.search(check.name)), None)
        return named if named is not None and check.level is Level.L1 else _BY_LEVEL[check.level]
    return _BY_RESULT.get(result, BuildErrorType.UNKNOWN) if result is not None else BuildErrorType.UNKNOWN


def _sentence(result: RunResult | None, agent: PersistedAgentResult | None, check: Check | None) -> str:
    if agent is not None:
        return agent.outcome_reason
    if check is not None:
        return check.message or f"{check.id} failed"
    return f"the original recorded {result.value}, and not why" if result else "the original did not record why"


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-_TAIL_LINES:])[-_TAIL_CHARS:]
