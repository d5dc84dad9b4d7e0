"""Why did it fail: the first failing check, its error lines, the call that last touched that file, and what was told.

One view for every kind of end, so that one key answers on any run: a failed check, an agent that died, a fault of the
machine, a cancel; and for a run that has not ended, what it is doing or waiting for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentgate_engine.models.agent_result import PersistedAgentResult, ToolCall
from agentgate_engine.models.build_error import BuildError
from agentgate_engine.models.run_state import RunState
from agentgate_engine.models.verification import Check, CheckStatus, PersistedVerificationReport
from agentgate_engine.store.run_evidence import RunEvidence
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import SafeText, sanitize
from agentgate_engine.views.timeline import summary_of, touches
from agentgate_engine.views.why_facts import (
    Fact,
    LogReaders,
    Window,
    error_tail,
    last_words,
    level_cells,
    output_of_check,
    snapshot_of,
)

DEFAULT_ONLY = "passed the default contracts only: no verify.yaml judged it"


@dataclass(frozen=True, slots=True)
class WhyView:
    """The whole answer. `facts` are numbered from 1; `window` is the output around the failure."""

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
    elif agent is not None and not agent.success:
        facts, window = _failed_agent(evidence, n, agent, error, readers)
    else:
        facts, window = _other_end(evidence, n, error), Window.empty()
    return WhyView(
        run_id=run.id,
        iteration=n,
        title=sanitize(run.title),
        shown=_shown(evidence, n, report),
        headline=sanitize(_headline(evidence, n, report, agent)),
        error_type=error.type.value if error else None,
        message=sanitize((error.message if error else run.error or "").splitlines()[0] if (error or run.error) else ""),
        levels=level_cells(report, run.levels if n == run.iteration else "...."),
        facts=tuple(Fact(number, f.key, f.lines, f.goes_to) for number, f in enumerate(facts, 1)),
        window=window,
        files=_files(evidence, n, check, agent),
    )


def judged_by_nothing(evidence: RunEvidence) -> bool:
    """Whether the repository had no plan of its own, so that a pass says little."""
    plan = evidence.plan
    return plan is not None and plan.source_file is None and not plan.tests


def _shown(evidence: RunEvidence, n: int, report: PersistedVerificationReport | None) -> wording.Shown:
    if n == evidence.run.iteration:
        return wording.of_run(evidence.run.state.value)
    return wording.PASSED if report is not None and report.passed else wording.FAILED


def _headline(
    evidence: RunEvidence, n: int, report: PersistedVerificationReport | None, agent: PersistedAgentResult | None
) -> str:
    run = evidence.run
    if report is not None and (check := report.first_failed) is not None:
        return f"FAILED at {check.level.value} {check.level.label}: {check.name}"
    if report is not None and report.passed:
        return "every check passed" + (f": {DEFAULT_ONLY}" if judged_by_nothing(evidence) else "")
    if n == run.iteration and run.state is RunState.CANCELED:
        return "canceled"
    if agent is not None and not agent.success:
        return f"the agent did not succeed: {agent.outcome.value}"
    if run.state is RunState.QUEUED:
        return "waiting in the queue"
    if not run.state.terminal:
        return f"{run.state.value}: {run.now}"
    return run.build_error.type.description if run.build_error else run.state.value


def _failed_check(
    evidence: RunEvidence, n: int, report: PersistedVerificationReport, check: Check, readers: LogReaders
) -> tuple[list[Fact], Window]:
    first = check.diagnostics[0] if check.diagnostics else None
    place = f"{first.file}:{first.line}" if first and first.file and first.line else (first.file if first else None)
    seen = [k for k, r in sorted(evidence.verifications.items()) if _failed_in(r, check.id)]
    lines = [f"{check.id}  {check.message or ''}".rstrip()]
    if first is not None:
        lines.append(f"{first.message}" + (f"   {place}" if place else ""))
    again = (
        f"failed in iteration {', '.join(map(str, seen))}" if len(seen) > 1 else f"first failed in iteration {seen[0]}"
    )
    lines.append(again + (f", signature {check.signature}" if check.signature else ""))
    if check.hint:
        lines.append(f"set-up: {check.hint}")
    facts = [Fact.of("CHECK", lines, f"check:{check.id}"), *_also(evidence, n, report, check)]
    named = [d.file for d in check.diagnostics if d.file]
    facts += _suspect(evidence, n, list(dict.fromkeys(named)))
    facts += _agent_facts(evidence, n)
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


def _suspect(evidence: RunEvidence, n: int, named: list[str]) -> list[Fact]:
    """The newest call that changed a file which the failure names; else the newest that changed anything."""
    calls = [(k, i, c) for k in range(1, n + 1) for i, c in enumerate(_calls(evidence, k), 1)]
    for path in named:
        hit = next(((k, i, c) for k, i, c in reversed(calls) if touches(c, path)), None)
        if hit is not None:
            return _touch_facts(calls, hit, path)
    changing = next(((k, i, c) for k, i, c in reversed(calls) if c.kind == "edit" or c.delta), None)
    if changing is None:
        return [_suspect_from_snapshots(evidence, n, named)]
    k, i, call = changing
    about = f"no call touched {named[0]}; the last change was " if named else "the last change was "
    return [Fact.of("SUSPECT", [f"{about}#{i} {call.tool} {summary_of(call)} (it {k})"], f"tool:{k}:{call.id}")]


def _suspect_from_snapshots(evidence: RunEvidence, n: int, named: list[str]) -> Fact:
    """For an agent that tells of no tool calls: the iteration whose snapshot changed the file, else what did change."""
    shots = {k: shot for k in range(n, 0, -1) if (shot := snapshot_of(evidence, k)) is not None}
    for path in named:
        hit = next((k for k, shot in shots.items() if any(file.path == path for file in shot.files)), None)
        if hit is not None:
            text = f"{path} was changed in iteration {hit}; this agent tells of no tool calls"
            return Fact.of("SUSPECT", [text], f"diff:{hit}")
    about = f"{named[0]} was not changed by the agent; " if named else ""
    last = next((k for k, shot in shots.items() if shot.files), None)
    if last is None:
        return Fact.of("SUSPECT", [f"{about}the agent changed nothing at all"], f"diff:{n}")
    names = ", ".join(file.path for file in shots[last].files[:3])
    return Fact.of("SUSPECT", [f"{about}iteration {last} changed {names}"], f"diff:{last}")


def _touch_facts(calls: list[tuple[int, int, ToolCall]], hit: tuple[int, int, ToolCall], path: str) -> list[Fact]:
    k, i, call = hit
    sure = " (one of several calls at that time)" if call.delta and call.delta.confidence == "shared" else ""
    lines = [f"{path} last touched by tool call #{i} ({call.kind}) in iteration {k}{sure}", summary_of(call)]
    facts = [Fact.of("SUSPECT", [line for line in lines if line and line != path], f"tool:{k}:{call.id}")]
    after = calls[calls.index(hit) + 1 :]
    if after:
        kinds = [
            f"{sum(1 for _, _, c in after if c.kind == kind)}x {kind}"
            for kind in dict.fromkeys(c.kind for _, _, c in after)
        ]
        facts.append(
            Fact.of("AFTER", [f"{wording.plural(len(after), 'call')} since: {', '.join(kinds)}"], f"tools:{k}")
        )
    return facts


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
    return Fact.of("SENT", ["no feedback: the agent was told the task alone"], "prompt")


def _diff_line(evidence: RunEvidence, n: int) -> str:
    shot = snapshot_of(evidence, n)
    if shot is None or not shot.files:
        return f"iteration {n} changed nothing"
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
    facts = [Fact.of("ERROR", lines, f"log:{n}")]
    if agent.tool_calls:
        last = agent.tool_calls[-1]
        open_ = " and it never came back" if last.closed_by == "end_of_run" else ""
        text = f"#{len(agent.tool_calls)} {last.tool} {summary_of(last)}{open_}"
        facts.append(Fact.of("LAST", [text], f"tool:{n}:{last.id}"))
    else:
        facts.append(Fact.of("LAST", ["no tool call was seen"], f"log:{n}"))
    if words := last_words(agent):
        facts.append(Fact.of("AGENT", [f'"{words}"'], f"log:{n}"))
    facts.append(_told(evidence, n))
    return facts, error_tail(evidence.layout.directory, agent, readers)


def _other_end(evidence: RunEvidence, n: int, error: BuildError | None) -> list[Fact]:
    run = evidence.run
    facts: list[Fact] = []
    if error is not None:
        facts.append(Fact.of("ERROR", [f"{error.type.value}: {error.message}", f"while {error.phase}"], "events"))
    elif run.state is RunState.CANCELED:
        facts.append(Fact.of("CANCEL", [run.error or "canceled"], "events"))
    elif run.state is RunState.SUCCEEDED:
        delivered = evidence.delivery
        passed = [f"the branch {run.branch} is in {run.repository}"]
        if judged_by_nothing(evidence):
            passed.append(DEFAULT_ONLY)
        facts.append(Fact.of("PASSED", passed, f"diff:{n}"))
        if delivered is not None and delivered.next_step:
            facts.append(Fact.of("NEXT", [delivered.next_step], f"diff:{n}"))
    elif run.waiting_for is not None:
        facts.append(Fact.of("WAITS", [f"{run.waiting_for.kind}: {run.waiting_for.reason}"], "events"))
    else:
        facts.append(Fact.of("NOW", [run.now or run.state.value], f"log:{n}"))
    if n and (agent := evidence.agents.get(n)) is not None and (words := last_words(agent)):
        facts.append(Fact.of("AGENT", [f'"{words}"'], f"log:{n}"))
    facts += [Fact.of("NOTE", [warning.message], "events") for warning in run.warnings[-3:]]
    return facts


def _calls(evidence: RunEvidence, n: int) -> list[ToolCall]:
    agent = evidence.agents.get(n)
    return agent.tool_calls if agent is not None else []


def _files(
    evidence: RunEvidence, n: int, check: Check | None, agent: PersistedAgentResult | None
) -> tuple[tuple[str, SafeText], ...]:
    """Where the full outputs are, as absolute paths."""
    directory = evidence.layout.directory
    named: list[tuple[str, str]] = []
    if check is not None:
        named += [
            (f"check {kind}", log) for kind, log in (("stdout", check.stdout_log), ("stderr", check.stderr_log)) if log
        ]
    if agent is not None:
        named += [("agent stdout", agent.stdout_log), ("agent stderr", agent.stderr_log)]
        named.append(("agent record", evidence.layout.agent(n).name))
    if n in evidence.verifications:
        named.append(("verification", evidence.layout.verification(n).name))
    return tuple((what, sanitize(str(directory / name))) for what, name in named)
