"""The values a table is made of, and where they go: pure functions from columns and a width to segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from agentgate_engine.views.safe_text import SafeText

CURSOR = "> "
GUTTER = "  "
"""What stands in front of each row: the cursor shows there too, for reverse colours do not copy and may not be seen."""

GAP = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `width` in cells, None to share what is left; a higher `priority` is dropped sooner, 0 never.

    A flexible column takes at least `least` cells: others are dropped before it is squeezed below that.
    """

    key: str
    title: str
    width: int | None = None
    priority: int = 0
    align: Literal["left", "right"] = "left"
    least: int = 8


@dataclass(frozen=True, slots=True)
class Cell:
    """One value as it is drawn. `style` names a meaning (see `STYLES` of the table), not a colour."""

    text: SafeText
    style: str = ""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: a key that outlives its place in the list, and a cell for each column."""

    key: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A column that is shown: its place among the cells of a row, and the cells it takes."""

    index: int
    width: int
    align: Literal["left", "right"]
    title: str


def place_columns(columns: Sequence[Column], width: int) -> tuple[Placed, ...]:
    """The columns that fit into `width` cells, gutter included, and how wide each is.

    Columns go by priority, the highest first and the rightmost of equals first, until the rest fits. Those of priority
    0 stay, whatever the width; a row that is still too long is cut at the edge.
    """
    room = width - len(GUTTER)
    shown = list(range(len(columns)))
    for i in sorted(shown, key=lambda i: (-columns[i].priority, -i)):
        if _needed(columns, shown) <= room or columns[i].priority <= 0:
            break
        shown.remove(i)
    flexible = [i for i in shown if columns[i].width is None]
    spare = max(0, room - _needed(columns, shown))
    placed: list[Placed] = []
    for i in shown:
        cells = columns[i].width
        if cells is None:
            share = spare // len(flexible)
            cells = columns[i].least + share + (spare - share * len(flexible) if i == flexible[0] else 0)
        placed.append(Placed(i, cells, columns[i].align, columns[i].title))
    return tuple(placed)


def _needed(columns: Sequence[Column], shown: Sequence[int]) -> int:
    widths = [columns[i].least if columns[i].width is None else columns[i].width or 0 for i in shown]
    return sum(widths) + GAP * max(0, len(shown) - 1)


def fit(text: str, width: int, align: Literal["left", "right"]) -> str:
    """`text` in exactly `width` cells, cut with an ellipsis if it is longer."""
    cells = cell_len(text)
    if cells > width:
        return set_cell_size(text, width - 1) + "…" if width > 0 else ""
    return " " * (width - cells) + text if align == "right" else text + " " * (width - cells)


def header_text(placed: Sequence[Placed]) -> str:
    """The titles over their columns."""
    return GUTTER + (" " * GAP).join(fit(column.title, column.width, column.align) for column in placed)


def row_segments(
    row: TableRow, placed: Sequence[Placed], base: Style, style_of: Callable[[str], Style]
) -> list[Segment]:
    """A row without the cursor, its words styled and its blanks plain; neighbours of one style are for joining."""
    segments = [Segment(GUTTER, base)]
    for n, column in enumerate(placed):
        cell = row.cells[column.index]
        text = fit(cell.text, column.width, column.align)
        style = style_of(cell.style) if cell.style else base
        # Plain blanks join their neighbours (each segment costs the wire a style and a reset) and end an underline.
        word = text.strip(" ")
        start = text.find(word) if word else len(text)
        segments += (
            Segment(" " * start, base),
            Segment(word, style),
            Segment(" " * (len(text) - start - len(word) + (GAP if n < len(placed) - 1 else 0)), base),
        )
    return [segment for segment in segments if segment.text]


def row_text(row: TableRow, placed: Sequence[Placed]) -> str:
    """A row under the cursor: all of it in one style."""
    cells = (fit(row.cells[column.index].text, column.width, column.align) for column in placed)
    return CURSOR + (" " * GAP).join(cells)
