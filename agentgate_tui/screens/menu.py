"""The menu behind `x`: what would change something, by name. Choosing asks once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from agentgate_engine.views.safe_text import SafeText
from agentgate_tui.actions import bindings_in
from agentgate_tui.screens.lines import cell
from agentgate_tui.widgets.cell_lines import CellLine, CellLines
from agentgate_tui.widgets.table_layout import Cell, Column, TableRow
from agentgate_tui.widgets.virtual_table import VirtualTable


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to do; `what` and `means` are words of ours."""

    id: str
    what: str
    means: str


class MenuScreen(ModalScreen[str | None], inherit_bindings=False):
    """Gives back the id of the entry that was chosen."""

    CSS_PATH = ["dialog.tcss"]
    BINDINGS = bindings_in("menu")

    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__()
        self._entries = entries

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield VirtualTable((Column("what", "ACTION", None, least=20), Column("means", "", None, 1, least=30)))
            yield CellLines(
                [
                    CellLine(
                        (cell("enter", "key"), cell(" choose  ", "dim"), cell("esc", "key"), cell(" leave it", "dim"))
                    )
                ]
            )

    def on_mount(self) -> None:
        table = self.query_one(VirtualTable)
        table.styles.height = len(self._entries) + 1
        table.set_rows([TableRow(e.id, (Cell(SafeText(e.what)), cell(e.means, "dim"))) for e in self._entries])
        table.focus()

    def on_virtual_table_row_chosen(self, event: VirtualTable.RowChosen) -> None:
        self.dismiss(event.key)

    def action_close(self) -> None:
        self.dismiss(None)
