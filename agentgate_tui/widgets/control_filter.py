"""The backstop against control bytes: whatever a widget let through does not reach the terminal.

The rule is that text is made safe where it enters (`agentgate_engine.views.safe_text`); no widget of Textual 8.2.8
holds ESC or C1 back by itself. The app adds this to `get_line_filters`, which every line of every widget passes.
"""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\U000e0000-\U000e007f]"
)


class ControlFilter(LineFilter):
    """Replaces every control character in a line by U+FFFD, keeping the line as wide as it was laid out.

    Controls count as no cells and their replacement as one, so a line that held any is cut back to its width: an
    overlong one would wrap and push the screen out of place.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        suspects = [text for text, _style, control in segments if not control and not text.isprintable()]
        if not any(_CONTROL.search(text) for text in suspects):
            return segments
        width = sum(cell_len(text) for text, _style, control in segments if not control)
        clean = [
            segment if segment.control else Segment(_CONTROL.sub("\ufffd", segment.text), segment.style)
            for segment in segments
        ]
        return Segment.adjust_line_length(clean, width)


CONTROL_FILTER = ControlFilter()
"""The one instance: Textual remembers filtered lines by filter, so a new one for each frame would filter all again."""
