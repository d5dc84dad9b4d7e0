"""The question before anything is ended: it names the target, says what follows, and stands on No."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button

from agentgate_engine.views.safe_text import SafeText
from agentgate_tui.actions import bindings_in
from agentgate_tui.screens.lines import cell
from agentgate_tui.widgets.cell_lines import CellLine, CellLines, plain_line


class ConfirmScreen(ModalScreen[bool], inherit_bindings=False):
    """Gives back True for yes alone: `y`, or the Yes button after a deliberate move to it."""

    CSS_PATH = ["dialog.tcss"]
    BINDINGS = bindings_in("dialog")

    def __init__(self, question: str, what: Sequence[SafeText | str], consequence: str) -> None:
        super().__init__()
        self._question, self._what, self._consequence = question, what, consequence

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield CellLines(
                [
                    CellLine((cell(self._question, "strong"),)),
                    CellLine(),
                    *(plain_line(SafeText(f"  {line}")) for line in self._what),
                    CellLine(),
                    CellLine((cell(self._consequence, "warning"),)),
                    CellLine(),
                ],
                classes="words",
            )
            with Horizontal(classes="buttons"):
                yield Button("No (n)", id="no", compact=True)
                yield Button("Yes (y)", id="yes", compact=True)

    def on_mount(self) -> None:
        self.query_one("#no").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)
