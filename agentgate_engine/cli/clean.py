"""`agentgate clean`: keep a store small."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
from collections import Counter
from typing import cast

from agentgate_engine.cli.output import put, put_json, say, table
from agentgate_engine.cli.reading import open_store, writable_store
from agentgate_engine.clock import Clock
from agentgate_engine.commands.clean import clean as clean_store
from agentgate_engine.commands.clean_report import CleanReport
from agentgate_engine.errors import UsageError
from agentgate_engine.store.retention import EVERYTHING, RetentionPolicy, What
from agentgate_engine.views.clean_view import clean_lines, total_lines, undelivered_line
from agentgate_engine.views.safe_text import sanitize


def clean(asked: argparse.Namespace) -> int:
    """Apply the rules, or say what they would do. Exit 1 when something could not be deleted.

    Raises:
        UsageError: a rule makes no sense.
        StoreError: there is no store, or it cannot be read or written.
        AgentGateError: another clean is at work.
    """
    if asked.keep < 0:
        raise UsageError(f"--keep {asked.keep} is no number of runs: give 0 or more")
    policy = RetentionPolicy(
        older_than_s=asked.older_than,
        keep=asked.keep,
        max_bytes=asked.max_bytes,
        compress_after_s=asked.compress_after,
        what=frozenset(cast("list[What]", asked.what) or EVERYTHING),
        include_undelivered=asked.include_undelivered,
    )
    store = open_store(asked) if asked.dry_run else writable_store(asked)
    report = clean_store(store, policy, Clock(), dry_run=asked.dry_run)
    if asked.json:
        put_json({**dataclasses.asdict(report), "total": report.total})
    else:
        _put(report)
    return 1 if report.faults else 0


def _put(report: CleanReport) -> None:
    lines = clean_lines([(item.kind, item.name, item.size, item.reason) for item in report.items])
    if lines:
        rows = [(line.kind, line.name, line.size, line.reason) for line in lines]
        width = shutil.get_terminal_size((100, 24)).columns
        for text in table(("WHAT", "NAME", "SIZE", "WHY"), rows, flexible=3, width=width):
            put(text)
        put("")
    counts = Counter(item.kind for item in report.items)
    for text in total_lines(report.freed, counts, dry_run=report.dry_run):
        put(text)
    if report.undelivered:
        put(undelivered_line(len(report.undelivered), sum(one.size for one in report.undelivered)))
        for one in report.undelivered:
            put(sanitize(f"  {one.name}  {one.why}"))
    for one in report.left:
        say(sanitize(f"left alone: {one.name} {one.why}"))
    for fault in report.faults:
        say(sanitize(f"not deleted yet: {fault}"))
