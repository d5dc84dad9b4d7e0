"""Tool calls as bars on an axis of time: pure functions from a timeline and a width."""

from __future__ import annotations

from agentgate_engine.views import wording
from agentgate_engine.views.safe_text import SafeText
from agentgate_engine.views.timeline import Timeline, ToolBar
from agentgate_tui.screens.lines import cell
from agentgate_tui.widgets.table_layout import Cell, Column, TableRow

_FULL, _OPEN = "█", "░"


def bar_width(width: int) -> int:
    """Cells for the axis in a table of `width`: a third, so that what was called stays readable."""
    return max(8, min(48, width * 3 // 10))


def tool_columns(timeline: Timeline, width: int) -> tuple[Column, ...]:
    """The columns; the title of the bars is the axis itself."""
    cells = bar_width(width)
    end = wording.duration(round(timeline.span_s * 1000)) if timeline.bars else ""
    axis = "0s" + end.rjust(cells - 2) if end else "TIME"
    return (
        Column("number", "#", 4, align="right"),
        Column("tool", "TOOL", 8),
        Column("what", "WHAT", None, 1, least=14),
        Column("bar", axis, cells, 2),
        Column("exit", "EXIT", 4, 3, "right"),
        Column("time", "TIME", 6, 0, "right"),
        Column("touched", "CHANGED", 20, 5),
    )


def tool_rows(timeline: Timeline, width: int) -> tuple[TableRow, ...]:
    """A row for each call; its key is the call's id."""
    cells = bar_width(width)
    return tuple(_row(bar, timeline, cells) for bar in timeline.bars)


def _row(bar: ToolBar, timeline: Timeline, cells: int) -> TableRow:
    live = bar.end_s is None and not timeline.complete
    style = "running" if live else "failed" if bar.is_error else ""
    spent = bar.duration_ms
    if spent is None and live:
        spent = round(max(0.0, timeline.span_s - bar.start_s) * 1000)
    ended = (
        "open"
        if live
        else "lost"
        if bar.closed_by == "end_of_run"
        else ""
        if bar.exit_code is None
        else str(bar.exit_code)
    )
    touched = ", ".join(bar.touched[:2]) + (f" +{len(bar.touched) - 2}" if len(bar.touched) > 2 else "")
    if touched and not bar.measured:
        touched = f"says {touched}"
    return TableRow(
        bar.id,
        (
            cell(str(bar.number), "dim"),
            Cell(bar.tool, style),
            Cell(bar.summary),
            cell(draw_bar(bar, timeline.span_s, cells), style or "strong"),
            cell(ended or ("err" if bar.is_error else "-"), style or "dim"),
            cell(wording.duration(spent)),
            Cell(SafeText(touched + (" (shared)" if bar.shared and touched else "")), "dim"),
        ),
    )


def draw_bar(bar: ToolBar, span_s: float, cells: int) -> str:
    """The bar of a call: where it began and ended on an axis of `cells`; at least one cell, light while it runs on."""
    first = min(cells - 1, int(bar.start_s / span_s * cells)) if span_s else 0
    end = span_s if bar.end_s is None else bar.end_s
    last = min(cells, max(first + 1, round(end / span_s * cells))) if span_s else 1
    return " " * first + (_OPEN if bar.end_s is None else _FULL) * (last - first)
