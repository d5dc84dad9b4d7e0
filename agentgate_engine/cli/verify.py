"""`agentgate verify`: what the gates said of an iteration."""

from __future__ import annotations

import argparse

from agentgate_engine.cli.output import put, put_json, record_json
from agentgate_engine.cli.reading import read_asked
from agentgate_engine.errors import UsageError
from agentgate_engine.models.verification import Check, CheckStatus
from agentgate_engine.verify.check_kind import CI_PREFIX
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import sanitize

_MOST_FINDINGS = 10


def verify(asked: argparse.Namespace) -> int:
    """Print every level and check. Exit 1 when the verification failed.

    Raises:
        UsageError: no such run, or it was not verified.
        StoreError: it cannot be read.
    """
    evidence, iteration = read_asked(asked)
    report = evidence.verifications.get(iteration)
    if report is None:
        raise UsageError(f"{evidence.run.id}/{iteration} was not verified (yet): it is {evidence.run.state.value}")
    if asked.json:
        put_json(record_json(report))
        return 0 if report.passed else 1
    put(sanitize(f"{evidence.run.id}/{iteration}  {report.summary}  ({wording.duration(report.total_duration)})"))
    for level in report.levels:
        shown = wording.of_check(level.status.value)
        reason = f"  {level.reason}" if level.reason else ""
        put(sanitize(f"{level.level.value} {level.level.label}: {shown.word}{reason}"))
        for check in level.checks:
            _put_check(check, evidence.spent(check))
    for note in report.notes:
        put(sanitize(f"note: {note}"))
    return 0 if report.passed else 1


def _put_check(check: Check, spent: int | None) -> None:
    shown = wording.of_check(check.status.value)
    put(sanitize(f"  {shown.ascii} {check.name}  {wording.duration(spent)}  {check.message or ''}".rstrip()))
    for number, attempt in enumerate(check.earlier, 1):
        put(sanitize(f"      attempt {number}: {attempt.message}  {attempt.stdout_log or ''}".rstrip()))
    if check.status in (CheckStatus.FAILED, CheckStatus.WARNING):
        _put_findings(check)
    if check.status is not CheckStatus.FAILED:
        return
    if check.hint:
        put(sanitize(f"      set-up: {check.hint}"))
    for log in (check.stdout_log, check.stderr_log):
        if log:
            put(sanitize(f"      {log}"))
    if check.name.startswith(CI_PREFIX) and check.command is None:  # it ran elsewhere: there is no log of ours
        said = [*(check.details or "").splitlines(), *check.stdout.splitlines()]
        for line in said[:_MOST_FINDINGS]:
            put(sanitize(f"      {line}"))


def _put_findings(check: Check) -> None:
    for found in check.diagnostics[:_MOST_FINDINGS]:
        place = f"{found.file}:{found.line}: " if found.file and found.line else f"{found.file}: " if found.file else ""
        put(sanitize(f"      {place}{found.message}"))
        if found.expected is not None:
            put(sanitize(f"        expected: {found.expected}"))
            put(sanitize(f"        actual:   {found.actual}"))
    if len(check.diagnostics) > _MOST_FINDINGS:
        put(f"      and {len(check.diagnostics) - _MOST_FINDINGS} more")
