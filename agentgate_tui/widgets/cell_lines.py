"""`CellLines`: a few lines of words, each with its meaning. Crumbs, footer, titles and previews are made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from agentgate_engine.views.safe_text import SafeText, cell_width, clip
from agentgate_tui.widgets.table_layout import Cell

STYLES = (
    "passed", "failed", "running", "waiting", "warning", "canceled", "unknown", "strong", "dim", "key", "rule", "bar",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CellLine:
    """One line: words from the left, words that keep to the right, and what fills the space between.

    When both do not fit, the left is cut: what stands on the right is short and matters more (counts, LIVE, PAUSED).
    """

    left: tuple[Cell, ...] = ()
    right: tuple[Cell, ...] = ()
    fill: str = " "


def plain_line(text: SafeText, style: str = "") -> CellLine:
    """A line of one meaning."""
    return CellLine((Cell(text, style),))


class CellLines(Widget):
    """Draws its lines and nothing else. Setting equal lines again sends nothing."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"cell-lines--{name}" for name in STYLES}
    DEFAULT_CSS = """
    CellLines { height: 1; background: $surface; color: $foreground; }
    CellLines > .cell-lines--passed { color: $text-success; }
    CellLines > .cell-lines--failed { color: $text-error; text-style: bold; }
    CellLines > .cell-lines--running { color: $text-primary; }
    CellLines > .cell-lines--waiting { color: $text-muted; }
    CellLines > .cell-lines--warning { color: $text-warning; text-style: underline; }
    CellLines > .cell-lines--canceled { color: $text-accent; }
    CellLines > .cell-lines--unknown { text-style: reverse; }
    CellLines > .cell-lines--strong { text-style: bold; }
    CellLines > .cell-lines--dim { color: $text-muted; }
    CellLines > .cell-lines--key { color: $text-primary; text-style: bold; }
    CellLines > .cell-lines--rule { color: $text-muted; }
    CellLines > .cell-lines--bar { text-style: bold; }
    """

    def __init__(self, lines: Sequence[CellLine] = (), *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines = tuple(lines)

    @property
    def lines(self) -> tuple[CellLine, ...]:
        return self._lines

    def set_lines(self, lines: Sequence[CellLine]) -> None:
        """Show these; redrawn where they differ."""
        wanted = tuple(lines)
        if wanted == self._lines:
            return
        taller = len(wanted) != len(self._lines)
        self._lines = wanted
        if taller and self.styles.is_auto_height:
            self.refresh(layout=True)
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._lines))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self.rich_style
        if y >= len(self._lines):
            return Strip.blank(width, base)
        line = self._lines[y]
        right = self._words(line.right, width, base)
        taken = sum(segment.cell_length for segment in right)
        left = self._words(line.left, width - taken - (1 if right else 0), base)
        used = sum(segment.cell_length for segment in left)
        middle = Segment(line.fill * max(0, width - used - taken), self._style("rule") if line.fill != " " else base)
        return Strip([*left, middle, *right]).crop(0, width).simplify()

    def _words(self, cells: tuple[Cell, ...], room: int, base: Style) -> list[Segment]:
        made: list[Segment] = []
        for cell in cells:
            text = clip(cell.text, room)
            room -= cell_width(text)
            if text:
                made.append(Segment(text, self._style(cell.style) if cell.style else base))
        return made

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"cell-lines--{name}") if name in STYLES else self.rich_style
