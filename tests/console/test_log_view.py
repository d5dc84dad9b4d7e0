from __future__ import annotations

import os
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.filter import LineFilter
from textual.geometry import Offset
from textual.selection import Selection

from agentgate_engine.views.safe_text import SafeText
from agentgate_tui.widgets import line_index
from agentgate_tui.widgets.control_filter import CONTROL_FILTER
from agentgate_tui.widgets.log_source import FileLogSource, LogLine, LogSource, TextLogSource
from agentgate_tui.widgets.log_view import LogView


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


async def test_a_line_marked_before_the_index_reached_it_is_gone_to_when_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"{i:>99}\n" for i in range(100_000)))
    app = Host(None)
    async with app.run_test(size=(120, 10)) as pilot:
        source = FileLogSource(path)
        app.log_view.show(source)
        app.log_view.mark_line(90_000)
        assert source.count < 90_000
        while source.count < 100_000:
            await pilot.pause(0.01)
        await pilot.pause()
        assert any(line.startswith("> ") and line.endswith(" 90000") for line in app.frame())
        assert (app.log_view.follow, app.log_view.unseen) == (False, 0)


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
        await pilot.press("G")
        assert view.get_selection(Selection(Offset(0, 0), Offset(4, 0))) == ("line", "\n")
        await pilot.press("g")
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
