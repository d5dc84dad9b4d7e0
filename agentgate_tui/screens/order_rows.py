"""An order's panes as rows: iterations, the matrix of checks, the gates of one iteration, the facts."""

from __future__ import annotations

from agentgate_engine.views import wording
from agentgate_engine.views.order_view import OrderView
from agentgate_engine.views.safe_text import SafeText
from agentgate_engine.views.verification_view import VerificationView
from agentgate_tui.screens.lines import cell, table_cell
from agentgate_tui.snapshots import RunViews
from agentgate_tui.widgets.log_source import LogLine
from agentgate_tui.widgets.table_layout import Cell, Column, TableRow

ITERATION_COLUMNS = (
    Column("it", "IT", 2, align="right"),
    Column("st", "ST", 8),
    Column("agent", "AGENT", 12),
    *(Column(level, level, 7) for level in ("L0", "L1", "L2", "L3")),
    Column("tools", "TOOLS", 5, 2, "right"),
    Column("duration", "TIME", 6, 1, "right"),
    Column("cost", "COST", 6, 4, "right"),
    Column("tokens", "TOK", 5, 5, "right"),
    Column("note", "NOTE", None, 6, least=16),
)
VERIFY_COLUMNS = (
    Column("name", "CHECK", None, least=22),
    Column("st", "ST", 9),
    Column("time", "TIME", 6, 1, "right"),
    Column("message", "WHAT IT SAID", None, 2, least=30),
)


def iteration_rows(order: OrderView) -> tuple[TableRow, ...]:
    """A row for each iteration; its key is its number."""
    return tuple(
        TableRow(
            str(row.number),
            (
                cell(str(row.number)),
                table_cell(row.shown, f"{row.shown.glyph} {row.shown.word}"),
                Cell(row.agent if row.attempts <= 1 else SafeText(f"{row.agent} x{row.attempts}")),
                *(table_cell(shown, _level(shown, spent)) for shown, spent in row.levels),
                cell("-" if row.tools is None else str(row.tools)),
                cell(wording.duration(row.duration_ms)),
                cell(row.cost, "dim"),
                cell(row.tokens, "dim"),
                Cell(row.note, "dim"),
            ),
        )
        for row in order.iterations
    )


def _level(shown: wording.Shown, spent: int | None) -> str:
    return shown.glyph if spent is None else f"{shown.glyph} {wording.duration(spent)}"


def matrix_columns(order: OrderView) -> tuple[Column, ...]:
    """The check, a column for each iteration (the newest are kept longest), and where it was fixed."""
    count = len(order.iterations)
    every = tuple(Column(f"it{n}", f"it {n}", 6, count - n + 1 if n < count else 0) for n in range(1, count + 1))
    return (Column("check", "CHECK", None, least=16), *every, Column("story", "STORY", 18, count + 2))


def matrix_rows(order: OrderView) -> tuple[TableRow, ...]:
    """A row for each check; its key is the check's id."""
    return tuple(
        TableRow(
            row.id,
            (
                cell(f"{row.level} {row.name}"),
                *(
                    cell("-", "dim")
                    if found is None
                    else table_cell(found.shown, f"{found.shown.glyph} {found.shown.word}"[:6])
                    for found in row.cells
                ),
                cell(_story(row.first_failed, row.fixed_in), "dim"),
            ),
        )
        for row in order.checks
    )


def _story(first_failed: int | None, fixed_in: int | None) -> str:
    if first_failed is None:
        return ""
    return f"failed it {first_failed}" + (f", fixed it {fixed_in}" if fixed_in else "")


def verify_rows(view: VerificationView) -> tuple[TableRow, ...]:
    """Levels, checks and cases, each indented under what it belongs to."""
    return tuple(
        TableRow(
            row.key,
            (
                Cell(SafeText("  " * row.depth + row.name), "strong" if row.depth == 0 else ""),
                table_cell(row.shown, f"{row.shown.glyph} {row.shown.word}"),
                cell(wording.duration(row.duration_ms) if row.duration_ms is not None else "", "dim"),
                Cell(row.message, "failed" if row.shown is wording.FAILED else "dim"),
            ),
        )
        for row in view.rows
    )


def fact_lines(views: RunViews) -> tuple[LogLine, ...]:
    """Everything about a run that is no event: where it works, on what, under which limits, and what went oddly."""
    order = views.order
    width = max((len(name) for name, _ in order.facts), default=0)
    lines = [LogLine(SafeText("run"), "heading"), LogLine(SafeText(f"{'id':<{width}}  {order.run_id}"))]
    lines += [LogLine(SafeText(f"{name:<{width}}  {text}")) for name, text in order.facts]
    if order.warnings:
        lines += [LogLine(SafeText("")), LogLine(SafeText("warnings"), "heading")]
        lines += [LogLine(text, "notice") for text in order.warnings]
    if order.unreadable:
        lines += [LogLine(SafeText("")), LogLine(SafeText("records that cannot be read"), "heading")]
        lines += [LogLine(text, "error") for text in order.unreadable]
    if views.why.files:
        lines += [LogLine(SafeText("")), LogLine(SafeText(f"files of iteration {views.why.iteration}"), "heading")]
        lines += [LogLine(SafeText(f"{what:<14} {path}")) for what, path in views.why.files]
    lines += [LogLine(SafeText("")), LogLine(SafeText("task"), "heading"), *(LogLine(line) for line in views.prompt)]
    return tuple(lines)
