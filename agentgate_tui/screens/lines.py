"""The first line, the titles of panes and the footer, as words: pure functions from views."""

from __future__ import annotations

from collections.abc import Sequence

from agentgate_engine.views import wording
from agentgate_engine.views.queue_view import QueueView
from agentgate_engine.views.safe_text import SafeText
from agentgate_tui.actions import Action
from agentgate_tui.keys import shown_keys
from agentgate_tui.sync import READ_ONLY, Health
from agentgate_tui.widgets.cell_lines import CellLine
from agentgate_tui.widgets.table_layout import Cell

ALWAYS = "app.help"
LONGEST_NAME = 16
# `Cell.style` of a table and of a line name the same meanings, but for this one.
TABLE_STYLE = {"canceled": "skipped"}


def run_name(run: str) -> str:
    """A run where there is little room: the first one by its order alone, one with a long foreign id by its start."""
    if len(run) > LONGEST_NAME:
        return run[:8]
    return run.removesuffix(".1")


def cell(text: str, style: str = "") -> Cell:
    """Words of our own, or text that is already safe."""
    return Cell(SafeText(text), style)


def table_cell(shown: wording.Shown, text: str) -> Cell:
    """A cell of a table in the style of a state."""
    return Cell(SafeText(text), TABLE_STYLE.get(shown.style, shown.style))


def top_line(crumbs: Sequence[SafeText], queue: QueueView | None, health: Health, notice: SafeText) -> CellLine:
    """Line 1: where we are, how the store stands, how fresh that is."""
    left: list[Cell] = []
    for n, crumb in enumerate(crumbs):
        left += [cell(" > ", "dim")] if n else []
        left.append(Cell(crumb, "strong" if n == len(crumbs) - 1 else ""))
    if notice:
        left += [cell("  "), Cell(notice, "warning")]
    right: list[Cell] = []
    if queue is not None:
        for count, shown in (
            (queue.running, wording.RUNNING),
            (queue.waiting, wording.WAITING),
            (queue.failed, wording.FAILED),
        ):
            right.append(cell(f"{shown.glyph}{count} {shown.word.lower()} ", shown.style if count else "dim"))
    fresh = health.word if not health.reason else f"{health.word}: {health.reason}"
    right.append(cell(f" {fresh[:40]}", "warning" if health.reason or health.word == READ_ONLY else "passed"))
    return CellLine(tuple(left), tuple(right))


def pane_title(title: str, right: Sequence[Cell] = (), *, focused: bool = False) -> CellLine:
    """The rule above a pane; the pane with the focus has a `>` in it, as colour alone means nothing."""
    left = (cell("──", "rule"), cell(f"> {title} " if focused else f" {title} ", "key" if focused else "strong"))
    ended = (*right, cell(" ──", "rule")) if right else ()
    return CellLine(left, (cell(" "), *ended) if ended else (), "─")


def footer_line(actions: Sequence[Action], width: int) -> CellLine:
    """The most useful keys that work here, as many as fit. The help is always among them: it has the rest."""
    wanted = sorted((action for action in actions if action.footer), key=lambda action: action.footer)
    words = {a.id: (shown_keys(a.keys if "{key}" in a.runs else a.keys[:1]), f" {a.title}  ") for a in wanted}
    room = width - sum(len(key) + len(title) for ident, (key, title) in words.items() if ident == ALWAYS)
    cells: list[Cell] = []
    named: set[str] = set()
    for action in wanted:
        key, title = words[action.id]
        if key in named or (action.id != ALWAYS and len(key) + len(title) > room):
            continue
        room -= len(key) + len(title) if action.id != ALWAYS else 0
        named.add(key)
        cells += [cell(key, "key"), cell(title, "dim")]
    return CellLine(tuple(cells))
