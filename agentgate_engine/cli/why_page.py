"""The answer to `why` as lines of text: whole for a pipe, and on one screen for a terminal.

What matters first is never given up: type, message, levels, the first fact, and where the files are. What a small
screen has no room for is taken from the further facts, then from the quoted output.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.store.log_file import where_it_stands
from agentgate_engine.views.safe_text import SafeText, cell_width, clip, sanitize
from agentgate_engine.views.why import WhyView
from agentgate_engine.views.why_facts import Fact
from agentgate_engine.views.why_files import Tail

TAIL_LINES = 12
_FACT_INDENT = 11
_LEAST_QUOTED = 2
"""Lines of each quoted stream that a screen keeps, as far as it has them."""


@dataclass(frozen=True, slots=True)
class Screen:
    """How much fits, in cells and rows."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Quote:
    """Some output. `marked` is the line that matters, counted from 0; without one it is the last."""

    heading: SafeText
    lines: tuple[SafeText, ...]
    marked: int | None = None

    def fitted(self, rows: int) -> list[SafeText]:
        """At most so many of its lines, the one that matters among them, under the heading."""
        if rows <= 0:
            return []
        at = len(self.lines) - 1 if self.marked is None else self.marked
        after = 0 if self.marked is None else rows // 3
        begin = max(0, min(at + after + 1, len(self.lines)) - rows)
        return [self.heading, *self.lines[begin : begin + rows]]


def why_page(
    view: WhyView, screen: Screen | None = None, now_at: Callable[[Path], Path] = where_it_stands
) -> list[SafeText]:
    """The page. Without a screen nothing is wrapped and nothing left out. `now_at` tells where a file stands by now."""
    quotes = [*_window(view), *_tails(view)]
    if screen is None:
        head, files = _head(view, None), _files(view, None, now_at)
        quoted = [line for quote in quotes for line in (SafeText(""), *quote.fitted(len(quote.lines)))]
        return [*head, SafeText(""), *_facts(view.facts, None), *quoted, *([SafeText(""), *files] if files else [])]
    return _fitted(view, quotes, screen, now_at)


def _fitted(view: WhyView, quotes: list[Quote], screen: Screen, now_at: Callable[[Path], Path]) -> list[SafeText]:
    head, files = _head(view, screen.width), _files(view, screen.width, now_at)
    least = sum(1 + min(_LEAST_QUOTED, len(quote.lines)) for quote in quotes)
    room = screen.height - 1 - len(head) - sum(-(-max(1, cell_width(line)) // screen.width) for line in files)
    facts = _facts(view.facts, screen.width)
    if len(facts) > room - least:
        first = _cut(_facts(view.facts[:1], screen.width), max(3, room - least))
        brief = [Fact(fact.number, fact.key, fact.lines[:1], fact.goes_to) for fact in view.facts[1:]]
        facts = [*first, *(clip(line, screen.width) for line in _facts(brief, None))]
        facts = facts[: max(len(first), room - least)]
    rows = _shares([len(quote.lines) for quote in quotes], room - len(facts) - len(quotes))
    quoted = [line for quote, count in zip(quotes, rows, strict=True) for line in quote.fitted(count)]
    return [*head, *facts, *(clip(line, screen.width) for line in quoted), *files]


def _shares(wanted: Sequence[int], rows: int) -> list[int]:
    """How many rows each gets: one after the other in turn, so that a short one leaves its share to the rest."""
    given = [0] * len(wanted)
    while rows > 0 and any(got < want for got, want in zip(given, wanted, strict=True)):
        for at, want in enumerate(wanted):
            if given[at] < want and rows > 0:
                given[at] += 1
                rows -= 1
    return given


def _head(view: WhyView, width: int | None) -> list[SafeText]:
    place = f"{view.run_id}/{view.iteration}" if view.iteration else view.run_id
    kind = f"  [{view.error_type}]" if view.error_type else ""
    lines = [*_wrapped(f"{place}  {view.title}", width, 0)[:1]]
    lines += _wrapped(f"{view.shown.word}  {view.headline}{kind}", width, 6)
    if view.message and not any(view.message in line for fact in view.facts for line in fact.lines):
        told = _wrapped(f"      {view.message}", width, 6)
        lines += told if width is None else _cut(told, 3)
    levels = "  ".join(f"{name} {shown.ascii} {words}".rstrip() for name, shown, words in view.levels)
    return [*lines, *_wrapped(levels, width, 0)]


def _facts(facts: Sequence[Fact], width: int | None) -> list[SafeText]:
    lines: list[SafeText] = []
    for fact in facts:
        for at, line in enumerate(fact.lines):
            start = f"{fact.number} {fact.key:<8} " if at == 0 else " " * _FACT_INDENT
            lines += _wrapped(start + line, width, _FACT_INDENT)
    return lines


def _window(view: WhyView) -> list[Quote]:
    window = view.window
    if not window.lines:
        return []
    numbered = [(at if window.numbered else "", at, line) for at, line in enumerate(window.lines, window.first)]
    lines = tuple(SafeText(f"{'>' if at == window.marked else ' '}{shown:>6} {line}") for shown, at, line in numbered)
    marked = window.marked - window.first if window.marked is not None else None
    inside = marked if marked is not None and 0 <= marked < len(lines) else None
    return [Quote(SafeText(f"-- {window.name} --"), lines, inside)]


def _tails(view: WhyView) -> list[Quote]:
    """The end of both streams, as far as the window does not show it already."""
    return [_tail(tail) for tail in view.tails if not _is_shown(tail, view)]


def _is_shown(tail: Tail, view: WhyView) -> bool:
    """Whether the window holds the end of this very stream, or all that would be quoted of it."""
    shown = {line.strip() for line in view.window.lines if line.strip()}
    told = [line.strip() for line in _last(tail) if line.strip()]
    same = view.window.name.endswith(f"{tail.name.split(' ')[1]}.log")
    return all(line in shown for line in (told[-1:] if same else told))


def _last(tail: Tail) -> tuple[SafeText, ...]:
    return tail.lines[-TAIL_LINES:]


def _tail(tail: Tail) -> Quote:
    last = _last(tail)
    return Quote(SafeText(f"-- end of {tail.name}, last {len(last)} of the {len(tail.lines)} lines kept --"), last)


def _files(view: WhyView, width: int | None, now_at: Callable[[Path], Path]) -> list[SafeText]:
    """The directory once, then the names in it, those that belong together in one line where they fit."""
    paths = [(what, now_at(Path(path))) for what, path in view.files]
    run = next((path for _, path in reversed(paths) if path.parent.name == view.run_id), None)
    if run is None:
        return [sanitize(f"{what:<14} {path}") for what, path in paths]
    groups: dict[str, list[str]] = {}
    for what, path in paths:
        inside = path.is_relative_to(run.parent)
        group = groups.setdefault(_group(what), [])
        group.append(str(path.relative_to(run.parent) if inside else path))
    lines = [sanitize(f"files in {run.parent}")]  # left to the terminal to wrap, so that it can be copied whole
    for whose, names in groups.items():
        lines += _flowing(f"  {whose:<8} ", [sanitize(name) for name in names], width)
    return lines


def _group(what: str) -> str:
    """The logs of a process stand together, and so do the records."""
    whose, _, kind = what.partition(" ")
    return whose if kind in ("stdout", "stderr", "log") else "records"


def _cut(lines: list[SafeText], rows: int) -> list[SafeText]:
    """At most so many of them; the last one says that there is more."""
    if len(lines) <= rows:
        return lines
    return [*lines[: rows - 1], SafeText(f"{clip(lines[rows - 1], cell_width(lines[rows - 1]) - 2)} …")]


def _flowing(start: str, names: Sequence[SafeText], width: int | None) -> list[SafeText]:
    lines = [start + names[0]]
    for name in names[1:]:
        if width is not None and cell_width(SafeText(f"{lines[-1]}  {name}")) > width:
            lines.append(" " * len(start) + name)
        else:
            lines[-1] += f"  {name}"
    return [SafeText(line) for line in lines]


def _wrapped(line: str, width: int | None, indent: int) -> list[SafeText]:
    """Over as many rows as it needs, those after the first indented."""
    if width is None or cell_width(SafeText(line)) <= width:
        return [SafeText(line)]
    lead = len(line) - len(line.lstrip(" "))
    rows = textwrap.wrap(
        line.strip(), width, initial_indent=" " * lead, subsequent_indent=" " * indent, break_on_hyphens=False
    )
    return [clip(SafeText(row), width) for row in rows]
