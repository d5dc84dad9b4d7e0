"""BuildErrors: from an agent's result, a verification report, a time limit, an exception. Pure.

A message says what happened with its particulars (seconds, exit code, signal, counts); the record names the files that
hold everything, so that `why` never ends in "failed". `context.signature` is equal for failures that are the same.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence

from pydantic import JsonValue

from agentgate_engine.errors import AgentGateError, GitHubError, SnapshotError, WorkspaceError
from agentgate_engine.models.agent_result import AgentOutcome, PersistedAgentResult
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.verification import Check, CheckStatus, Diagnostic, PersistedVerificationReport
from agentgate_engine.verify.check_kind import CheckKind, check_kind
from agentgate_engine.verify.output_window import tail_lines
from agentgate_engine.verify.signature import signature

_TYPES: dict[CheckKind, BuildErrorType] = {
    "contract": BuildErrorType.CONTRACT_FAILED,
    "typecheck": BuildErrorType.TYPECHECK_FAILED,
    "lint": BuildErrorType.LINT_FAILED,
    "blackbox": BuildErrorType.BLACKBOX_FAILED,
    "ci": BuildErrorType.CI_FAILED,
    "sanity": BuildErrorType.CONTRACT_FAILED,
}
_KEYWORDS: tuple[tuple[BuildErrorType, re.Pattern[str]], ...] = (
    (BuildErrorType.WORKSPACE_ERROR, re.compile(r"workspace|\bdirector(?:y|ies)\b", re.IGNORECASE)),
    (BuildErrorType.GITHUB_ERROR, re.compile(r"github|octokit", re.IGNORECASE)),
    (BuildErrorType.SNAPSHOT_ERROR, re.compile(r"\bgit\b|snapshot", re.IGNORECASE)),
)
"""What a fault that is not of our family speaks of, in this order (upstream.md 4.5)."""
_FAILED_COUNT = re.compile(r"\b(\d+) failed\b|\b(?:failures|errors)=(\d+)")
_BARE_EXIT = re.compile(r"The agent (exited with \d+\.|was ended by (?!.*It (said|reported)).*)\Z", re.DOTALL)
_TOP_DIAGNOSTICS = 5

OWN_TIMEOUT_EXIT = 124
"""What `timeout` and agents with a limit of their own exit with."""


def error_of_agent(
    result: PersistedAgentResult,
    *,
    phase: str,
    failed_at: str,
    limit_s: float | None = None,
    output: str | None = None,
) -> BuildError:
    """Why an agent call was no success. `limit_s` is the time it was given, in seconds.

    `output` is what people read of it (the transcript's text); without it the tail of its stdout stands in.
    """
    message = _agent_message(result, limit_s)
    return BuildError(
        type=result.outcome.error_type,
        message=message,
        exit_code=result.exit_code,
        stdout=tail_lines(result.stdout if output is None else output),
        stderr=tail_lines(result.stderr),
        agent_result_file=f"agent-{result.iteration}.json",
        log_files=[log for log in (result.stdout_log, result.stderr_log) if log],
        context={
            "signature": signature("agent", result.outcome.value, message),
            "outcome": result.outcome.value,
            "sessionId": result.session_id,
            "model": result.model,
            "durationMs": result.duration_ms,
            "tokensUsed": result.tokens_used.total if result.tokens_used else None,
            "toolCallCount": len(result.tool_calls),
            "signal": result.signal,
        },
        phase=phase,
        failed_at=failed_at,
        retryable=result.outcome.retryable,
    )


def error_of_verification(
    report: PersistedVerificationReport, *, phase: str, failed_at: str, file: str | None = None
) -> BuildError:
    """Why a verification failed, by its first failed check in level order. `file` names where the report is stored.

    Raises:
        ValueError: no check of the report failed.
    """
    check = report.first_failed
    if check is None:
        raise ValueError(f"report {report.id} has no failed check")
    failed = [each for level in report.levels for each in level.checks if each.status is CheckStatus.FAILED]
    failed_tests = sum(_failed_tests(each) for each in failed)
    diagnostics = [found for each in failed for found in each.diagnostics]
    return BuildError(
        type=_TYPES.get(check_kind(check), BuildErrorType.TEST_FAILED),
        message=_verification_message(check),
        exit_code=check.exit_code,
        stdout=check.stdout,
        stderr=check.stderr,
        verification_file=file or f"verification-{report.iteration}.json",
        log_files=[log for log in (check.stdout_log, check.stderr_log) if log],
        context={
            "signature": check.signature,
            "check": check.id,
            "command": check.command,
            "hint": check.hint,
            "duration": report.total_duration,
            "errorCount": len(diagnostics),
            "fileCount": len({each.file for each in diagnostics if each.file}),
            "failedTests": failed_tests,
            "failedChecks": [each.id for each in failed],
            "failedLevels": [level.level.value for level in report.levels if level.status is CheckStatus.FAILED],
            "diagnostics": _top(diagnostics),
        },
        phase=phase,
        failed_at=failed_at,
    )


def error_of_timeout(limit_s: float, *, phase: str, failed_at: str, stopped: BuildError | None = None) -> BuildError:
    """The run used up its wall clock: final, unlike the limit of one agent call.

    `stopped` is the error of what was under way and stopped for it; its output and its files are the evidence.
    """
    bare = BuildError(type=BuildErrorType.AGENT_TIMEOUT, message="", phase=phase, failed_at=failed_at)
    base = stopped or bare
    return base.model_copy(
        update={
            "type": BuildErrorType.AGENT_TIMEOUT,
            "message": f"the run used up its time of {limit_s:g} s while {phase}; submit it again with a larger limit",
            "context": {**base.context, "signature": signature("run-timeout", phase), "limitSeconds": limit_s},
            "retryable": False,
        }
    )


def error_of_system(fault: BaseException, *, phase: str, failed_at: str) -> BuildError:
    """Why AgentGate itself could not go on. A fault of our family speaks for itself; another one shows its trace."""
    name, text = type(fault).__name__, str(fault)
    ours = isinstance(fault, AgentGateError)
    context: dict[str, JsonValue] = {"signature": signature("system", name, text), "exception": name}
    if isinstance(fault, GitHubError):
        context |= {"status": fault.status, "retryAfterSeconds": fault.retry_after_s}
    return BuildError(
        type=_type_of(fault),
        message=text if ours and text else f"unexpected {name}: {text or 'without a message'}",
        stderr="" if ours else tail_lines("".join(traceback.format_exception(fault))),
        context=context,
        phase=phase,
        failed_at=failed_at,
        retryable=isinstance(fault, GitHubError) and fault.retryable,
    )


def _type_of(fault: BaseException) -> BuildErrorType:
    """By its class where it is of our family, else by what it speaks of, apart from what its errno says in general."""
    match fault:
        case SnapshotError():
            return BuildErrorType.SNAPSHOT_ERROR
        case WorkspaceError():
            return BuildErrorType.WORKSPACE_ERROR
        case GitHubError():
            return BuildErrorType.GITHUB_ERROR
        case AgentGateError():
            return BuildErrorType.SYSTEM_ERROR
        case _:
            text = str(fault)
    if isinstance(fault, OSError) and fault.strerror:
        text = text.replace(fault.strerror, "")
    return next((kind for kind, speaks in _KEYWORDS if speaks.search(text)), BuildErrorType.SYSTEM_ERROR)


def _agent_message(result: PersistedAgentResult, limit_s: float | None) -> str:
    """The fact first; then what the agent or its driver said about it."""
    match result.outcome:
        case AgentOutcome.TIMEOUT if result.exit_code == OWN_TIMEOUT_EXIT:
            return result.outcome_reason.strip() or "the agent exited with 124: a time limit of its own ran out"
        case AgentOutcome.TIMEOUT:
            limit = f" of {limit_s:g} s" if limit_s is not None else ""
            fact = f"the agent ran into its time limit{limit} and was stopped"
        case AgentOutcome.CRASH:
            fact = f"the agent {_death(result)}"
        case AgentOutcome.INCOMPLETE:
            fact = f"the agent ended ({_end(result)}) without saying that it was finished"
        case AgentOutcome.TASK_FAILURE:
            fact = f"the agent said that it could not do the task ({_end(result)})"
        case AgentOutcome.AUTH:
            fact = "the agent was refused: check its credentials"
        case AgentOutcome.RATE_LIMITED:
            fact = "the agent's model refused for too many requests"
        case AgentOutcome.OVERLOADED:
            fact = "the agent's model was overloaded or not to be reached"
        case AgentOutcome.LIMIT_REACHED:
            fact = "the agent reached a limit of its own (turns, tokens or cost)"
        case AgentOutcome.LOOP_DETECTED:
            fact = "the agent was going in circles"
        case AgentOutcome.CANCELED:
            fact = "the agent was canceled"
        case AgentOutcome.SUCCESS:
            fact = f"the agent ended well ({_end(result)})"
    reason = result.outcome_reason.strip()
    says_the_same = result.outcome in (AgentOutcome.TIMEOUT, AgentOutcome.CANCELED) or _BARE_EXIT.match(reason)
    return f"{fact}: {reason}" if reason and not says_the_same else fact


def _death(result: PersistedAgentResult) -> str:
    if result.signal == "SIGKILL" or result.exit_code == 137:
        how = "was killed by SIGKILL" if result.signal else "exited with code 137 (a process in it was killed)"
        return f"{how}, and not by AgentGate: the machine may have run out of memory"
    if result.signal:
        return f"died of {result.signal}"
    if result.exit_code is None:
        return "could not be started, or its end was not recorded"
    return f"exited with code {result.exit_code} and did not finish its work"


def _end(result: PersistedAgentResult) -> str:
    return result.signal or (f"exit {result.exit_code}" if result.exit_code is not None else "no exit code")


def _verification_message(check: Check) -> str:
    parts = [f"{check.id} failed: {check.message or 'no reason given'}"]
    count = _failed_tests(check)
    if count:
        parts.append(f"{count} test{'s' if count > 1 else ''} failed")
    if check.diagnostics and check.command:
        first = check.diagnostics[0]
        place = f"{first.file}:{first.line}: " if first.file and first.line else ""
        parts.append(f"first: {place}{first.message}")
    return "; ".join(parts)


def _failed_tests(check: Check) -> int:
    """What the runner's own count or its failing cases say; else the count in its last lines; else 0."""
    if check.failed_tests is not None:
        return check.failed_tests
    named = sum(case.status is CheckStatus.FAILED for case in check.cases)
    counts: Sequence[tuple[str, str]] = _FAILED_COUNT.findall(check.stdout + "\n" + check.stderr)
    return named or (int(counts[-1][0] or counts[-1][1]) if counts else 0)


def _top(diagnostics: Sequence[Diagnostic]) -> list[JsonValue]:
    return [
        {"check": each.check, "message": each.message, "file": each.file, "line": each.line, "column": each.column}
        for each in diagnostics[:_TOP_DIAGNOSTICS]
    ]
