"""`verification-{n}.json` of the original as our report, in both of its shapes (upstream.md 2.2). Pure."""

from __future__ import annotations

import re

from agentgate_engine.models.verification import (
    Check,
    CheckStatus,
    Diagnostic,
    HarnessConfig,
    Level,
    LevelResult,
    PersistedVerificationReport,
)
from agentgate_engine.store.foreign.agents import Mask
from agentgate_engine.store.foreign.records import Fields

_MOST_CHECKS = 2_000
_MOST_FINDINGS = 500
_TAIL_CHARS = 16 << 10
_EXIT = re.compile(r"(?i)\bexit code: *(-?[0-9]{1,9})(?:, *expected: *(-?[0-9]{1,9}))?")
_STATUS = {status.value: status for status in CheckStatus}
_PLACE = re.compile(r"(?m)^(?:FAIL(?:ED)? +)?((?:[\w@.-]+/)*[\w@-]+\.[A-Za-z]\w{0,9}):([0-9]{1,7})(?::[0-9]+)?[: ]")


def level_fields(report: Fields, level: Level) -> Fields:
    """What a report holds of a level: `l0Result` as the code wrote it, else `levels.L0` as the guide has it."""
    return report.child(f"l{level.value[1]}Result") or report.child("levels").child(level.value)


def check_text(report: Fields, level: Level, number: int) -> str | None:
    """The whole output of check `number` (from 1) of a level."""
    checks = level_fields(report, level).children("checks")
    return _output(checks[number - 1]) if 1 <= number <= len(checks) else None


def _output(check: Fields) -> str | None:
    return check.words("details") or check.words("output")


def convert_verification(
    run_id: str, iteration: int, report: Fields, *, name: str, mask: Mask
) -> PersistedVerificationReport:
    """The report. `name` is its file, in which the output of every check stands."""
    config = report.child("harnessConfig")
    skipped = {level for level in Level if level.value in config.texts("skipLevels")}
    found = [_Finding(fields) for fields in report.children("diagnostics")[:_MOST_FINDINGS]]
    levels = [_level(level, level_fields(report, level), level in skipped, found, name, mask) for level in Level]
    passed = report.flag("passed")
    if passed is None:
        passed = report.child("overall").flag("passed")
    failed = any(level.status is CheckStatus.FAILED for level in levels)
    good = not failed and any(level.status is CheckStatus.PASSED for level in levels) if passed is None else passed
    told = report.stamp("createdAt") or report.stamp("capturedAt") or ""
    return PersistedVerificationReport(
        id=report.text("id") or "",
        snapshot_id=report.text("snapshotId") or "",
        run_id=run_id,
        iteration=iteration,
        passed=good,
        summary=mask(report.child("overall").text("summary") or _summary(levels, good)),
        l0_result=levels[0],
        l1_result=levels[1],
        l2_result=levels[2],
        l3_result=levels[3],
        logs=mask((report.text("logs") or "")[-_TAIL_CHARS:]),
        diagnostics=[d for level in levels for check in level.checks for d in check.diagnostics],
        total_duration=report.whole("totalDuration") or sum(level.duration for level in levels),
        started_at=told,
        created_at=told,
        captured_at=report.stamp("capturedAt") or told,
        skipped_levels=[level.level for level in levels if level.status in (CheckStatus.NOT_RUN, CheckStatus.SKIPPED)],
        harness_config=HarnessConfig(wait_for_ci=config.flag("waitForCI") or False, skip_levels=sorted(skipped)),
        tree_hash="",
        plan_hash="",
    )


def _summary(levels: list[LevelResult], passed: bool) -> str:
    checks = [check for level in levels for check in level.checks]
    failed = sum(check.status is CheckStatus.FAILED for check in checks)
    if failed:
        return f"{failed} of {len(checks)} checks failed"
    if passed:
        return f"all {len(checks)} checks passed" if checks else "recorded as passed, without a check"
    return "recorded as not passed, without a failed check"


class _Finding:
    """A diagnostic as it is found; it names its level, and its check at most in its message."""

    def __init__(self, fields: Fields) -> None:
        self.level = fields.text("level")
        self.type = fields.text("type") or "unknown"
        self.message = fields.text("message") or ""
        self.file = fields.text("file")
        self.line, self.column = fields.whole("line"), fields.whole("column")


def _level(level: Level, fields: Fields, skipped: bool, found: list[_Finding], name: str, mask: Mask) -> LevelResult:
    """A level without checks was not run, whatever its `passed` says (upstream.md 2.4)."""
    listed = fields.children("checks")[:_MOST_CHECKS]
    checks = _told_apart([_check(level, number, check, name, mask) for number, check in enumerate(listed, 1)])
    checks = _with_findings(checks, [f for f in found if f.level == level.value], mask)
    said = fields.flag("passed")
    statuses = {check.status for check in checks}
    reason = None
    if not checks or statuses == {CheckStatus.NOT_RUN}:
        status = CheckStatus.SKIPPED if skipped else CheckStatus.NOT_RUN
        reason = "the order skipped it" if skipped else None
    elif CheckStatus.FAILED in statuses or (said is False and statuses != {CheckStatus.SKIPPED}):
        status = CheckStatus.FAILED
    elif statuses == {CheckStatus.SKIPPED}:
        status, reason = CheckStatus.SKIPPED, "the order skipped it"
    elif CheckStatus.WARNING in statuses:
        status = CheckStatus.WARNING
    else:
        status = CheckStatus.PASSED
    return LevelResult(
        level=level,
        status=status,
        passed=status in (CheckStatus.PASSED, CheckStatus.WARNING),
        checks=checks,
        duration=fields.whole("duration") or 0,
        reason=reason,
    )


def _check(level: Level, number: int, check: Fields, file: str, mask: Mask) -> Check:
    """A check that says neither passed nor failed was not run."""
    name = check.text("name") or f"check {number}"
    output, message = _output(check), check.text("message")
    status = _STATUS.get((check.text("status") or "").lower())
    if status is None:
        passed = check.flag("passed")
        status = CheckStatus.NOT_RUN if passed is None else CheckStatus.PASSED if passed else CheckStatus.FAILED
        if name == "skipped" and passed:
            status = CheckStatus.SKIPPED
    ended = _EXIT.search(output or "")
    return Check(
        id=f"{level.value}/{name}",
        name=name,
        level=level,
        status=status,
        passed=status in (CheckStatus.PASSED, CheckStatus.FLAKY),
        message=mask(message) if message else None,
        details=mask(output[-_TAIL_CHARS:]) if output else None,
        exit_code=int(ended[1]) if ended else None,
        expected_exit=int(ended[2]) if ended and ended[2] else None,
        timed_out="timed out" in (message or "").lower(),
        duration=check.whole("duration") or 0,
        stdout=mask(output[-_TAIL_CHARS:]) if output else "",
        stdout_log=f"{file}#{level.value}.{number}" if output else None,
        tree_hash="",
        plan_hash="",
    )


def _told_apart(checks: list[Check]) -> list[Check]:
    """Checks of one name get a number: an id stands for one check."""
    seen: dict[str, int] = {}
    named: list[Check] = []
    for check in checks:
        count = seen[check.id] = seen.get(check.id, 0) + 1
        named.append(check if count == 1 else check.model_copy(update={"id": f"{check.id} ({count})"}))
    return named


def _with_findings(checks: list[Check], found: list[_Finding], mask: Mask) -> list[Check]:
    """Each diagnostic at the failed check whose message it repeats, else at the first one that failed.

    Where none of a check's diagnostics names a file, the first line of its output that does is one.
    """
    failed = [check for check in checks if check.status in (CheckStatus.FAILED, CheckStatus.WARNING)]
    told: dict[int, list[Diagnostic]] = {}
    for each in found if failed else ():
        at = next((i for i, check in enumerate(failed) if each.message and each.message == check.message), 0)
        check = failed[at]
        told.setdefault(id(check), []).append(
            Diagnostic(
                level=check.level,
                check=check.id,
                type=each.type,
                message=mask(each.message),
                file=each.file,
                line=each.line,
                column=each.column,
            )
        )
    for check in failed:
        own = told.setdefault(id(check), [])
        if not any(d.file for d in own) and (seen := _seen_in_output(check)) is not None:
            own[:] = [seen, *(d for d in own if d.message != check.message)]
    return [
        check.model_copy(update={"diagnostics": told[id(check)]}) if id(check) in told else check for check in checks
    ]


def _seen_in_output(check: Check) -> Diagnostic | None:
    """The first line of a failed check's output that names a place."""
    match = _PLACE.search(check.stdout)
    if match is None or len(check.stdout) >= _TAIL_CHARS:
        return None
    line = check.stdout.count("\n", 0, match.start()) + 1
    text = check.stdout.splitlines()[line - 1].strip()
    return Diagnostic(
        level=check.level,
        check=check.id,
        type="output",
        message=text[:500],
        file=match[1],
        line=int(match[2]),
        output_line=line,
    )
