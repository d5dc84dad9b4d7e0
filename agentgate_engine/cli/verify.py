"""`agentgate verify`: what the gates said of an iteration."""

from __future__ import annotations

import argparse

from agentgate_engine.cli.output import put, put_json, record_json
from agentgate_engine.cli.reading import read_asked
from agentgate_engine.errors import UsageError
from agentgate_engine.models.verification import Check, CheckStatus
from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import sanitize


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
            _put_check(check)
    for note in report.notes:
        put(sanitize(f"note: {note}"))
    return 0 if report.passed else 1


def _put_check(check: Check) -> None:
    shown = wording.of_check(check.status.value)
    put(sanitize(f"  {shown.ascii} {check.name}  {wording.duration(check.duration)}  {check.message or ''}".rstrip()))
    if check.status is not CheckStatus.FAILED:
        return
    for found in check.diagnostics[:10]:
        place = f"{found.file}:{found.line}: " if found.file and found.line else f"{found.file}: " if found.file else ""
        put(sanitize(f"      {place}{found.message}"))
    if check.hint:
        put(sanitize(f"      set-up: {check.hint}"))
    for log in (check.stdout_log, check.stderr_log):
        if log:
            put(sanitize(f"      {log}"))
