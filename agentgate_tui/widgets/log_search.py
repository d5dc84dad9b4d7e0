"""Finding lines in a log source in steps of bounded work, and counting how many there are."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentgate_tui.widgets.log_source import LogSource, Needle

MOST_MATCHES = 100_000
"""Matching lines that are counted; past them the count is told as a lower bound."""

_STEPS_NARROWED = 512  # two million short lines, most passed over undecoded: about half a second
_STEPS_DECODED = 24  # about 100,000 lines, each decoded: as long


@dataclass(frozen=True, slots=True)
class Sought:
    """Where a search ended: at a line, at the end of the log, or (`gave_up_at`) where its budget did."""

    line: int | None
    gave_up_at: int | None = None


def seek(hits: Callable[[int, int], Sequence[int]], source: LogSource, start: int, forward: bool, steps: int) -> Sought:
    """The first line that hits, from `start` on (included) in either direction, in at most `steps` steps of the source.

    `hits` names the lines of a range (end excluded) that are wanted, in order.
    """
    count, step = source.count, source.step
    if forward:
        first = max(0, start)
        for _ in range(steps):
            if first >= count:
                return Sought(None)
            last = min(count, first + step)
            if found := hits(first, last):
                return Sought(found[0])
            first = last
        return Sought(None, first if first < count else None)
    last = min(start + 1, count)
    for _ in range(steps):
        if last <= 0:
            return Sought(None)
        first = max(0, last - step)
        if found := hits(first, last):
            return Sought(found[-1])
        last = first
    return Sought(None, last - 1 if last > 0 else None)


class LogSearch:
    """One search through one log: what is looked for, where the last jump went, and which lines match.

    Matches are counted from the first line on, a step at a time, apart from the jumps: the first jump is there at once,
    and "3 of 41" when the counting got that far.
    """

    def __init__(self, source: LogSource) -> None:
        self._source = source
        self.needle: Needle | None = None
        self.here: int | None = None
        """The line of the last jump."""
        self.gave_up_at: int | None = None
        """Where the last `find` ran out of budget, and the next goes on; None if it found a line or met the end."""
        self._reset()

    def _reset(self) -> None:
        self._lines = array("Q")
        self._scanned = 0
        self._settled = 0

    def aim(self, pattern: str) -> bool:
        """Look for `pattern`, or for nothing if it is empty. True if that is a change."""
        needle = Needle(pattern) if pattern else None
        if needle == self.needle:
            return False
        self.needle, self.gave_up_at = needle, None
        self._reset()
        return True

    def find(self, start: int, forward: bool) -> Sought:
        """The next line that holds the needle, from `start` on, or from where the last call gave up."""
        source, needle = self._source, self.needle
        if needle is None:
            return Sought(None)
        steps = _STEPS_NARROWED if source.narrows(needle) else _STEPS_DECODED
        start = start if self.gave_up_at is None else self.gave_up_at
        sought = seek(lambda first, last: source.grep(needle, first, last), source, start, forward, steps)
        self.gave_up_at = sought.gave_up_at
        return self._arrive(sought)

    def find_error(self, start: int, forward: bool) -> Sought:
        """The next line of kind ``error``, from `start` on."""
        line = self._source.line

        def errors(first: int, last: int) -> list[int]:
            return [i for i in range(first, last) if line(i).kind == "error"]

        return self._arrive(seek(errors, self._source, start, forward, _STEPS_DECODED))

    def _arrive(self, sought: Sought) -> Sought:
        if sought.line is not None:
            self.here = sought.line
        return sought

    @property
    def matches(self) -> int:
        """Matching lines found so far."""
        return len(self._lines)

    @property
    def complete(self) -> bool:
        """Whether `matches` is all of them: every line was looked at, and they were not too many to count."""
        return self.needle is None or (self._scanned >= self._source.count and not self._full)

    @property
    def position(self) -> int:
        """Which of the matches the last jump went to, counted from 1: the 3 of "3 of 41". 0 while unknown."""
        if self.here is None or self.here >= self._scanned:
            return 0
        return bisect_right(self._lines, self.here)

    def count_on(self) -> bool:
        """Look at the next lines. True if more is waiting."""
        if self.needle is None or self._full:
            return False
        # A line that was still being written when it was looked at is looked at again.
        self._scanned = min(self._scanned, self._settled)
        while self._lines and self._lines[-1] >= self._scanned:
            self._lines.pop()
        last = min(self._source.count, self._scanned + self._source.step)
        self._lines.extend(self._source.grep(self.needle, self._scanned, last))
        self._scanned, self._settled = last, min(last, self._source.settled)
        return last < self._source.count and not self._full

    @property
    def _full(self) -> bool:
        return len(self._lines) >= MOST_MATCHES
