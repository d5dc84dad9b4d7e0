"""The indented tree in which JavaScript runners show what passed: headings, and tests with a mark."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agentgate_engine.verify.finding import Verdict

_MARK = re.compile(r"^(?P<indent> *)(?P<mark>[✓✔√✕✖×✗○﹣✎-]|\d+\)) (?P<name>\S.*)$")
_TIME = re.compile(r" \((?:\d+(?:\.\d+)? ?(?:ms|s|m))+\)$")
_PASSED, _SKIPPED = "✓✔√", "○﹣✎-"


@dataclass(slots=True)
class SpecTree:
    """Fed line by line. The name of a test is the names of its headings and its own."""

    _headings: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    def read(self, text: str) -> tuple[Sequence[str], Verdict] | None:
        """(names from the outermost heading on, verdict) when `text` is a test of the tree."""
        stripped = text.strip()
        if not stripped:
            return None
        mark = _MARK.match(text)
        if mark is None:
            self._open(len(text) - len(text.lstrip()), _without_time(stripped.removeprefix("▶ ")))
            return None
        indent, name = len(mark["indent"]), mark["name"].partition(" # SKIP")[0]
        name = _without_time(name).removeprefix("skipped ") if mark["mark"] == "○" else _without_time(name)
        while self._headings and self._headings[-1][0] > indent:
            self._headings.pop()
        if self._headings and self._headings[-1] == (indent, name):
            self._headings.pop()
            return None
        names = [heading for at, heading in self._headings if at < indent] + [name]
        sign = mark["mark"]
        return names, "passed" if sign in _PASSED else "skipped" if sign in _SKIPPED else "failed"

    def _open(self, indent: int, name: str) -> None:
        while self._headings and self._headings[-1][0] >= indent:
            self._headings.pop()
        if len(self._headings) < 30:
            self._headings.append((indent, name))

    def reset(self) -> None:
        self._headings.clear()


def _without_time(name: str) -> str:
    cut = max(len(name) - 40, 0)
    return name[:cut] + _TIME.sub("", name[cut:])
