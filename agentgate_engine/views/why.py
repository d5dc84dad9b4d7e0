"""Why did it fail: the first failing check, its error lines, the call that last touched that file, and what was told.

One view for every kind of end, so that one key answers on any run: a failed check, an agent that died, a fault of the
machine, a cancel; and for a run that has not ended, what it is doing or waiting for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentgate_engine.models.agent_result import PersistedAgentResult
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.run_state import RunState
from agentgate_engine.models.verification import Check, CheckStatus, PersistedVerificationReport
from agentgate_engine.store.run_evidence import RunEvidence
from agentgate_engine.views import wording
from agentgate_engine.views.order_view import retry_lines
from agentgate_engine.views.safe_text import SafeText, sanitize
from agentgate_engine.views.suspect import suspect_facts, unnamed_change
from agentgate_engine.views.timeline import summary_of
from agentgate_engine.views.why_facts import (
    Fact,
    LogReaders,
    Window,
    diagnostic_lines,
    error_tail,
    last_words,
    level_cells,
    output_of_check,
    snapshot_of,
)
from agentgate_engine.views.why_files import Tail, engine_log, files_of, tails_of

_NOT_OF_A_CHECK = (
    BuildErrorType.WORKSPACE_ERROR,
    BuildErrorType.SNAPSHOT_ERROR,
    BuildErrorType.GITHUB_ERROR,
    BuildErrorType.SYSTEM_ERROR,
    BuildErrorType.UNKNOWN,
)
"""What can end a run besides a check that failed in it before."""

DEFAULT_ONLY = "passed the default contracts only: no verify.yaml judged it"


@dataclass(frozen=True, slots=True)
class WhyView:
    """The whole answer. `facts` are numbered from 1; `window` is the output around the failure, `tails` are the ends of
    both streams, `files` (what, absolute path) all that was kept.
    """

    run_id: str
    iteration: int
    title: SafeText
    shown: wording.Shown
    headline: SafeText
    error_type: str | None
    message: SafeText
    levels: tuple[tuple[str, wording.Shown, SafeText], ...]
    facts: tuple[Fact, ...]
    window: Window
    tails: tuple[Tail, ...]
    files: tuple[tuple[str, SafeText], ...]


def why_view(evidence: RunEvidence, iteration: int | None, readers: LogReaders) -> WhyView:
    """The answer for one iteration; by default the last one."""
    run = evidence.run
    n = iteration if iteration is not None else run.iteration
    report, agent = evidence.verifications.get(n), evidence.agents.get(n)
    error = run.build_error if n == run.iteration else None
    check = report.first_failed if report else None
    if check is not None and report is not None:
        facts, window = _failed_check(evidence, n, report, check, readers)
        if error is not None and error.type in _NOT_OF_A_CHECK and error.verification_file is None:
            facts = [*_error_facts(evidence, error, readers), *facts]
    elif agent is not None and not agent.success:
        facts, window = _failed_agent(evidence, n, agent, error, readers)
    else:
        facts, window = _other_end(evidence, n, error, readers), Window.empty()
    kind, message = _kind_and_message(evidence, n, error)
    return WhyView(
        run_id=run.id,
        iteration=n,
        title=sanitize(run.title),
        shown=_shown(evidence, n, report),
        headline=sanitize(_headline(evidence, n, report, agent)),
        error_type=kind,
        message=sanitize(message.split("\n")[0]),
        levels=level_cells(report, run.levels if n == run.iteration else "...."),
        facts=tuple(Fact(number, f.key, f.lines, f.goes_to) for number, f in enumerate(facts, 1)),
        window=window,
        tails=tails_of(error, check, agent),
        files=files_of(evidence, n, check, agent, error, readers),
    )


def judged_by_nothing(evidence: RunEvidence) -> bool:
    """Whether the repository had no plan of its own, so that a pass says little."""
    plan = evidence.plan
    return plan is not None and plan.source_file is None and not plan.tests


def _shown(evidence: RunEvidence, n: int, report: PersistedVerificationReport | None) -> wording.Shown:
    if n == evidence.run.iteration:
        return wording.of_run(evidence.run.state.value)
    return wording.PASSED if report is not None and report.passed else wording.FAILED


def _kind_and_message(evidence: RunEvidence, n: int, error: BuildError | None) -> tuple[str | None, str]:
    """Of the run's end; of an iteration before it, what its record says."""
    if error is not None:
        return error.type.value, error.message
    record = evidence.iterations.get(n)
    if n == evidence.run.iteration or record is None:
        return None, evidence.run.error or ""
    kind = record.error_details.get("buildErrorType")
    return kind if isinstance(kind, str) else None, record.error_message or ""


def _headline(
    evidence: RunEvidence, n: int, report: PersistedVerificationReport | None, agent: PersistedAgentResult | None
) -> str:
    run = evidence.run
    if report is not None and (check := report.first_failed) is not None:
        return f"FAILED at {check.level.value} {check.level.label}: {check.name}"
    if report is not None and report.passed:
        failed = run.build_error if n == run.iteration else None
        but = f"; then: {failed.type.description}" if failed else ""
        return "every check passed" + (f": {DEFAULT_ONLY}" if judged_by_nothing(evidence) else "") + but
    if n == run.iteration and run.state is RunState.CANCELED:
        return "canceled"
    if agent is not None and not agent.success:
        return f"the agent did not succeed: {agent.outcome.value}"
    if run.state is RunState.QUEUED:
        return "waiting in the queue"
    if not run.state.terminal:
        return f"{run.state.value}: {run.now}" if evidence.origin is None else run.now
    return run.build_error.type.description if run.build_error else run.state.value


def _failed_check(
    evidence: RunEvidence, n: int, report: PersistedVerificationReport, check: Check, readers: LogReaders
) -> tuple[list[Fact], Window]:
    seen = [k for k, r in sorted(evidence.verifications.items()) if _failed_in(r, check.id)]
    lines = [f"{check.id}  {check.message or ''}".rstrip()]
    lines += diagnostic_lines(check)
    again = (
        f"failed in iteration {', '.join(map(str, seen))}" if len(seen) > 1 else f"first failed in iteration {seen[0]}"
    )
    lines.append(again + (f", signature {check.signature}" if check.signature else ""))
    if check.hint:
        lines.append(f"set-up: {check.hint}")
    facts = [Fact.of("CHECK", lines, f"check:{check.id}"), *_also(evidence, n, report, check)]
    named = [d.cause_file for d in check.diagnostics if d.cause_file]
    named += [d.file for d in check.diagnostics if d.file]
    facts += suspect_facts(evidence, n, list(dict.fromkeys(named)))
    facts += _agent_facts(evidence, n)
    facts += _retried(evidence, n)
    facts += _stopped(evidence, n)
    return facts, output_of_check(evidence.layout.directory, check, readers)


def _also(evidence: RunEvidence, n: int, report: PersistedVerificationReport, first: Check) -> list[Fact]:
    """The other checks that failed, in one line: the first one need not be the worst."""
    others = [c for level in report.levels for c in level.checks if c.status is CheckStatus.FAILED and c.id != first.id]
    if not others:
        return []
    named = ", ".join(f"{c.name} {_how(c)}" for c in others[:4]) + (f" and {len(others) - 4} more" * (len(others) > 4))
    place = evidence.run.id if n == evidence.run.iteration else f"{evidence.run.id}/{n}"
    return [Fact.of("ALSO", [f"{named}; agentgate verify {place} lists all"], f"check:{others[0].id}")]


def _how(check: Check) -> str:
    if check.timed_out:
        return "timed out"
    if check.exit_code is not None:
        return f"exit {check.exit_code}"
    died = re.search(r"\bSIG[A-Z0-9]+", check.message or "")
    return died[0] if died else "failed"


def _failed_in(report: PersistedVerificationReport, check_id: str) -> bool:
    return any(c.id == check_id and c.status is CheckStatus.FAILED for level in report.levels for c in level.checks)


def _agent_facts(evidence: RunEvidence, n: int) -> list[Fact]:
    facts: list[Fact] = []
    agent = evidence.agents.get(n)
    if agent is not None and (words := last_words(agent)):
        facts.append(Fact.of("AGENT", [f'"{words}"'], f"log:{n}"))
    facts.append(_told(evidence, n))
    snapshot = evidence.iterations.get(n)
    if snapshot is not None and snapshot.diff_file:
        facts.append(Fact.of("DIFF", [_diff_line(evidence, n)], f"diff:{n}"))
    return facts


def _told(evidence: RunEvidence, n: int) -> Fact:
    sent = evidence.feedbacks.get(n)
    if sent is not None:
        names = ", ".join(failure.check for failure in sent.failures[:3]) or "no check"
        dropped = f", {wording.plural(sent.lines_dropped, 'line')} did not fit" if sent.lines_dropped else ""
        what = f"feedback of {sent.bytes} bytes, naming {names}{dropped}, sent to iteration {n + 1}"
        return Fact.of("SENT", [what], f"feedback:{n}")
    before = evidence.feedbacks.get(n - 1)
    if before is not None:
        what = f"no feedback after this iteration; it was told the feedback of iteration {n - 1}"
        return Fact.of("SENT", [what], f"feedback:{n - 1}")
    if evidence.origin is not None and n > 1:
        return Fact.of("SENT", [f"the feedback of iteration {n - 1}, which the original did not keep"], "prompt")
    return Fact.of("SENT", ["no feedback: the agent was told the task alone"], "prompt")


def _diff_line(evidence: RunEvidence, n: int) -> str:
    shot = snapshot_of(evidence, n)
    if shot is None or not shot.files_changed:
        return f"iteration {n} changed nothing"
    if not shot.files:
        return f"iteration {n} changed {unnamed_change(shot)}"
    more = f" and {len(shot.files) - 3} more" if len(shot.files) > 3 else ""
    names = ", ".join(file.path for file in shot.files[:3])
    return f"iteration {n} changed {names}{more}  +{shot.insertions} -{shot.deletions}"


def _failed_agent(
    evidence: RunEvidence, n: int, agent: PersistedAgentResult, error: BuildError | None, readers: LogReaders
) -> tuple[list[Fact], Window]:
    ended = (
        f"exit code {agent.exit_code}"
        if agent.exit_code is not None
        else f"signal {agent.signal}"
        if agent.signal
        else "no exit code"
    )
    kind = error.type.value if error else agent.outcome.value
    lines = [
        f"{kind}: {error.message if error else agent.outcome_reason}",
        f"{ended} after {wording.duration(agent.duration_ms)}",
    ]
    if evidence.run.state is RunState.CANCELED:
        lines.append(evidence.run.error or "canceled")
    elif error is not None:
        lines.append("the same call may work later" if error.retryable else "counted as permanent: not tried again")
    facts = [Fact.of("ERROR", lines, f"log:{n}"), *_retried(evidence, n)]
    if agent.tool_calls:
        last = agent.tool_calls[-1]
        open_ = " and it never came back" if last.closed_by == "end_of_run" else ""
        text = f"#{len(agent.tool_calls)} {last.tool} {summary_of(last)}{open_}"
        facts.append(Fact.of("LAST", [text], f"tool:{n}:{last.id}"))
    else:
        unseen = (
            "no tool call was seen" if evidence.origin is None else "the original keeps no tool calls of this agent"
        )
        facts.append(Fact.of("LAST", [unseen], f"log:{n}"))
    if words := last_words(agent):
        facts.append(Fact.of("AGENT", [f'"{words}"'], f"log:{n}"))
    facts.append(_told(evidence, n))
    return facts, error_tail(evidence.layout.directory, agent, readers)


def _stopped(evidence: RunEvidence, n: int) -> list[Fact]:
    """Why there was no further iteration."""
    error = evidence.run.build_error
    if error is None or n != evidence.run.iteration or "stopped" not in error.context:
        return []
    text = f"strategy {error.context.get('strategy')}: {error.context['stopped']}"
    return [Fact.of("STOPPED", [text], "events")]


def _retried(evidence: RunEvidence, n: int) -> list[Fact]:
    """What was tried again in this iteration; each attempt's own output stays in its process folder."""
    lines = retry_lines(evidence.run, n)
    return [Fact.of("RETRIED", lines, f"log:{n}")] if lines else []


def _error_facts(evidence: RunEvidence, error: BuildError, readers: LogReaders) -> list[Fact]:
    """An end that neither the agent nor a check brought: what, while what, what to do next, and on which engine."""
    run = evidence.run
    exception = error.context.get("exception")
    raised = f", as {exception}" if isinstance(exception, str) else ""
    facts = [Fact.of("ERROR", [f"{error.type.value}: {error.message}", f"while {error.phase}{raised}"], "events")]
    facts += _retried(evidence, run.iteration)
    if evidence.origin is not None:
        return facts
    step = evidence.delivery.next_step if evidence.delivery is not None else None
    facts.append(Fact.of("NEXT", [step or f"when that is mended: agentgate requeue {run.work_order_id}"], "events"))
    log = engine_log(evidence, readers)
    where = "in its log, named below" if log is not None else "where `agentgate serve` was started"
    said = f"{run.engine}; what it said itself is {where}" if run.engine else "no engine had begun it"
    return [*facts, Fact.of("ENGINE", [said], "events")]


def _other_end(evidence: RunEvidence, n: int, error: BuildError | None, readers: LogReaders) -> list[Fact]:
    run = evidence.run
    facts: list[Fact] = []
    if error is not None:
        facts += _error_facts(evidence, error, readers)
    elif run.state is RunState.CANCELED:
        facts.append(Fact.of("CANCEL", [run.error or run.now or "canceled"], "events"))
    elif run.state is RunState.SUCCEEDED:
        delivered = evidence.delivery
        passed = [
            f"the branch {run.branch} is in {run.repository}" if run.branch else f"the work is in {run.repository}"
        ]
        if judged_by_nothing(evidence):
            passed.append(DEFAULT_ONLY)
        facts.append(Fact.of("PASSED", passed, f"diff:{n}"))
        if delivered is not None and delivered.next_step:
            facts.append(Fact.of("NEXT", [delivered.next_step], f"diff:{n}"))
    elif run.waiting_for is not None:
        until = f" (until {run.waiting_for.until})" if run.waiting_for.until else ""
        facts.append(Fact.of("WAITS", [f"{run.waiting_for.kind}: {run.waiting_for.reason}{until}"], "events"))
    else:
        facts.append(Fact.of("NOW", [run.now or run.state.value], f"log:{n}"))
    if n and (agent := evidence.agents.get(n)) is not None and (words := last_words(agent)):
        facts.append(Fact.of("AGENT", [f'"{words}"'], f"log:{n}"))
    facts += [Fact.of("NOTE", [warning.message], "events") for warning in run.warnings[-3:]]
    return facts
