"""From how a command ended and what it printed to the record of its check. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.models.gate_plan import GatePlan, PlannedBlackbox, PlannedCommand
from agentgate_engine.models.process import ProcessExit
from agentgate_engine.models.verification import Check, CheckStatus, Diagnostic, Level
from agentgate_engine.verify.assertions import failed_assertions, read_output
from agentgate_engine.verify.diagnostics import OutputFindings, read_findings
from agentgate_engine.verify.error_lines import plain
from agentgate_engine.verify.exit_words import as_expected, ended_by_itself, exit_hint, exit_words
from agentgate_engine.verify.output_window import OutputWindow, tail_lines
from agentgate_engine.verify.reports_written import WrittenReports
from agentgate_engine.verify.schemas import AtBase, Broken
from agentgate_engine.verify.setup_hints import setup_hint
from agentgate_engine.verify.signature import signature
from agentgate_engine.verify.tree_paths import TreePaths

_DETAIL_LINES = 12
_MAX_TEXT = 500


@dataclass(frozen=True, slots=True)
class CommandFacts:
    """What is known of a run of a command besides its output.

    `measured_ms` stands in for a duration that was not recorded; `limit_s` is the time it was given.
    """

    check_id: str
    command: PlannedCommand
    end: ProcessExit | None
    started_at: str
    measured_ms: int
    limit_s: float
    given_s: float | None
    stdout_log: str
    stderr_log: str

    @property
    def level(self) -> Level:
        return Level(self.check_id.partition("/")[0])


def judge_command(
    facts: CommandFacts,
    out: OutputWindow,
    err: OutputWindow,
    plan: GatePlan,
    tree: TreePaths,
    tree_hash: str,
    mask: Callable[[str], str],
    written: WrittenReports | None = None,
) -> Check:
    """The check of one command. Everything that comes from its output or from the reports it wrote is masked."""
    end, command = facts.end, facts.command
    passed = as_expected(end, command.expected_exit)
    whole = (out.whole, err.whole)
    found = read_findings(facts.level, facts.check_id, out.lines, err.lines, tree, mask, whole=whole, written=written)
    words = exit_words(end, command.expected_exit, _limit(facts))
    return Check(
        id=facts.check_id,
        name=facts.check_id.partition("/")[2],
        level=facts.level,
        status=CheckStatus.PASSED if passed else CheckStatus.FAILED,
        passed=passed,
        message=words + (f"; {end.evidence_fault}" if end and end.evidence_fault else ""),
        details=None if passed else _details(found),
        hint=None if passed else _hint(end, out, err, tree, plan),
        command=mask(command.command),
        exit_code=end.exit_code if end else None,
        expected_exit=command.expected_exit,
        timed_out=end is not None and end.ended_by == "deadline",
        ended_by=end.ended_by if end else None,
        started_at=facts.started_at,
        duration=end.duration_ms if end else facts.measured_ms,
        stdout=tail_lines(mask(out.end)),
        stderr=tail_lines(mask(err.end)),
        stdout_log=facts.stdout_log,
        stderr_log=facts.stderr_log,
        cases=list(found.cases),
        diagnostics=[] if passed else list(found.diagnostics),
        failed_tests=found.failed,
        report_notes=[plain(mask(tree.without_roots(note))) for note in written.notes] if written else [],
        signature=None if passed else found.signature or signature(facts.check_id, words),
        tree_hash=tree_hash,
        plan_hash=plan.hash,
    )


def judge_blackbox(
    check: Check,
    command: PlannedBlackbox,
    end: ProcessExit | None,
    stdout: Path,
    at_base: AtBase,
    mask: Callable[[str], str],
) -> Check:
    """`check`, judged by its exit code alone so far, judged by the plan's assertions. Blocking.

    A command that did not end by itself has failed already, and what it printed is not compared.
    """
    if not ended_by_itself(end):
        return check
    code = end.exit_code if end else None
    broken = failed_assertions(command.assertions, code, command.expected_exit, read_output(stdout), at_base)
    count = max(1, len(command.assertions))
    if not broken:
        held = f"{count} assertion{'s hold' if count > 1 else ' holds'}" if command.assertions else check.message
        return check.model_copy(
            update={"status": CheckStatus.PASSED, "passed": True, "message": held, "diagnostics": [], "signature": None}
        )
    said = [_assertion(check, each, mask) for each in broken]
    more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
    return check.model_copy(
        update={
            "status": CheckStatus.FAILED,
            "passed": False,
            "message": f"{said[0].message}{more}",
            "details": "\n".join(each.message for each in said[:_DETAIL_LINES]),
            "diagnostics": [*said, *check.diagnostics],
            "signature": signature(check.id, *(each.message for each in said)),
        }
    )


def _assertion(check: Check, broken: Broken, mask: Callable[[str], str]) -> Diagnostic:
    def clean(text: str | None) -> str | None:
        return None if text is None else plain(mask(text))[:_MAX_TEXT]

    return Diagnostic(
        level=check.level,
        check=check.id,
        type="assertion_failed",
        message=clean(broken.message) or "",
        expected=clean(broken.expected),
        actual=clean(broken.actual),
    )


def _limit(facts: CommandFacts) -> str:
    """The time that a command had which was stopped at its deadline: its own, or what the plan or the run had left."""
    if facts.given_s is not None and facts.given_s < facts.limit_s:
        return f"{facts.given_s:.2g} s, all that was left of the run's time"
    by_budget = "" if facts.limit_s >= facts.command.timeout else ", all that was left of the plan's max_runtime"
    return f"{facts.limit_s:.4g} s{by_budget}"


def _details(found: OutputFindings) -> str | None:
    """The errors themselves, one a line, with their places."""
    lines = [
        f"{each.file}:{each.line}: {each.message}" if each.file and each.line else each.message
        for each in found.diagnostics[:_DETAIL_LINES]
    ]
    return "\n".join(lines) or None


def _hint(end: ProcessExit | None, out: OutputWindow, err: OutputWindow, tree: TreePaths, plan: GatePlan) -> str | None:
    if end is None or end.start_error or end.ended_by:
        return exit_hint(end)
    output = "\n".join(plain(line.text) for window in (out, err) for line in window.lines)
    names = {posixpath.splitext(name)[0] for path in tree.tracked for name in path.split("/")}
    return setup_hint(end.exit_code, output, names, has_setup=bool(plan.setup))
