"""The console reads a compressed log as it reads the log, a bounded piece at a time."""

from __future__ import annotations

import os
from pathlib import Path

from agentgate_engine.store.log_compression import compress_log
from agentgate_engine.store.log_file import compressed
from agentgate_tui.widgets.line_index import LineIndex
from agentgate_tui.widgets.log_source import FileLogSource, Needle

LINES = [f"line {n} says {n * 7919 % 10_007}".encode() for n in range(60_000)]


def packed_log(tmp_path: Path) -> Path:
    path = tmp_path / "stdout.log"
    path.write_bytes(b"\n".join(LINES) + b"\n")
    compress_log(path)
    assert not path.exists()
    return path


def test_every_line_of_a_compressed_log_is_there(tmp_path: Path) -> None:
    source = FileLogSource(packed_log(tmp_path))
    steps = 1
    while source.extend(100_000):
        steps += 1
    assert steps > 5, "a long log is not unpacked in one step"
    assert source.count == len(LINES) and source.problem == ""
    for i in (0, 1, 30_000, len(LINES) - 1):
        assert source.line(i).text == LINES[i].decode()
    assert source.grep(Needle("line 59999 "), 0, source.count) == [59_999]
    assert not source.extend() and source.generation == 0
    source.close()


def test_a_log_that_is_compressed_while_it_is_open_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "stdout.log"
    path.write_bytes(b"\n".join(LINES) + b"\n")
    index = LineIndex(path)
    index.extend(50_000)
    compress_log(path)
    while index.extend():
        pass
    assert index.count == len(LINES) and index.read_line(59_999) == LINES[-1]
    index.close()


def test_a_damaged_one_says_so_and_shows_what_there_is(tmp_path: Path) -> None:
    path = packed_log(tmp_path)
    content = compressed(path).read_bytes()
    compressed(path).write_bytes(content[: len(content) // 2])
    index = LineIndex(path)
    while index.extend():
        pass
    assert "cannot unpack" in index.problem and 0 < index.count < len(LINES)
    index.close()


def test_the_log_itself_is_followed_once_it_stands_there_again(tmp_path: Path) -> None:
    path = packed_log(tmp_path)
    index = LineIndex(path)
    while index.extend():
        pass
    path.write_bytes(b"anew\n")
    index.extend()
    assert index.generation == 1 and index.read_line(0) == b"anew"
    before = len(os.listdir("/proc/self/fd"))
    index.close()
    assert len(os.listdir("/proc/self/fd")) == before - 1
