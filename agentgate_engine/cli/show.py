"""`agentgate show`: one run on one page."""

from __future__ import annotations

import argparse
import shutil
import time

from agentgate_engine.cli.output import put, put_json, record_json, table
from agentgate_engine.cli.place import standing
from agentgate_engine.cli.reading import read_asked
from agentgate_engine.errors import StoreError
from agentgate_engine.models.work_order import ResolvedProfile
from agentgate_engine.store.annotations import Annotations
from agentgate_engine.store.atomic import read_regular
from agentgate_engine.store.layout import RunLayout, StoreLayout
from agentgate_engine.views import wording
from agentgate_engine.views.annotation_lines import annotation_lines
from agentgate_engine.views.order_view import CheckRow, IterationRow, OrderView, order_view
from agentgate_engine.views.profile_view import setting_lines
from agentgate_engine.views.safe_text import SafeText, sanitize


def show(asked: argparse.Namespace) -> int:
    """Print iterations, checks, facts and warnings of a run.

    Raises:
        UsageError: no such run.
        StoreError: it cannot be read.
    """
    evidence, _ = read_asked(asked)
    view, run = order_view(evidence, time.time()), evidence.run.id
    store = StoreLayout(evidence.layout.directory.parent.parent)
    said, stands = Annotations.read(store), standing(store, evidence.run)
    settings, fault = _settings(evidence.layout)
    if asked.json:
        put_json(
            {
                "view": view,
                "run": record_json(evidence.run),
                "pin": said.pins.get(run),
                "notes": said.notes.get(run, []),
                "profile": record_json(settings) if settings else None,
                "place": stands.place.as_json() if stands.place else None,
            }
        )
        return 0
    width = shutil.get_terminal_size((100, 24)).columns
    put(f"{view.run_id}  {view.title}")
    put(f"{view.shown.word}  {view.result or view.state}  {view.now}".rstrip())
    for name, text in (*view.facts, *stands.lines):
        put(f"  {name:<12} {text}")
    for line in annotation_lines(said, run):
        put(f"  {line}")
    _put_iterations(view, width)
    _put_checks(view, width)
    if settings is not None:
        _put_settings(settings, width, every=asked.settings)
    for warning in view.warnings:
        put(f"  warning: {warning}")
    for unreadable in (*view.unreadable, *fault):
        put(f"  unreadable: {unreadable}")
    if view.state == "failed":
        if evidence.run.error:
            put(f"  error: {sanitize(evidence.run.error)}")
        put(f"  why: agentgate why {view.run_id}")
    return 0


def _put_iterations(view: OrderView, width: int) -> None:
    if not view.iterations:
        return
    put("")
    header = ("IT", "AGENT", "L0", "L1", "L2", "L3", "TOOLS", "TOKENS", "COST", "TIME", "NOTE")
    for line in table(header, map(_iteration, view.iterations), flexible=10, width=width):
        put(line)


def _settings(layout: RunLayout) -> tuple[ResolvedProfile | None, tuple[SafeText, ...]]:
    """The settings in force for a run, or why they cannot be read."""
    try:
        return ResolvedProfile.from_json(read_regular(layout.profile), layout.profile.name), ()
    except FileNotFoundError:
        return None, ()
    except StoreError as fault:
        return None, (sanitize(str(fault)),)


def _put_settings(record: ResolvedProfile, width: int, *, every: bool) -> None:
    """What was set, each with where; the defaults too if `every`."""
    lines = [line for line in setting_lines(record) if every or line.set_here]
    if lines:
        put("")
        rows = [(line.key, line.value, line.origin) for line in lines]
        for text in table(("SETTING", "VALUE", "ORIGIN"), rows, flexible=1, width=width):
            put(text)
        put(sanitize(f"settings {record.hash}, profile {' <- '.join(reversed(record.chain)) or record.name}"))


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
