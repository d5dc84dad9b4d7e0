"""Lines of a patch, told apart by how they begin."""

from __future__ import annotations

from agentgate_engine.views.safe_text import SafeText

_HEADINGS = ("diff ", "@@", "--- ", "+++ ", "index ", "new file", "deleted file", "rename ", "similarity ", "Binary ")


def diff_kind(line: SafeText) -> str:
    """`heading`, `added`, `removed` or `plain`. A removed line that begins with `-- ` reads as a heading: the price of
    judging each line alone."""
    if line.startswith(_HEADINGS):
        return "heading"
    return "added" if line.startswith("+") else "removed" if line.startswith("-") else "plain"
