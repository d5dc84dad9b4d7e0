"""`agentgate show`: one run on one page."""

from __future__ import annotations

import argparse
import shutil
import time

from agentgate_engine.cli.output import put, put_json, record_json, table
from agentgate_engine.cli.reading import read_asked
from agentgate_engine.views import wording
from agentgate_engine.views.order_view import CheckRow, IterationRow, OrderView, order_view


def show(asked: argparse.Namespace) -> int:
    """Print iterations, checks, facts and warnings of a run.

    Raises:
        UsageError: no such run.
        StoreError: it cannot be read.
    """
    evidence, _ = read_asked(asked)
    view = order_view(evidence, time.time())
    if asked.json:
        put_json({"view": view, "run": record_json(evidence.run)})
        return 0
    width = shutil.get_terminal_size((100, 24)).columns
    put(f"{view.run_id}  {view.title}")
    put(f"{view.shown.word}  {view.result or view.state}  {view.now}".rstrip())
    for name, text in view.facts:
        put(f"  {name:<12} {text}")
    _put_iterations(view, width)
    _put_checks(view, width)
    for warning in view.warnings:
        put(f"  warning: {warning}")
    for fault in view.unreadable:
        put(f"  unreadable: {fault}")
    if view.state == "failed":
        put(f"  why: agentgate why {view.run_id}")
    return 0


def _put_iterations(view: OrderView, width: int) -> None:
    if not view.iterations:
        return
    put("")
    header = ("IT", "AGENT", "L0", "L1", "L2", "L3", "TOOLS", "TOKENS", "COST", "TIME", "NOTE")
    for line in table(header, map(_iteration, view.iterations), flexible=10, width=width):
        put(line)


def _iteration(row: IterationRow) -> tuple[str, ...]:
    levels = (f"{s.ascii} {wording.duration(ms)}" if ms is not None else s.ascii for s, ms in row.levels)
    return (
        str(row.number),
        row.agent,
        *levels,
        "-" if row.tools is None else str(row.tools),
        row.tokens,
        row.cost,
        wording.duration(row.duration_ms),
        row.note,
    )


def _put_checks(view: OrderView, width: int) -> None:
    if not view.checks:
        return
    put("")
    header = ("CHECK", *(f"it{row.number}" for row in view.iterations), "NOTE")
    rows = [(f"{row.level} {row.name}", *_signs(row), _note(row)) for row in view.checks]
    for line in table(header, rows, flexible=len(header) - 1, width=width):
        put(line)


def _signs(row: CheckRow) -> tuple[str, ...]:
    return tuple(cell.shown.ascii if cell else " " for cell in row.cells)


def _note(row: CheckRow) -> str:
    if row.fixed_in is not None:
        return f"fixed in iteration {row.fixed_in}"
    last = next((cell for cell in reversed(row.cells) if cell is not None), None)
    return last.message if last is not None and last.status != "passed" else ""
