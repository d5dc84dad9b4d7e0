"""What the agent is told after a verification: structured, bounded, and the same text for the same report.

One failing check is one failure, however much it printed. What does not fit is counted, and the instructions at the end
are never what is cut. A report that passed is told of, too, where a strategy goes on after a pass.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_engine.models.feedback import FeedbackFailure, FeedbackRecord
from agentgate_engine.models.verification import Check, CheckStatus, FailureKind, Level, PersistedVerificationReport
from agentgate_engine.verify.check_kind import check_kind
from agentgate_engine.verify.contracts import FORBIDDEN, NAMING_PREFIX, REQUIRED, SCHEMA_PREFIX
from agentgate_engine.verify.error_lines import is_error_line, plain
from agentgate_engine.verify.exit_words import ran_out_of_memory
from agentgate_engine.verify.sanity import LARGE_FILES
from agentgate_engine.verify.verify_yaml import BUDGET_CHECK

MAX_FAILURES = 10
MAX_DETAILS = 500
MAX_SUGGESTIONS = 5
MAX_FILES = 5
MAX_EXTRA = 1000
MIN_LIMIT = 1200

_MAX_LINE = 240
_LAST_LINES = 8
_INSTRUCTIONS = (
    "## Instructions",
    "- Your changes are still in the working tree: go on from there, do not start again.",
    "- Fix the cause of every failure above, then end your turn; the same checks will run again.",
    "- Do not change verify.yaml, and do not delete, skip or weaken tests or test fixtures to make a check pass.",
    "- The checks run on a fresh clone of what git does not ignore: a file that a check needs must not be ignored.",
)
_INSTRUCTIONS_PASSED = (
    "## Instructions",
    "- Your changes are still in the working tree: go on with the task from there, do not start again.",
    "- Keep every check passing; the same checks will run again when you end your turn.",
    *_INSTRUCTIONS[3:],
)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the text. Details are the first to go when it is too long."""

    text: str
    detail: bool = False


def build_feedback(
    report: PersistedVerificationReport, *, created_at: str, limit_chars: int = 4000, extra: str | None = None
) -> FeedbackRecord:
    """The feedback for a report. `text` has at most `limit_chars` characters; `extra` is a strategy's own words.

    Raises:
        ValueError: the limit leaves no room for more than the instructions.
    """
    if limit_chars < MIN_LIMIT:
        raise ValueError(f"feedback needs a limit of at least {MIN_LIMIT} characters, not {limit_chars}")
    failed = [check for level in report.levels for check in level.checks if check.status is CheckStatus.FAILED]
    failures = [_failure(check) for check in failed[:MAX_FAILURES]]
    files = _files(failed)
    suggestions = _suggestions(failed)
    level = report.first_failed.level if report.first_failed else None
    dropped = len(failed) - len(failures)
    added = plain(extra or "").strip()[:MAX_EXTRA] or None
    instructions = _INSTRUCTIONS_PASSED if report.passed else _INSTRUCTIONS
    body = _opening(report, level, added)
    body += _warnings(report) if report.passed else _failures(failures, dropped, files, suggestions)
    body = [_Line(_clipped(plain(line.text.replace("\n", " "))), line.detail) for line in body]
    text, kept, cut = _fitted(body, instructions, limit_chars)
    return FeedbackRecord(
        run_id=report.run_id,
        iteration=report.iteration,
        created_at=created_at,
        overall_status="passed" if report.passed else "failed",
        summary=report.summary,
        failed_level=level,
        failures=failures,
        failures_dropped=dropped,
        suggestions=suggestions,
        file_references=files,
        extra=added,
        text=text,
        bytes=len(text.encode(errors="replace")),
        lines_kept=kept,
        lines_dropped=cut,
    )


def _failure(check: Check) -> FeedbackFailure:
    placed = next((each for each in check.diagnostics if each.file), None)
    compared = next((each for each in check.diagnostics if each.expected is not None), None)
    exits = check.exit_code is not None and check.expected_exit is not None and check.exit_code != check.expected_exit
    return FeedbackFailure(
        level=check.level,
        check=check.id,
        type=_failure_kind(check),
        message=plain(check.message or "failed"),
        details=_details(check),
        command=check.command,
        exit_code=check.exit_code,
        file=placed.file if placed else None,
        line=placed.line if placed else None,
        expected=compared.expected if compared else f"exit {check.expected_exit}" if exits else None,
        actual=compared.actual if compared else f"exit {check.exit_code}" if exits else None,
    )


def _failure_kind(check: Check) -> FailureKind:
    if check.name == BUDGET_CHECK or check.ended_by == "output_cap" or check.id == LARGE_FILES:
        return "resource_exceeded"
    if check.timed_out:
        return "test_timeout"
    if ran_out_of_memory(check.message or ""):
        return "resource_exceeded"
    match check_kind(check):
        case "contract":
            return _contract_kind(check)
        case "typecheck" | "lint" | "build":
            return "build_error"
        case "setup":
            return "runtime_error"
        case "blackbox":
            asserted = any(each.type == "assertion_failed" for each in check.diagnostics)
            return "assertion_failed" if asserted else "runtime_error"
        case "ci":
            return "test_failed"
        case _:
            return "runtime_error" if check.hint or check.exit_code is None else "test_failed"


def _contract_kind(check: Check) -> FailureKind:
    if check.id == REQUIRED or any(each.type == "missing_file" for each in check.diagnostics):
        return "missing_file"
    return "forbidden_file" if check.id == FORBIDDEN else "schema_violation"


def _details(check: Check) -> str:
    """The error lines, not the noise: diagnostics with their places, then error lines that they do not repeat.

    Output without any error line is shown by its last lines, so that a failure is never silent.
    """
    found: list[str] = []
    for each in check.diagnostics:
        place = f"{each.file}:{each.line}: " if each.file and each.line else f"{each.file}: " if each.file else ""
        found.append(place + each.message)
    printed = [plain(line).strip() for line in (check.stdout + "\n" + check.stderr).split("\n")]
    printed = [line for line in printed if line]
    said = [each.message for each in check.diagnostics]
    for line in printed:
        bare = line.removeprefix("E ").strip()
        if is_error_line(line) and not any(known in bare or bare in known for known in said):
            found.append(line)
            said.append(bare)
    return _joined(found or printed[-_LAST_LINES:])


def _joined(lines: list[str]) -> str:
    """As many whole lines as fit, each clipped."""
    kept: list[str] = []
    room = MAX_DETAILS
    for line in (_clipped(line.replace("\n", " ")) for line in lines):
        if len(line) + 1 > room:
            break
        kept.append(line)
        room -= len(line) + 1
    return "\n".join(kept)


def _files(failed: list[Check]) -> list[str]:
    """The files that the errors name, in order, missing ones left out."""
    named = [each.file for check in failed for each in check.diagnostics if each.file and each.type != "missing_file"]
    return list(dict.fromkeys(named))[:MAX_FILES]


def _suggestions(failed: list[Check]) -> list[str]:
    return list(dict.fromkeys(said for check in failed if (said := _suggestion(check))))[:MAX_SUGGESTIONS]


def _suggestion(check: Check) -> str | None:
    if check.hint:
        return f"{check.id}: {check.hint}"
    if check.id == LARGE_FILES:
        return (
            "Remove the large files, or let git ignore them; what can be made again does not belong in the repository."
        )
    if check.level is Level.L0:
        return _contract_suggestion(check)
    if check.timed_out:
        return f"{check.id} did not end in time: look for an endless loop, a wait for input, or a hung server."
    if check.level is Level.L2 and check.command:
        return f"Run the command of {check.id} yourself, with its fixture on stdin, and compare what it prints."
    return f"Run the command of {check.id} yourself before you end your turn." if check.command else None


def _contract_suggestion(check: Check) -> str:
    if check.id == REQUIRED:
        return "Create the missing files, and make sure that git does not ignore them."
    if check.id.startswith(SCHEMA_PREFIX):
        return f"Make {check.id.removeprefix(SCHEMA_PREFIX)} hold what its rules ask for."
    if check.id.startswith(NAMING_PREFIX):
        return "Rename the files, and everything that refers to them."
    return "Remove the forbidden files; what they hold does not belong in the repository."


def _opening(report: PersistedVerificationReport, level: Level | None, extra: str | None) -> list[_Line]:
    title = "All checks passed" if report.passed else "Verification failed"
    lines = [_Line(f"# {title} (iteration {report.iteration})"), _Line(""), _Line("## Summary")]
    lines += [_Line(report.summary), _Line("")]
    if extra:
        lines += [_Line("## What to do next"), *map(_Line, extra.split("\n")), _Line("")]
    if level:
        lines += [_Line("## Failed level"), _Line(f"{level} {level.label}"), _Line("")]
    return lines


def _failures(failures: list[FeedbackFailure], dropped: int, files: list[str], suggestions: list[str]) -> list[_Line]:
    lines = [_Line("## Failures")]
    for number, failure in enumerate(failures, 1):
        lines.append(_Line(f"{number}. {failure.check} [{failure.type}]: {failure.message}"))
        if failure.command:
            exit_code = "none" if failure.exit_code is None else failure.exit_code
            lines.append(_Line(f"   exit code: {exit_code}, command: {failure.command}"))
        if failure.file:
            lines.append(_Line(f"   at {failure.file}" + (f":{failure.line}" if failure.line else "")))
        lines += [_Line(f"   > {line}", detail=True) for line in failure.details.split("\n") if line]
        if failure.expected is not None and not failure.expected.startswith("exit "):
            lines.append(_Line(f"   expected: {failure.expected}", detail=True))
            lines.append(_Line(f"   actual: {failure.actual}", detail=True))
    if dropped:
        lines.append(_Line(f"({dropped} more failed check{'s' if dropped > 1 else ''} not listed)"))
    lines.append(_Line(""))
    for title, entries in (("## Files to review", files), ("## Suggestions", suggestions)):
        if entries:
            lines += [_Line(title), *(_Line(f"- {entry}") for entry in entries), _Line("")]
    return lines


def _warnings(report: PersistedVerificationReport) -> list[_Line]:
    warned = [check for level in report.levels for check in level.checks if check.status is CheckStatus.WARNING]
    lines = [_Line(f"- {check.id}: {check.message}") for check in warned[:MAX_FAILURES]]
    return [_Line("## Warnings"), *lines, _Line("")] if lines else []


def _fitted(body: list[_Line], instructions: tuple[str, ...], limit: int) -> tuple[str, int, int]:
    """(text, lines kept, lines dropped): details go first, from the end; then other lines, from the end."""
    kept = list(body)
    dropped = 0
    text = _text(kept, instructions, dropped)
    while len(text) > limit:
        at = next((i for i in range(len(kept) - 1, -1, -1) if kept[i].detail), len(kept) - 1)
        del kept[at]
        dropped += 1
        text = _text(kept, instructions, dropped)
    return text, len(kept) + len(instructions), dropped


def _text(body: list[_Line], instructions: tuple[str, ...], dropped: int) -> str:
    marker = [f"({dropped} line{'s' if dropped > 1 else ''} left out to keep this short)", ""] if dropped else []
    return "\n".join([*(line.text for line in body), *marker, *instructions]) + "\n"


def _clipped(line: str) -> str:
    return line if len(line) <= _MAX_LINE else line[: _MAX_LINE - 3] + "..."
