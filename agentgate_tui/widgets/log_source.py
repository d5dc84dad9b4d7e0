"""Where the lines of a log view come from: a file of text, a file of JSON lines, or values already in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.views.safe_text import SafeText, sanitize
from agentgate_tui.widgets.line_index import LineIndex

LINE_LIMIT = 16_384
"""Bytes read of one line, and characters shown of it; the rest is folded and its size told."""

JSON_LIMIT = 1_048_576
"""Bytes of the longest JSON line that is decoded."""

_STEP_BYTES = 1_048_576
_STEP_LINES = 4_096
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)|[ -/]+[0-~]|[0-OQ-WYZ\\`-~])")
_CARET_NOTATION = re.compile(r"\^.?")
_WORD = re.compile(r"[!-~]+")
_JSON_WORD = re.compile(r"[A-Za-z0-9_.,:;=()\[\]{}+-]+")  # characters that no JSON writer escapes

EMPTY = SafeText("")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line as it is drawn: its text, what sort of line it is, and what stands before it (a time, as a rule).

    The kinds that a view marks are ``error``, ``heading``, ``notice`` and ``tool``, and in diffs ``added`` and
    ``removed``; any other is drawn as ``plain``.
    """

    text: SafeText
    kind: str = "plain"
    prefix: SafeText = EMPTY


@dataclass(frozen=True, slots=True)
class Needle:
    """What is searched for: a literal, minding case only if it holds a capital.

    Never a regular expression: on a hostile line one may run for hours.
    """

    text: str

    @property
    def regex(self) -> re.Pattern[str]:
        """The literal as a pattern, so that spans are those of the text itself (lowering may change lengths)."""
        return re.compile(re.escape(self.text), re.IGNORECASE if self.ignores_case else 0)

    @property
    def ignores_case(self) -> bool:
        return self.text == self.text.lower()

    def longest_word(self, words: re.Pattern[str]) -> bytes:
        """The part of it that must stand in the raw bytes of every line that matches; empty if there is none.

        A control is shown as two characters that are not in the file (``^[``), and a match may begin with the second.
        """
        found = words.findall(_CARET_NOTATION.sub(" ", self.text[1:] if self.text[0] != "^" else self.text))
        return max(found, key=len, default="").encode()


class LogSource:
    """Lines by number. `count` grows with `extend`; whoever made the source closes it.

    Nothing is decoded before it is asked for, and no call does unbounded work.
    """

    @property
    def generation(self) -> int:
        """Rises when the lines before are void (truncated, replaced)."""
        return 0

    @property
    def problem(self) -> str:
        """Why there are no lines, in words, when the reason is not that nothing was written."""
        return ""

    @property
    def count(self) -> int:
        """Lines known so far."""
        raise NotImplementedError

    @property
    def settled(self) -> int:
        """How many of them, from the first, will not change any more."""
        return self.count

    @property
    def step(self) -> int:
        """How many lines a caller who has to stay responsive should `grep` or decode at a time."""
        return _STEP_LINES

    def line(self, i: int) -> LogLine:
        """Line `i`, decoded and made safe. Raises IndexError past the last."""
        raise NotImplementedError

    def version(self, i: int) -> int:
        """A number that differs when line `i` reads differently: a line still being written grows."""
        return 0

    def extend(self, max_bytes: int = 4_194_304) -> bool:
        """Take up what was appended, at most `max_bytes` of it. True if more is waiting."""
        return False

    def grep(self, needle: Needle, first: int, last: int) -> list[int]:
        """Which of the lines `first` to `last` (exclusive) hold `needle`, as they are shown."""
        search = needle.regex.search
        return [i for i in range(first, last) if search(self.line(i).text)]

    def narrows(self, needle: Needle) -> bool:
        """Whether `grep` can pass over most lines without decoding them."""
        return False

    def close(self) -> None:
        """Let go of what is open."""


class TextLogSource(LogSource):
    """Lines that are already values, such as the feedback as it was sent."""

    def __init__(self, lines: Sequence[LogLine | SafeText]) -> None:
        self._lines = [line if isinstance(line, LogLine) else LogLine(line) for line in lines]

    @property
    def count(self) -> int:
        return len(self._lines)

    def line(self, i: int) -> LogLine:
        return self._lines[i]


def plain_kind(text: SafeText) -> str:
    """The kind of a line nothing is known about."""
    return "plain"


class FileLogSource(LogSource):
    """A file of text: raw logs, check output, diffs. `kind` tells the kind of a line from its safe text."""

    words = _WORD
    decode_if_holds = b""

    def __init__(self, path: Path, kind: Callable[[SafeText], str] = plain_kind) -> None:
        self.index = LineIndex(path)
        self._kind = kind

    @property
    def generation(self) -> int:
        return self.index.generation

    @property
    def problem(self) -> str:
        return self.index.problem

    @property
    def count(self) -> int:
        return self.index.count

    @property
    def settled(self) -> int:
        return min(self.index.terminated, self.count)

    @property
    def step(self) -> int:
        return max(16, min(_STEP_LINES, self.count * _STEP_BYTES // max(1, self.index.size)))

    def version(self, i: int) -> int:
        return 0 if i < self.index.terminated else self.index.size

    def extend(self, max_bytes: int = 4_194_304) -> bool:
        return self.index.extend(max_bytes)

    def line(self, i: int) -> LogLine:
        start, end = self.index.line_span(i)
        text = sanitize(self.index.read_line(i, LINE_LIMIT))
        return LogLine(folded(text, max(0, end - start - LINE_LIMIT)), self._kind(text))

    def narrows(self, needle: Needle) -> bool:
        return bool(needle.longest_word(self.words))

    def grep(self, needle: Needle, first: int, last: int) -> list[int]:
        """As in `LogSource`, but only lines whose bytes hold the longest word of `needle` are decoded."""
        word = needle.longest_word(self.words)
        if not word:
            return super().grep(needle, first, last)
        if needle.ignores_case:
            word = word.lower()
        search = needle.regex.search
        hits: list[int] = []
        for number, piece in self.index.pieces(first, min(last, self.count)):
            for i in self._candidates(word, needle.ignores_case, number, piece):
                if search(self.line(i).text):
                    hits.append(i)
        return hits

    def _candidates(self, word: bytes, lower: bool, number: int, piece: bytes) -> Sequence[int]:
        """Lines of `piece`, whose first is `number`, that may hold `word`: all that do, and some that do not."""
        if self.decode_if_holds and self.decode_if_holds in piece:
            return range(number, number + piece.count(b"\n") + 1)
        if b"\x1b" in piece:
            piece = _ESCAPES.sub(b"", piece)
        if lower:
            piece = piece.lower()
        found: list[int] = []
        at, line = 0, number
        while (place := piece.find(word, at)) >= 0:
            line += piece.count(b"\n", at, place)
            found.append(line)
            end = piece.find(b"\n", place)
            if end < 0:
                break
            at, line = end + 1, line + 1
        return found

    def close(self) -> None:
        self.index.close()


class JsonLogSource(FileLogSource):
    """A file of JSON lines, such as a transcript: one displayed line for each, made by `decode` from its bytes.

    A line not yet ended by a newline is not shown: half a record says nothing. One that cannot be decoded shows as an
    error with the reason, and the rest still reads.
    """

    words = _JSON_WORD
    decode_if_holds = b"\\u00"  # an escape sequence may stand inside a word that is shown whole

    def __init__(self, path: Path, decode: Callable[[bytes], LogLine]) -> None:
        super().__init__(path)
        self._decode = decode

    @property
    def count(self) -> int:
        return self.index.terminated

    def version(self, i: int) -> int:
        return 0

    def line(self, i: int) -> LogLine:
        start, end = self.index.line_span(i)
        if end - start > JSON_LIMIT:
            return LogLine(SafeText(f"record of {end - start} bytes, too long to show"), "error")
        try:
            line = self._decode(self.index.read_line(i, JSON_LIMIT))
        except Exception as error:  # whatever a hostile record makes `decode` do, the other lines still show
            return LogLine(sanitize(f"unreadable record at byte {start}: {type(error).__name__}: {error}"), "error")
        text = folded(line.text)
        return line if text is line.text else LogLine(text, line.kind, line.prefix)


def folded(text: SafeText, unread: int = 0) -> SafeText:
    """`text` cut to what is shown of one line, telling how many bytes are not; `unread` of them were never read."""
    rest = text[LINE_LIMIT:]
    hidden = unread + len(rest.encode())
    return SafeText(f"{text[:LINE_LIMIT]} ... (+{hidden} bytes)") if hidden else text
