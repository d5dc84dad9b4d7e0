"""Reading the beginning and the end of logs of any size."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentgate_engine.errors import StoreError
from agentgate_engine.verify.output_window import read_window, tail_lines


@pytest.mark.parametrize(
    ("text", "lines", "size", "expected"),
    [
        ("", 50, 100, ""),
        ("a\n", 50, 100, "a"),
        ("a\nb\nc\n", 2, 100, "b\nc"),
        ("a\nb\nc", 2, 100, "b\nc"),
        ("aaaa\nbbbb\n", 50, 6, "bbbb"),
        ("aaaa\nbbbb\n", 50, 10, "aaaa\nbbbb"),
        ("aaaa\n0123456789\n", 50, 4, "6789"),
        ("x\n\n\n", 50, 100, "x\n\n"),
        ("ää\n", 50, 3, "ä"),
        ("form\x0cfeed\u2028one line\n", 1, 100, "form\x0cfeed\u2028one line"),
    ],
)
def test_tail_lines_keeps_whole_lines_from_the_end(text: str, lines: int, size: int, expected: str) -> None:
    tail = tail_lines(text, lines, size)
    assert tail == expected
    assert len(tail.encode()) <= size


def test_two_hundred_lines_give_fifty() -> None:
    tail = tail_lines("".join(f"line {i}\n" for i in range(200)))
    assert tail.split("\n") == [f"line {i}" for i in range(150, 200)]


def test_a_small_log_is_read_whole(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"one\r\ntwo\n\xff\n\nend")
    window = read_window(log)
    assert [(line.number, line.text) for line in window.lines] == [
        (1, "one"),
        (2, "two"),
        (3, "\ufffd"),
        (4, ""),
        (5, "end"),
    ]
    assert window.end.endswith("end")
    assert window.whole == window.end


def test_a_large_log_keeps_both_ends_and_the_true_line_numbers(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"".join(b"line %07d\n" % i for i in range(1, 300_001)))
    window = read_window(log, head_bytes=1300, end_bytes=1300)
    assert (window.lines[0].number, window.lines[0].text) == (1, "line 0000001")
    assert (window.lines[-1].number, window.lines[-1].text) == (300_000, "line 0300000")
    assert all(line.text == f"line {line.number:07d}" for line in window.lines)
    assert len(window.end) == 1300
    assert window.whole == "", "what is cut is no report"


def test_a_log_without_a_newline_stays_bounded(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        os.truncate(file.fileno(), 50_000_000)
    window = read_window(log)
    assert sum(len(line.text) for line in window.lines) < 10_000


def test_no_log_is_an_empty_window(tmp_path: Path) -> None:
    assert read_window(tmp_path / "none").lines == ()


def test_a_link_in_the_log_s_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "log").symlink_to(tmp_path / "secret")
    with pytest.raises(StoreError):
        read_window(tmp_path / "log")
