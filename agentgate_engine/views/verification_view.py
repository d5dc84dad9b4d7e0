"""What the gates said in one iteration: levels, their checks, and the cases or findings that did not pass."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_engine.models.verification import Check, CheckStatus, Diagnostic, Level, LevelResult
from agentgate_engine.store.run_evidence import RunEvidence
from agentgate_engine.views import wording
from agentgate_engine.views.order_view import OrderView
from agentgate_engine.views.safe_text import SafeText, sanitize

_MOST_CASES = 200
_MOST_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class VerifyRow:
    """A level (`depth` 0), a check (1), or a case or finding of it (2).

    `log` is relative to the run, `line` counts from 1.
    """

    key: str
    depth: int
    shown: wording.Shown
    name: SafeText
    duration_ms: int | None
    message: SafeText
    log: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class VerificationView:
    """One iteration's gates. `complete` is false while they run or were not reached."""

    iteration: int
    complete: bool
    summary: SafeText
    rows: tuple[VerifyRow, ...]
    notes: tuple[SafeText, ...]


def verification_view(evidence: RunEvidence, order: OrderView, iteration: int) -> VerificationView:
    """The gates of one iteration; from the checks that `order` saw start and end while there is no report."""
    report = evidence.verifications.get(iteration)
    if report is not None:
        rows = tuple(row for level in report.levels for row in _level_rows(evidence, level))
        summary = f"{report.summary} ({wording.duration(report.total_duration)})"
        notes = [*report.notes, *(["kept caches were used"] if report.used_kept_caches else [])]
        return VerificationView(iteration, True, sanitize(summary), rows, tuple(sanitize(note) for note in notes))
    rows = tuple(
        VerifyRow(f"check:{check.id}", 1, cell.shown, sanitize(check.id), cell.duration_ms, cell.message)
        for check in order.checks
        if iteration and len(check.cells) >= iteration and (cell := check.cells[iteration - 1]) is not None
    )
    return VerificationView(iteration, False, sanitize("verifying" if rows else "not verified yet"), rows, ())


def output_of(check: Check) -> tuple[str | None, int | None]:
    """(log, line from 1) where to begin in a check's output: its first diagnostic whose place is known."""
    first: Diagnostic | None = next((d for d in check.diagnostics if d.output_line), None)
    if first is not None:
        return (check.stderr_log if first.stream == "stderr" else check.stdout_log), first.output_line
    quiet = not check.stdout.strip() and bool(check.stderr.strip())
    return (check.stderr_log if quiet else check.stdout_log) or check.stderr_log, None


def _level_rows(evidence: RunEvidence, level: LevelResult) -> list[VerifyRow]:
    said = level.reason or ""
    if level.status is CheckStatus.NOT_RUN and not said:
        said = "not run"
    rows = [
        VerifyRow(
            f"level:{level.level.value}",
            0,
            wording.of_check(level.status.value),
            sanitize(f"{level.level.value} {level.level.label}"),
            level.duration if level.checks else None,
            sanitize(said),
        )
    ]
    for check in level.checks:
        rows += _check_rows(check, evidence.spent(check))
    return rows


def _check_rows(check: Check, spent: int | None) -> list[VerifyRow]:
    log, line = output_of(check)
    message = (check.message or check.hint or "").split("\n")[0]
    key = f"check:{check.id}"
    shown = wording.of_check(check.status.value)
    rows = [VerifyRow(key, 1, shown, sanitize(check.name), spent, sanitize(message), log, line)]
    for number, case in enumerate(check.cases[:_MOST_CASES]):
        if case.status is not CheckStatus.PASSED:
            place = f"{case.file}:{case.line}  " if case.file and case.line else ""
            said = place + (case.message or "").split("\n")[0]
            rows.append(
                VerifyRow(
                    f"case:{check.id}:{number}",
                    2,
                    wording.of_check(case.status.value),
                    sanitize(case.id),
                    None,
                    sanitize(said),
                    log,
                    line,
                )
            )
    return rows + _finding_rows(check, shown, log)


def _finding_rows(check: Check, shown: wording.Shown, log: str | None) -> list[VerifyRow]:
    """What was found by a check that has no cases of its own: the files of L0 and L3, the assertions of L2."""
    if check.level is Level.L1 or check.status not in (CheckStatus.FAILED, CheckStatus.WARNING):
        return []
    rows: list[VerifyRow] = []
    for number, found in enumerate(check.diagnostics[:_MOST_FINDINGS]):
        place = f"{found.file}:{found.line}" if found.file and found.line else found.file or ""
        said = f"{found.message}: expected {found.expected}, got {found.actual}" if found.expected else found.message
        name = sanitize(place or found.type)
        key = f"finding:{check.id}:{number}"
        rows.append(VerifyRow(key, 2, shown, name, None, sanitize(said), log, found.output_line))
    return rows
