from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.filter import LineFilter
from textual.geometry import Offset
from textual.selection import Selection

from agentgate_engine.views.safe_text import SafeText, sanitize
from agentgate_tui.widgets import line_index
from agentgate_tui.widgets.control_filter import CONTROL_FILTER
from agentgate_tui.widgets.line_index import LineIndex
from agentgate_tui.widgets.log_search import LogSearch, seek
from agentgate_tui.widgets.log_source import FileLogSource, JsonLogSource, LogLine, LogSource, Needle, TextLogSource
from agentgate_tui.widgets.log_view import LogView


def lines_of(source: LogSource) -> list[str]:
    while source.extend():
        pass
    return [source.line(i).text for i in range(source.count)]


def kind(text: SafeText) -> str:
    return "error" if text.startswith("E ") else "plain"


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


# The view


class Host(App[None]):
    def __init__(self, source: LogSource | None) -> None:
        super().__init__()
        self.log_view = LogView(source)
        self.told: list[tuple[bool, int]] = []

    def compose(self) -> ComposeResult:
        yield self.log_view

    def get_line_filters(self) -> list[LineFilter]:
        return [*super().get_line_filters(), CONTROL_FILTER]

    def on_log_view_follow_changed(self, message: LogView.FollowChanged) -> None:
        self.told.append((message.following, message.unseen))

    def frame(self) -> list[str]:
        """What is drawn, the column of the scrollbar left out."""
        return [strip.text[:-1].rstrip() for strip in self.screen._compositor.render_strips()]


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


async def test_following_stops_when_the_reader_scrolls_counts_the_unseen_and_resumes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"line {i}\n" for i in range(100)))
    app = Host(FileLogSource(path))
    async with app.run_test(size=(40, 10)) as pilot:
        view = app.log_view
        await pilot.pause()
        assert app.frame()[-1] == "  line 99"
        append(path, "line 100\n")
        view.refresh_source()
        await pilot.pause()
        assert app.frame()[-1] == "  line 100"
        assert view.follow

        await pilot.press("k")
        assert not view.follow
        append(path, "line 101\nline 102\n")
        view.refresh_source()
        await pilot.pause()
        assert app.frame()[-1] == "  line 99"
        assert view.unseen == 2
        assert app.told[-1] == (False, 2)
        await pilot.press("j", "j")
        assert view.unseen == 1
        assert not view.follow

        await pilot.press("G")
        await pilot.pause()
        assert app.frame()[-1] == "  line 102"
        assert (view.follow, view.unseen, app.told[-1]) == (True, 0, (True, 0))
        await pilot.press("F")
        assert not view.follow
        await pilot.press("F", "g")
        assert app.frame()[0] == "  line 0"
        assert not view.follow
        await pilot.press("end")
        assert view.follow


async def test_keys_scroll_by_rows_half_pages_and_pages(tmp_path: Path) -> None:
    app = Host(TextLogSource([SafeText(f"line {i}") for i in range(100)]))
    async with app.run_test(size=(40, 10)) as pilot:
        tops: list[int] = []
        for key in ("g", "j", "down", "k", "ctrl+d", "pagedown", "ctrl+u", "pageup", "end", "home"):
            await pilot.press(key)
            tops.append(app.log_view.scroll_offset.y)
        assert tops == [0, 1, 2, 1, 6, 16, 11, 1, 90, 0]


async def test_a_log_that_was_there_before_is_no_news(tmp_path: Path) -> None:
    app = Host(None)
    app.log_view.follow = False
    async with app.run_test(size=(40, 10)) as pilot:
        app.log_view.show(TextLogSource([SafeText("x")] * 50))
        await pilot.pause()
        assert app.log_view.unseen == 0
        assert app.log_view.scroll_offset.y == 0


async def test_three_hundred_thousand_lines_open_by_decoding_what_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"line {i} of a long log of an agent\n" for i in range(300_000)))
    decoded: set[int] = set()
    longest = 0
    pread = os.pread

    class Counting(FileLogSource):
        def line(self, i: int) -> LogLine:
            decoded.add(i)
            return super().line(i)

    def counting_pread(descriptor: int, length: int, offset: int) -> bytes:
        nonlocal longest
        longest = max(longest, length)
        return pread(descriptor, length, offset)

    monkeypatch.setattr(line_index.os, "pread", counting_pread)
    source = Counting(path)
    app = Host(source)
    async with app.run_test(size=(60, 20)) as pilot:
        while source.count < 300_000:
            await pilot.pause(0.01)
        await pilot.pause()
        assert app.frame()[-1].startswith("  line 299999 ")
        await pilot.press("g")
        assert app.frame()[0].startswith("  line 0 ")
        assert len(decoded) < 200
        assert longest <= line_index.WINDOW
        decoded.clear()
        assert app.log_view.find("line 250000") == 250_000
        assert len(decoded) < 60
        while not app.log_view.search.complete:
            await pilot.pause(0.01)
        assert app.log_view.matches == 1


async def test_a_truncated_log_shows_the_new_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"old {i}\n" for i in range(100)))
    app = Host(FileLogSource(path))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        path.write_text("new 0\nnew 1\n")
        app.log_view.refresh_source()
        await pilot.pause()
        assert app.frame()[:3] == ["  new 0", "  new 1", ""]
        assert app.log_view.follow


HOSTILE = [
    (b"[/foo]", "[/foo]"),
    (b"[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
    (b"[link=http://x]y", "[link=http://x]y"),
    (b"\x1b]0;owned\x07title", "title"),
    (b"\x1b]52;c;owned", "^[]52;c;owned"),
    (b"nul \x00 c1 \xc2\x9b31m", "nul ^@ c1 \ufffd31m"),
    (b"bad \xff\xfe utf-8", "bad \ufffd\ufffd utf-8"),
    ("bidi \u202e over".encode(), "bidi \ufffd over"),
    (b"\x1b[2Jwipe", "wipe"),
    (b"z" * 200_000, "z" * 57),
]


async def test_hostile_lines_are_drawn_as_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\n".join(raw for raw, _ in HOSTILE) + b"\n")
    app = Host(FileLogSource(path))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        for row, (_, shown) in zip(app.frame(), HOSTILE, strict=False):
            assert row == f"  {shown}".rstrip()
        await pilot.click(LogView, offset=(3, 1))
        await pilot.pause()
        assert app.is_running
        assert all(line.isprintable() for line in app.frame())


async def test_sideways_scrolling_goes_to_the_end_of_the_longest_line_seen_and_stays_there(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("short\n" + "0123456789" * 10 + "\n")
    app = Host(FileLogSource(path))
    async with app.run_test(size=(43, 5)) as pilot:
        await pilot.press("right")
        assert app.frame()[1] == "  " + ("0123456789" * 10)[21:61]
        await pilot.press("right", "right", "right", "right")
        assert app.frame()[1].endswith("789")
        left = app.log_view.scroll_offset.x
        append(path, "more\n")
        app.log_view.refresh_source()
        await pilot.pause()
        assert app.log_view.scroll_offset.x == left == 60


async def test_errors_marks_and_matches_are_reached_and_told_apart_without_colour() -> None:
    lines = [LogLine(SafeText(f"line {i}"), "error" if i in (30, 60) else "plain") for i in range(100)]
    app = Host(TextLogSource(lines))
    async with app.run_test(size=(40, 10)) as pilot:
        view = app.log_view
        await pilot.press("E")
        assert "> line 60" in app.frame()
        await pilot.press("E")
        assert "> line 30" in app.frame()
        await pilot.press("E")
        assert "> line 30" in app.frame()
        await pilot.press("e")
        assert "> line 60" in app.frame()
        assert not view.follow
        view.mark_line(5)
        await pilot.pause()
        assert "> line 5" in app.frame()
        row = app.frame().index("> line 5")
        assert any(segment.style and segment.style.reverse for segment in view.render_line(row))
        assert view.find("LINE 9") is None
        assert view.find("line 9") == 9
        assert view.find("line 9") == 90
        assert view.find("line 9", -1) == 9
        await pilot.pause(0.02)
        assert (view.matches, view.search.complete, view.search.position) == (11, True, 1)
        await pilot.pause()
        row = app.frame().index("> line 9")
        assert [segment.text for segment in view.render_line(row)][1] == "line 9"
        view.find("")
        assert view.matches == 0


async def test_numbers_and_prefixes_stand_before_the_text() -> None:
    app = Host(TextLogSource([LogLine(SafeText("text"), "tool", SafeText("14:02"))] * 12))
    async with app.run_test(size=(40, 3)) as pilot:
        await pilot.press("g")
        assert app.frame()[0] == "$ 14:02 text"
        app.log_view.line_numbers = True
        await pilot.pause()
        assert app.frame()[0] == "$  1 14:02 text"
        app.log_view.show_prefix = False
        await pilot.pause()
        assert app.frame()[0] == "$  1 text"


async def test_an_empty_log_says_so_and_a_refused_one_says_why(tmp_path: Path) -> None:
    app = Host(FileLogSource(tmp_path / "log"))
    async with app.run_test(size=(60, 3)) as pilot:
        await pilot.pause()
        assert app.frame()[0] == "  Nothing was written here yet."
        (tmp_path / "link").symlink_to("/etc/passwd")
        app.log_view.show(FileLogSource(tmp_path / "link"))
        await pilot.pause()
        assert app.frame()[0] == "  This log is a link, which is not followed."


async def test_a_plain_row_is_one_segment_and_growth_redraws_only_new_rows(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("one\ntwo\n")
    app = Host(FileLogSource(path))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        view = app.log_view
        assert len(list(view.render_line(0))) == 1
        append(path, "three\n")
        drawn: list[int] = []
        render_line = view.render_line
        view.render_line = lambda y: (drawn.append(y), render_line(y))[1]
        view.refresh_source()
        await pilot.pause()
        assert app.frame()[2] == "  three"
        assert sorted(set(drawn)) == [1, 2]
        drawn.clear()
        view.refresh_source()
        await pilot.pause()
        assert drawn == []


async def test_a_line_still_being_written_is_redrawn_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("one\nhal")
    app = Host(FileLogSource(path))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        append(path, "f\n")
        app.log_view.refresh_source()
        await pilot.pause()
        assert app.frame()[:2] == ["  one", "  half"]


async def test_a_selection_gives_the_text_of_its_lines_without_gutter() -> None:
    app = Host(TextLogSource([SafeText(f"line {i}") for i in range(100)]))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("g")
        view = app.log_view
        assert view.get_selection(Selection(Offset(2, 0), Offset(3, 2))) == ("ne 0\nline 1\nlin", "\n")
        everything = view.get_selection(Selection(None, None))
        assert everything is not None
        assert everything[0].split("\n") == [f"line {i}" for i in range(10)]
        app.screen.selections = {view: Selection(Offset(0, 0), Offset(4, 0))}
        await pilot.pause()
        assert [segment.text for segment in view.render_line(0)][1] == "line"


async def test_a_theme_change_repaints_in_the_new_colours() -> None:
    app = Host(TextLogSource([LogLine(SafeText("bad"), "error")]))
    async with app.run_test(size=(40, 3)) as pilot:
        await pilot.pause()
        before = next(iter(app.log_view.render_line(0))).style
        app.theme = "textual-light"
        await pilot.pause()
        assert next(iter(app.log_view.render_line(0))).style != before
