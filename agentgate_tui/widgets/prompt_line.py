"""`PromptLine`: the one line at the bottom where a filter or a search is typed."""

from __future__ import annotations

from textual.widgets import Input


class PromptLine(Input):
    """Hidden until asked for. What is wrong with the text is told in the line above it by its screen."""

    DEFAULT_CSS = """
    PromptLine { display: none; height: 1; border: none; padding: 0 1; background: $panel; color: $foreground; }
    PromptLine:focus { border: none; }
    """

    def __init__(self) -> None:
        super().__init__(id="prompt", compact=True, select_on_focus=False)
        self.cursor_blink = False

    def open(self, placeholder: str, value: str) -> None:
        """Show it with what was typed before, and take the keys."""
        self.placeholder = placeholder
        self.value = value
        self.cursor_position = len(value)
        self.display = True
        self.focus()

    def close(self) -> None:
        """Hide it; the screen gives the focus back."""
        self.display = False
