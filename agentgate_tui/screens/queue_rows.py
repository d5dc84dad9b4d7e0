"""The queue as table rows, and what the preview says of the run under the cursor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from agentgate_engine.views import wording
from agentgate_engine.views.queue_view import QueueLine, QueueView, filter_fields
from agentgate_engine.views.row_filter import RowFilter
from agentgate_engine.views.safe_text import SafeText
from agentgate_tui.screens.lines import cell, run_name, table_cell
from agentgate_tui.snapshots import RunSnapshot
from agentgate_tui.widgets.cell_lines import CellLine
from agentgate_tui.widgets.table_layout import Cell, Column, TableRow


def columns_for(view: QueueView | None) -> tuple[Column, ...]:
    """The columns; a requeued order (`kfail2aa.2`) makes room for its number."""
    several = _with_several_runs(view)
    ids = max((len(_name(line, several)) for line in view.lines), default=8) if view is not None else 8
    return (
        Column("st", "ST", 6),
        Column("order", "ORDER", ids),
        Column("title", "TITLE", None, 1, least=22),
        Column("it", "IT", 5),
        Column("levels", "L0123", 5),
        Column("now", "NOW", None, 2, least=15),
        Column("age", "AGE", 3, 3, "right"),
        Column("cost", "COST", 6, 4, "right"),
    )


UNREADABLE = "unreadable:"
"""Before the key of a row whose record cannot be read."""


def queue_rows(view: QueueView, wanted: RowFilter | None) -> tuple[TableRow, ...]:
    """A row for each run that the filter lets through. Records that cannot be read come first: they need a person."""
    broken = tuple(
        _broken(run, why)
        for run, why in view.unreadable
        if wanted is None or wanted.matches({"id": run, "order": run, "st": "no data", "error": why})
    )
    several = _with_several_runs(view)
    lines = (line for line in view.lines if wanted is None or wanted.matches(filter_fields(line)))
    return (*broken, *(_row(line, several) for line in lines))


def _with_several_runs(view: QueueView | None) -> frozenset[str]:
    """The orders of which more than one run is listed."""
    counts = Counter(line.order_id for line in view.lines) if view is not None else Counter[str]()
    return frozenset(order for order, count in counts.items() if count > 1)


def _name(line: QueueLine, several: frozenset[str]) -> str:
    """A run by its order; a further run by its number, and of a foreign store by how its own id begins."""
    if line.run_id.startswith(f"{line.order_id}."):
        return run_name(line.run_id)
    return f"{line.order_id} {run_name(line.run_id)}" if line.order_id in several else run_name(line.order_id)


def _row(line: QueueLine, several: frozenset[str]) -> TableRow:
    signs = [wording.of_level_glyph(sign) for sign in line.levels]
    worst = next((s for s in (wording.FAILED, wording.RUNNING, wording.WARNING) if s in signs), None)
    if worst is None:
        worst = wording.PASSED if wording.PASSED in signs else wording.NOT_RUN
    now = line.now if not line.warnings else SafeText(f"{line.now} ({wording.plural(line.warnings, 'warning')})")
    return TableRow(
        line.run_id,
        (
            table_cell(line.shown, f"{line.shown.glyph} {line.shown.word}"[:6]),
            cell(_name(line, several)),
            Cell(line.title),
            cell(line.iterations),
            table_cell(worst, "".join(sign.glyph for sign in signs)),
            table_cell(line.shown, now) if line.shown is wording.FAILED else Cell(now),
            cell(line.age, "dim"),
            cell(line.cost, "dim"),
        ),
    )


def _broken(run: SafeText, why: SafeText) -> TableRow:
    unknown, nothing = wording.UNKNOWN, cell("-", "dim")
    return TableRow(
        UNREADABLE + run,
        (
            Cell(SafeText(f"{unknown.glyph} data"), "failed"),
            Cell(SafeText(run.removesuffix(".1")), "failed"),
            Cell(SafeText(f"cannot be read: {why}"), "failed"),
            nothing,
            nothing,
            Cell(SafeText("enter: what can be read"), "failed"),
            nothing,
            nothing,
        ),
    )


def empty_words(view: QueueView | None, problem: SafeText, store: str, filter_text: str) -> SafeText:
    """What stands where rows would be."""
    if problem:
        return SafeText(f"The queue cannot be read.\n{problem}")
    if view is None:
        return SafeText("Reading the store.")
    if filter_text and (view.lines or view.unreadable):
        hidden = wording.plural(len(view.lines) + len(view.unreadable), "run")
        return SafeText(f"No run matches  {filter_text}\n{hidden} hidden. esc clears the filter, / changes it.")
    return SafeText(
        "No orders yet. Each one stands here as a line, from the queue to its end.\n"
        f"Looked in {store}\n\n"
        "Submit one from another terminal, in the repository it is about:\n"
        '  agentgate submit --prompt "..." --agent claude-code'
    )


def broken_lines(view: QueueView, run: str) -> tuple[CellLine, ...]:
    """What the preview says of a record that cannot be read: all of the reason, and what to do."""
    reasons = [why for known, why in view.unreadable if known == run]
    return (
        *(CellLine((cell("cannot be read  ", "failed"), Cell(why))) for why in reasons),
        CellLine((cell("enter shows what its other files say", "dim"),)),
    )


def preview_lines(line: QueueLine, snapshot: RunSnapshot | None) -> tuple[CellLine, ...]:
    """The run under the cursor in a few lines: for a failed one why, for a live one what it is doing."""
    views = snapshot.views if snapshot is not None else None
    lines = [CellLine((Cell(line.title, "strong"), cell(f"   {line.agent} in "), Cell(line.repository, "dim")))]
    if views is None:
        words = snapshot.problem if snapshot is not None and snapshot.problem else line.error or line.now
        return (*lines, CellLine((Cell(words, "failed" if line.state == "failed" else ""),)))
    why = views.why
    if line.state == "failed" and why.error_type and why.message and all(fact.key != "ERROR" for fact in why.facts):
        lines.append(CellLine((cell(f"{'error':<9}", "key"), cell(f"{why.error_type}: {why.message}", "failed"))))
    for fact in why.facts:
        if fact.key in ("AGENT", "DIFF", "AFTER") and len(why.facts) > 3:
            continue
        for n, text in enumerate(fact.lines[:2] if fact.key in ("CHECK", "ERROR") else fact.lines[:1]):
            style = "failed" if n == 0 and fact.key in ("CHECK", "ERROR") else ""
            lines.append(CellLine((cell(f"{fact.key.lower() if n == 0 else '':<9}", "key"), Cell(text, style))))
    if views.live:
        calls = views.timeline.bars
        if not calls:
            return tuple(lines)
        running = [bar for bar in calls if bar.end_s is None]
        about = f"{wording.plural(len(calls), 'call')}, {sum(1 for bar in calls if bar.is_error)} with an error"
        lines.append(CellLine((cell(f"{'tools':<9}", "key"), cell(about))))
        for bar in running[:1]:
            spent = wording.duration(round((views.timeline.span_s - bar.start_s) * 1000))
            lines.append(
                CellLine(
                    (
                        cell(f"{'open':<9}", "key"),
                        cell(f"#{bar.number} {bar.tool} {bar.summary}", "running"),
                        cell(f"  {spent}"),
                    )
                )
            )
    return tuple(lines)


def preview_title(line: QueueLine | None, snapshot: RunSnapshot | None) -> tuple[str, tuple[Cell, ...]]:
    """The title of the preview, and what stands on its right."""
    if line is None:
        return "preview", ()
    where = f"{line.order_id}" + (f" it {line.iterations}" if line.iterations != "-" else "")
    views = snapshot.views if snapshot is not None else None
    said = views.why.headline if views is not None else line.now
    return where, (Cell(SafeText(f"{line.shown.glyph} {said}"), line.shown.style), cell("  w why", "key"))


def line_of(view: QueueView | None, key: str | None) -> QueueLine | None:
    """The line of a run."""
    lines: Sequence[QueueLine] = view.lines if view is not None else ()
    return next((line for line in lines if line.run_id == key), None)
