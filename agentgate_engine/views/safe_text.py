"""Text that may reach a terminal: `SafeText`, and the only functions that make it from what others wrote.

Agent output, paths, branch and check names and environment values are hostile: a control sequence in them can retitle
the terminal, write its clipboard or hide a line. Widgets and commands therefore take `SafeText`, and a raw `str` from a
record does not type-check there.

The invariant, held by a fuzz test: every character of a `SafeText` is printable (`str.isprintable`; a block also holds
``\\n``), so nothing in it moves a cursor, and making it safe a second time changes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NewType

SafeText = NewType("SafeText", str)

TAB_WIDTH = 8
REPLACEMENT = "\ufffd"

# One alternative for each family of ECMA-48. Every loop runs over a class that excludes what ends it, and ESC ends all
# of them, so a hostile line costs one pass: nothing here can backtrack over what it has read.
_ESCAPE_SEQUENCE = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement, modes
    r"|[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, SOS, PM, APC with their terminator
    r"|[ -/]+[0-~]"  # character sets and the like
    r"|[0-OQ-WYZ\\`-~]"  # two-character functions, introducers excepted
    r")"
)
_C0_AND_DELETE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_VARIATION_SELECTOR = re.compile("[\ufe00-\ufe0f]")


def sanitize(raw: bytes | str) -> SafeText:
    """One line, made safe to draw.

    Escape sequences are dropped whole, colours too; one that never ends stays visible, as do other controls (``^[``,
    ``^@``). C1 controls, bidirectional overrides, line separators and everything else without a glyph become U+FFFD,
    so that hidden text cannot hide. Of a progress line (``10%\\r20%``) the last segment that shows something is kept.
    Tabs go to the next multiple of 8, counted in characters. Variation selectors are dropped: terminals disagree about
    the width they give the glyph before them. Runs in linear time.
    """
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    if text.isprintable() and text.isascii():
        return SafeText(text)
    if "\x1b" in text:
        text = _ESCAPE_SEQUENCE.sub("", text)
    text = text.removesuffix("\n")
    if "\r" in text:
        text = _last_shown_segment(text)
    text = _C0_AND_DELETE.sub(_caret, text).expandtabs(TAB_WIDTH)
    if not text.isascii():
        text = _VARIATION_SELECTOR.sub("", text)
        if not text.isprintable():
            text = "".join([char if char.isprintable() else _stand_in(char) for char in text])
    return SafeText(text)


def sanitize_block(raw: bytes | str) -> SafeText:
    """Several lines, each made safe as `sanitize` does; only ``\\n`` divides them."""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    return SafeText("\n".join([sanitize(line) for line in text.split("\n")]))


def clip(text: SafeText, cells: int, *, ellipsis: str = "…") -> SafeText:
    """`text` in at most `cells` terminal cells, ending in `ellipsis` when something was cut.

    Takes one line. Where not even the ellipsis fits, the text is cut bare.
    """
    if cell_width(text) <= cells:
        return text
    room = cells - len(ellipsis)
    if room < 0:
        ellipsis, room = "", max(cells, 0)
    used = 0
    for end, char in enumerate(text):
        used += _char_width(char)
        if used > room:
            return SafeText(text[:end] + ellipsis)
    return text


def cell_width(text: SafeText) -> int:
    """The terminal cells `text` takes, by East Asian width: wide and fullwidth two, combining marks none, the rest one.

    Ambiguous characters count as one, as terminals outside East Asian locales draw them.
    """
    return len(text) if text.isascii() else sum([_char_width(char) for char in text])


def _char_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _last_shown_segment(text: str) -> str:
    """What a terminal would still show of a line rewritten with carriage returns."""
    segments = text.split("\r")
    for segment in reversed(segments):
        if segment and not segment.isspace():
            return segment
    return segments[0]


def _caret(match: re.Match[str]) -> str:
    return "^" + chr(ord(match[0]) ^ 0x40)


def _stand_in(char: str) -> str:
    """A space for the many kinds of space (a no-break space is not printable to Python), else U+FFFD."""
    return " " if unicodedata.category(char) == "Zs" else REPLACEMENT
