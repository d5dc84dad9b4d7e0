from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentgate_engine.views.safe_text import SafeText, sanitize
from agentgate_tui.widgets.line_index import LineIndex
from agentgate_tui.widgets.log_search import LogSearch, seek
from agentgate_tui.widgets.log_source import FileLogSource, JsonLogSource, LogLine, LogSource, Needle, TextLogSource


def lines_of(source: LogSource) -> list[str]:
    while source.extend():
        pass
    return [source.line(i).text for i in range(source.count)]


# The index


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=30) | st.just(b"\n") | st.just(b"x" * 70_000) | st.just(b"\n" * 3_000), max_size=12),
    st.integers(1, 200_000),
)
def test_however_a_file_grows_its_lines_are_those_of_split(pieces: list[bytes], budget: int) -> None:
    with TemporaryDirectory() as folder:
        check_growth(Path(folder) / "log", pieces, budget)


def check_growth(path: Path, pieces: list[bytes], budget: int) -> None:
    index = LineIndex(path)
    written = b""
    for piece in pieces:
        with path.open("ab") as file:
            file.write(piece)
        written += piece
        while index.extend(budget):
            pass
        expected = written.split(b"\n")
        if expected[-1] == b"":
            expected.pop()
        assert index.count == len(expected)
        for i in {0, 1, len(expected) // 2, len(expected) - 2, len(expected) - 1}:
            if 0 <= i < len(expected):
                assert index.read_line(i, 1 << 20) == expected[i]
    index.close()


def test_a_file_is_taken_up_in_bounded_pieces(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 99 + b"\n" + b"y" * 99 + b"\n" * 300_000)
    index = LineIndex(path)
    assert index.extend(65_536)
    assert index.size == 65_536
    while index.extend(65_536):
        pass
    assert index.count == 300_001


def test_a_missing_file_is_empty_until_it_appears_and_readable_after_it_is_deleted(tmp_path: Path) -> None:
    source = FileLogSource(tmp_path / "log")
    assert lines_of(source) == [] and source.problem == ""
    (tmp_path / "log").write_text("a\nb")
    assert lines_of(source) == ["a", "b"]
    (tmp_path / "log").unlink()
    assert lines_of(source) == ["a", "b"]
    assert source.generation == 0


def test_a_truncated_and_a_replaced_file_start_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("a\nb\nc\n")
    source = FileLogSource(path)
    assert lines_of(source) == ["a", "b", "c"]
    path.write_text("d\n")
    assert lines_of(source) == ["d"]
    assert source.generation == 1
    (tmp_path / "new").write_text("e\nf\ng\nh\n")
    (tmp_path / "new").rename(path)
    assert lines_of(source) == ["e", "f", "g", "h"]
    assert source.generation == 2


def test_a_file_that_shrank_behind_our_back_reads_as_empty_lines_not_as_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("abc\n" * 1000)
    source = FileLogSource(path)
    source.extend()
    os.truncate(path, 10)
    assert [source.line(i).text for i in (0, 1, 900, 999)] == ["abc", "abc", "", ""]
    assert source.grep(Needle("abc"), 0, 1000) == [0, 1]


def plant_link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize("plant", [plant_link, os.mkfifo, os.mkdir], ids=["link", "fifo", "directory"])
def test_what_an_agent_could_plant_is_refused(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    path = tmp_path / "log"
    plant(path)
    source = FileLogSource(path)
    assert not source.extend()
    assert source.count == 0
    assert source.problem


# The sources


def test_a_long_line_is_folded_and_says_by_how_much(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 200_000 + b"\nnext\n")
    first, second = lines_of(FileLogSource(path))
    assert first == "x" * 16_384 + " ... (+183616 bytes)"
    assert second == "next"


def test_the_kind_of_a_line_is_told_from_its_safe_text(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("\x1b[31mE   assert\x1b[0m\nok\n")
    source = FileLogSource(path, lambda text: "error" if text.startswith("E ") else "plain")
    source.extend()
    assert [source.line(i).kind for i in range(2)] == ["error", "plain"]


def test_json_lines_show_whole_records_only_and_a_broken_one_says_why(tmp_path: Path) -> None:
    def decode(raw: bytes) -> LogLine:
        record = json.loads(raw)
        return LogLine(sanitize(record["text"]), record["kind"], sanitize(record["t"]))

    path = tmp_path / "transcript.jsonl"
    good = json.dumps({"text": "hi \x1b[31mthere", "kind": "tool", "t": "14:02"})
    path.write_text(good + "\n{broken\n" + good[:20])
    source = JsonLogSource(path, decode)
    lines_of(source)
    assert source.count == 2
    assert source.line(0) == LogLine(SafeText("hi there"), "tool", SafeText("14:02"))
    assert source.line(1).kind == "error"
    assert source.line(1).text.startswith("unreadable record at byte")
    with path.open("a") as file:
        file.write(good[20:] + "\n")
    source.extend()
    assert source.count == 3
    assert source.grep(Needle("there"), 0, 3) == [0, 2]


WORDS = st.sampled_from(
    ["err", "ERR", "or", " ", "\t", "\n", "\x1b[31m", "\x1b]0;err\x07", "\r", "\x00", "é", "\u202e", "error", "\x1b"]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(WORDS, max_size=40),
    st.sampled_from(["error", "err or", "Err", "é", "^@", "^[", "[", "@e", "r", "\ufffd", "  "]),
)
def test_passing_over_raw_lines_finds_what_decoding_all_of_them_does(words: list[str], sought: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_text("".join(words), newline="")
        source = FileLogSource(path)
        lines_of(source)
        needle = Needle(sought)
        assert source.grep(needle, 0, source.count) == LogSource.grep(source, needle, 0, source.count)
        source.close()


def test_a_search_goes_both_ways_and_gives_up_within_its_budget() -> None:
    source = TextLogSource([SafeText("hit" if i in (5, 9_000) else "miss") for i in range(10_000)])
    needle = Needle("hit")

    def hits(first: int, last: int) -> list[int]:
        return source.grep(needle, first, last)

    assert seek(hits, source, 0, True, 1).line == 5
    assert seek(hits, source, 6, True, 1).gave_up_at == 6 + source.step
    assert seek(hits, source, 6, True, 9).line == 9_000
    assert seek(hits, source, 9_001, True, 9) == seek(hits, source, 4, False, 9)
    assert seek(hits, source, 8_999, False, 9).line == 5
    assert seek(hits, source, 8_999, False, 1).gave_up_at == 9_000 - source.step - 1


def test_matches_are_counted_in_steps_and_a_growing_line_is_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("hit\nmiss\nh")
    source = FileLogSource(path)
    source.extend()
    search = LogSearch(source)
    assert search.aim("hit")
    assert not search.aim("hit")
    search.count_on()
    assert (search.matches, search.complete) == (1, True)
    for more, matches in [("it", 2), (" hit\n", 2), ("hit\n", 3)]:
        with path.open("a") as file:
            file.write(more)
        source.extend()
        search.count_on()
        assert search.matches == matches
    search.here = 3
    assert search.position == 3


def test_case_matters_only_if_a_capital_was_typed() -> None:
    source = TextLogSource([SafeText("Error"), SafeText("error")])
    assert source.grep(Needle("error"), 0, 2) == [0, 1]
    assert source.grep(Needle("Error"), 0, 2) == [0]


def test_sources_and_safe_text_need_no_textual() -> None:
    code = "import sys, agentgate_tui.widgets.log_search; sys.exit('textual' in sys.modules or 'rich' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
