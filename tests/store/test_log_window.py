"""Lines of logs for people: bounded, masked before they are cut, and from the end without reading the rest."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from agentgate_engine.store.log_window import read_last_lines, read_log_lines


def test_the_last_lines_and_their_number(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {n}\n" for n in range(1, 60_001)) + "Error: the real cause")
    number, lines = read_last_lines(log, 3)
    assert (number, lines) == (59_999, [b"line 59999", b"line 60000", b"Error: the real cause"])


@pytest.mark.parametrize(
    ("text", "found"), [(b"", []), (b"a", [b"a"]), (b"a\n", [b"a"]), (b"\n\n", [b"", b""]), (b"a\rb\n", [b"a\rb"])]
)
def test_short_files(tmp_path: Path, text: bytes, found: list[bytes]) -> None:
    (tmp_path / "log").write_bytes(text)
    assert read_last_lines(tmp_path / "log", 5) == (1, found)
    assert read_log_lines(tmp_path / "log", 1, 5) == found


def test_no_file_has_no_lines(tmp_path: Path) -> None:
    assert read_last_lines(tmp_path / "none", 5) == (1, [])
    assert read_log_lines(tmp_path / "none", 1, 5) == []
    assert read_log_lines(tmp_path, 1, 5) == []


def test_the_end_of_a_long_log_costs_little_memory(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.truncate(200 << 20)
        file.seek(0, 2)
        file.write(b"\nlast\n")
    tracemalloc.start()
    number, lines = read_last_lines(log, 1)
    _, peak = tracemalloc.get_traced_memory()
    assert read_log_lines(log, 2, 1) == [b"last"]
    tracemalloc.stop()
    assert (number, lines) == (None, [b"last"])
    assert peak < 24 << 20


def test_a_secret_across_the_cut_is_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "hunter2hunter2")
    (tmp_path / "log").write_text("x" * 16_376 + "hunter2hunter2" + "y" * 100 + "\n")
    for line in (read_log_lines(tmp_path / "log", 1, 1)[0], read_last_lines(tmp_path / "log", 1)[1][0]):
        assert len(line) == 16_384
        assert b"hunter2" not in line
