"""`agentgate status` on a store of the original: a line for each run, and for each order that has none."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from agentgate_engine.cli.output import put, put_json, say, table
from agentgate_engine.store.foreign.foreign_store import ForeignStore
from agentgate_engine.store.foreign.recognise import ForeignKind
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.views.queue_view import QueueLine, queue_view
from agentgate_engine.views.safe_text import clip, sanitize

_NOW_CELLS = 44
_FILE_WIDTH = 180


def foreign_status(
    asked: argparse.Namespace, root: Path, kind: ForeignKind, wanted: Callable[[QueueLine], bool]
) -> int:
    """Print the lines that fit, newest first. Ids are whole where the output goes into a file or pipe.

    Raises:
        StoreError: the store cannot be listed.
    """
    store = ForeignStore(StoreLayout(root), kind)
    listed = store.listed()
    view = queue_view(listed.rows, unreadable=listed.unreadable, engines=0, now=time.time())
    lines = [line for line in view.lines if wanted(line)]
    shown = lines[asked.offset :][: asked.limit or None]
    if asked.json:
        counts = {"running": view.running, "waiting": view.waiting, "failed": view.failed, "passed": view.passed}
        unreadable = [{"run": run, "reason": reason} for run, reason in view.unreadable]
        place = {"total": len(lines), "offset": asked.offset}
        foreign = {"readOnly": True, "writtenBy": kind.maker, "generation": kind.generation or None}
        put_json({"runs": shown, **place, **counts, "unreadable": unreadable, "foreign": foreign})
        return 0
    if not view.lines and not view.unreadable:
        put(sanitize(f"no orders and no runs in {root}"))
    else:
        people = sys.stdout.isatty()
        names = store.short_names(listed.rows) if people else {}
        width = shutil.get_terminal_size((100, 24)).columns if people else _FILE_WIDTH
        rows = [_cells(line, names.get(line.run_id, line.run_id)) for line in shown]
        header = ("ST", "ORDER", "TITLE", "IT", "L0123", "NOW", "AGE", "COST", "RUN")
        for text in table(header, rows, flexible=2, width=width):
            put(text)
    if (more := len(lines) - asked.offset - len(shown)) > 0:
        say(f"{more} more; --offset {asked.offset + len(shown)} shows the next, -n 0 lists all")
    for run, reason in view.unreadable:
        put(f"?? {run}  cannot be read: {reason}")
    say(store.read_only)
    return 0


def _cells(line: QueueLine, run: str) -> tuple[str, ...]:
    return (
        line.shown.word,
        line.order_id,
        line.title,
        line.iterations,
        line.levels,
        clip(line.now, _NOW_CELLS),
        line.age,
        line.cost,
        run if line.run_id != line.order_id else "-",
    )
