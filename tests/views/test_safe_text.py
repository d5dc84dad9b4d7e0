from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from agentgate_engine.views.safe_text import SafeText, cell_width, clip, sanitize, sanitize_block

LINES = [
    ("plain", b"hello", "hello"),
    ("line end is dropped", b"hello\n", "hello"),
    ("CRLF is a line end", b"hello\r\n", "hello"),
    ("markup is text", b"[/foo] [@click=app.quit]x[/]", "[/foo] [@click=app.quit]x[/]"),
    ("colour", b"\x1b[1;31mred\x1b[0m", "red"),
    ("colour with colons", b"\x1b[38:2::1:2:3mred\x1b[m", "red"),
    ("title by OSC, BEL ended", b"\x1b]0;owned\x07after", "after"),
    ("title by OSC, ST ended", b"\x1b]0;owned\x1b\\after", "after"),
    ("clipboard", b"\x1b]52;c;cm0gLXJm\x07x", "x"),
    ("hyperlink keeps its words", b"\x1b]8;;http://x\x1b\\words\x1b]8;;\x1b\\", "words"),
    ("DCS", b"\x1bP1$r0m\x1b\\x", "x"),
    ("APC, PM, SOS", b"\x1b_a\x1b\\\x1b^b\x1b\\\x1bXc\x1b\\x", "x"),
    ("full reset", b"\x1bcx", "x"),
    ("character set", b"\x1b(Bx", "x"),
    ("unfinished CSI stays visible", b"\x1b[31", "^[[31"),
    ("unfinished OSC stays visible", b"\x1b]0;owned", "^[]0;owned"),
    ("ESC left by a dropped sequence", b"\x1b\x1b[m[31mx", "^[[31mx"),
    ("lone ESC at the end", b"x\x1b", "x^["),
    ("NUL and DEL", b"a\x00b\x7f", "a^@b^?"),
    ("backspace", b"a\x08b", "a^Hb"),
    ("newline inside one line", b"a\nb", "a^Jb"),
    ("C1 CSI", "\x9b31mx", "\ufffd31mx"),
    ("C1 byte", b"\x9b31m", "\ufffd31m"),
    ("invalid UTF-8", b"a\xff\xfeb", "a\ufffd\ufffdb"),
    ("bidi override", "a\u202eb\u2066c\u200fd", "a\ufffdb\ufffdc\ufffdd"),
    ("separators", "a\u2028b\u2029c\u0085d", "a\ufffdb\ufffdc\ufffdd"),
    ("zero width", "a\u200bb\ufeffc\u2060d", "a\ufffdb\ufffdc\ufffdd"),
    ("hidden tag characters", "a\U000e0041b", "a\ufffdb"),
    ("lone surrogate", "a\ud800b", "a\ufffdb"),
    ("no-break space", "a\u00a0b", "a b"),
    ("variation selector", "\u26a0\ufe0f!", "\u26a0!"),
    ("words of the world", "naïve 漢字 ✓", "naïve 漢字 ✓"),
    ("tabs", b"a\tbc\td", "a       bc      d"),
    ("tab after colour", b"\x1b[31ma\x1b[m\tb", "a       b"),
    ("progress", b"10%\r20%\r30%", "30%"),
    ("progress, ended by CR", b"10%\r20%\r", "20%"),
    ("progress wiped with spaces", b"working\r       \r", "working"),
    ("progress wiped with erase", b"10%\r\x1b[K20%\r\x1b[K\n", "20%"),
    ("only returns", b"\r\r\r", ""),
    ("empty", b"", ""),
]


@pytest.mark.parametrize(("raw", "shown"), [case[1:] for case in LINES], ids=[case[0] for case in LINES])
def test_a_line_is_shown(raw: bytes | str, shown: str) -> None:
    assert sanitize(raw) == shown


HOSTILE = st.lists(
    st.sampled_from(
        ["\x1b", "\x1b[", "\x1b]", "\x1bP", "\\", "\x07", "\x9b", "\x9c", "\r", "\n", "\t", "m", "3", ";", " "]
    )
    | st.characters(),
    max_size=40,
).map("".join)


@settings(max_examples=400)
@given(HOSTILE)
def test_whatever_comes_every_character_is_printable_and_a_second_pass_changes_nothing(raw: str) -> None:
    safe = sanitize(raw)
    assert safe.isprintable()
    assert sanitize(safe) == safe
    block = sanitize_block(raw)
    assert block.replace("\n", "").isprintable()
    assert sanitize_block(block) == block


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_any_bytes_are_printable(raw: bytes) -> None:
    assert sanitize(raw).isprintable()
    assert sanitize_block(raw).count("\n") == raw.count(b"\n")


def test_a_block_keeps_its_lines() -> None:
    assert sanitize_block(b"a\r\n10%\r20%\n\n\x1b[31mb") == "a\n20%\n\nb"


@pytest.mark.parametrize(
    "unit",
    ["\x1b[", "\x1b]", "\x1b[3", "\x1b]0;a\x1b[", "\x1b", "\r", "\t", "\x9b", "\x00", "\u202e", "\x1b(", "\x1b[ "],
    ids=ascii,
)
def test_a_hostile_line_costs_one_pass(unit: str) -> None:
    """Ten times the line may cost about ten times the work; backtracking would make it a hundred."""

    def cost(size: int) -> float:
        line = unit * (size // len(unit))
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            sanitize(line)
            best = min(best, time.process_time() - start)
        return best

    assert cost(200_000) < 40 * max(cost(20_000), 0.0005)


@pytest.mark.parametrize(
    ("text", "cells", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("abcdef", 1, "…"),
        ("abcdef", 0, ""),
        ("abcdef", -3, ""),
        ("漢字漢字", 8, "漢字漢字"),
        ("漢字漢字", 7, "漢字漢…"),
        ("漢字漢字", 6, "漢字…"),
        ("e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
    ],
)
def test_clip(text: str, cells: int, shown: str) -> None:
    assert clip(SafeText(text), cells) == shown


def test_clip_with_a_plain_ellipsis() -> None:
    assert clip(SafeText("abcdef"), 5, ellipsis="..") == "abc.."
    assert clip(SafeText("abcdef"), 1, ellipsis="..") == "a"


@given(HOSTILE, st.integers(-1, 30))
def test_a_clipped_text_fits(raw: str, cells: int) -> None:
    clipped = clip(sanitize(raw), cells)
    assert cell_width(clipped) <= max(cells, 0)
    assert clipped.isprintable()


def test_widths_agree_with_the_console_for_common_scripts() -> None:
    """The engine may not import rich, yet what it clips must fit what the console measures."""
    ranges = [(0x20, 0x250), (0x370, 0x530), (0x2500, 0x2600), (0x3041, 0x3130), (0x4E00, 0x4F00), (0xAC00, 0xAD00)]
    for first, last in ranges:
        for code in range(first, last):
            char = chr(code)
            if char.isprintable() and not unicodedata.combining(char):
                assert cell_width(SafeText(char)) == cell_len(char), ascii(char)
