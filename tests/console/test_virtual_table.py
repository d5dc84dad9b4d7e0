from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.color import Color
from textual.filter import LineFilter

from agentgate_engine.views.safe_text import SafeText
from agentgate_tui.widgets.control_filter import CONTROL_FILTER
from agentgate_tui.widgets.table_layout import Cell, Column, TableRow, fit, place_columns
from agentgate_tui.widgets.virtual_table import VirtualTable

COLUMNS = [
    Column("state", "ST", 2),
    Column("order", "ORDER", 8),
    Column("title", "TITLE", None, priority=1),
    Column("iterations", "IT", 4, align="right"),
    Column("levels", "L0123", 5),
    Column("now", "NOW", 18, priority=2),
    Column("age", "AGE", 5, priority=3, align="right"),
    Column("cost", "COST", 7, priority=4, align="right"),
    Column("branch", "BRANCH", 20, priority=5),
]


def row(i: int, state: str = "+", title: str = "") -> TableRow:
    texts = [state, f"o{i:07}", title or f"title {i}", "1/8", "++x.", "pytest -q", "12m", "0.84", "agentgate/x"]
    styles = ["passed" if state == "+" else "failed"] + [""] * 8
    return TableRow(f"k{i}", tuple(Cell(SafeText(text), style) for text, style in zip(texts, styles, strict=True)))


# Layout


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (20, "state order iterations levels"),
        (40, "state order title iterations levels"),
        (56, "state order title iterations levels now"),
        (60, "state order title iterations levels now age"),
        (80, "state order title iterations levels now age cost"),
        (120, "state order title iterations levels now age cost branch"),
    ],
)
def test_columns_make_room_by_priority(width: int, shown: str) -> None:
    placed = place_columns(COLUMNS, width)
    assert " ".join(COLUMNS[column.index].key for column in placed) == shown
    total = 2 + sum(column.width for column in placed) + len(placed) - 1
    flexible = any(COLUMNS[column.index].width is None for column in placed)
    assert total == width if flexible else width == 20


def test_flexible_columns_share_what_is_left() -> None:
    columns = [Column("a", "A"), Column("b", "B", 3), Column("c", "C")]
    assert [column.width for column in place_columns(columns, 40)] == [17, 3, 16]
    assert [column.width for column in place_columns(columns, 10)] == [8, 3, 8]


@pytest.mark.parametrize(
    ("text", "width", "align", "shown"),
    [
        ("abc", 5, "left", "abc  "),
        ("abc", 5, "right", "  abc"),
        ("abcdef", 5, "left", "abcd…"),
        ("漢字漢", 5, "left", "漢字…"),
        ("漢字漢", 4, "left", "漢 …"),
        ("abc", 0, "left", ""),
    ],
)
def test_a_cell_is_exactly_as_wide_as_its_column(text: str, width: int, align: str, shown: str) -> None:
    assert fit(text, width, "right" if align == "right" else "left") == shown


# The widget


class Host(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.table = VirtualTable(COLUMNS)
        self.told: list[tuple[str, str]] = []

    def compose(self) -> ComposeResult:
        yield self.table

    def get_line_filters(self) -> list[LineFilter]:
        return [*super().get_line_filters(), CONTROL_FILTER]

    def on_virtual_table_row_highlighted(self, message: VirtualTable.RowHighlighted) -> None:
        self.told.append(("at", message.key))

    def on_virtual_table_row_chosen(self, message: VirtualTable.RowChosen) -> None:
        self.told.append(("chosen", message.key))

    def frame(self) -> list[str]:
        """What is drawn, the column of the scrollbar left out."""
        return [strip.text[:-1].rstrip() for strip in self.screen._compositor.render_strips()]


@contextmanager
def drawn_rows(table: VirtualTable) -> Iterator[list[int]]:
    """The rows of the screen that were drawn meanwhile."""
    drawn: list[int] = []
    render_line = table.render_line
    table.render_line = lambda y: (drawn.append(y), render_line(y))[1]
    try:
        yield drawn
    finally:
        table.render_line = render_line


async def test_a_table_is_drawn_with_header_and_cursor() -> None:
    app = Host()
    async with app.run_test(size=(81, 10)) as pilot:
        app.table.set_rows([row(0), row(1, "x")])
        await pilot.pause()
        frame = app.frame()
        assert frame[0].split() == ["ST", "ORDER", "TITLE", "IT", "L0123", "NOW", "AGE", "COST"]
        assert frame[1].startswith("> +  o0000000 title 0")
        assert frame[2].startswith("  x  o0000001 title 1")
        assert frame[3] == ""
        assert app.told == [("at", "k0")]
        cursor = list(app.table.render_line(1))
        assert len(cursor) == 1 and cursor[0].style is not None and cursor[0].style.reverse


@pytest.mark.parametrize(("width", "last"), [(61, "AGE"), (81, "COST"), (121, "BRANCH")])
async def test_columns_drop_with_the_width_of_the_terminal(width: int, last: str) -> None:
    app = Host()
    async with app.run_test(size=(width, 10)) as pilot:
        app.table.set_rows([row(0)])
        await pilot.pause()
        assert app.frame()[0].split()[-1] == last
        await pilot.resize_terminal(41, 10)
        await pilot.pause(0.1)
        assert app.frame()[0].split()[-1] == "L0123"


async def test_keys_move_the_cursor_and_keep_it_in_view() -> None:
    app = Host()
    async with app.run_test(size=(80, 11)) as pilot:
        app.table.set_rows([row(i) for i in range(100)])
        await pilot.pause()
        places: list[tuple[int | None, int]] = []
        for key in ("k", "j", "down", "ctrl+d", "pagedown", "ctrl+u", "pageup", "G", "up", "home", "end", "g"):
            await pilot.press(key)
            places.append((app.table.cursor_index, app.table.scroll_offset.y))
        assert places == [
            (0, 0), (1, 0), (2, 0), (7, 0), (17, 8), (12, 8), (2, 2), (99, 90), (98, 90), (0, 0), (99, 90), (0, 0),
        ]  # fmt: skip
        await pilot.press("j", "enter")
        assert app.told[-1] == ("chosen", "k1")


async def test_a_move_of_the_cursor_redraws_two_rows() -> None:
    app = Host()
    async with app.run_test(size=(80, 11)) as pilot:
        app.table.set_rows([row(i) for i in range(100)])
        await pilot.pause()
        with drawn_rows(app.table) as drawn:
            await pilot.press("j")
            await pilot.pause()
        assert sorted(set(drawn)) == [1, 2]


async def test_one_changed_row_redraws_its_line_alone() -> None:
    app = Host()
    async with app.run_test(size=(80, 11)) as pilot:
        rows = [row(i) for i in range(100)]
        app.table.set_rows(rows)
        await pilot.pause()
        with drawn_rows(app.table) as drawn:
            rows[4] = row(4, "x")
            rows[50] = row(50, "x")
            app.table.set_rows(rows)
            await pilot.pause()
        assert set(drawn) == {5}
        with drawn_rows(app.table) as drawn:
            app.table.set_rows([row(i, "x" if i in (4, 50) else "+") for i in range(100)])
            await pilot.pause()
        assert drawn == []


async def test_the_cursor_stays_on_its_row_when_rows_are_inserted_or_reordered() -> None:
    app = Host()
    async with app.run_test(size=(80, 11)) as pilot:
        rows = [row(i) for i in range(8)]
        app.table.set_rows(rows)
        await pilot.press("j", "j")
        assert app.table.cursor_key == "k2"
        app.table.set_rows([row(100), *rows])
        await pilot.pause()
        assert (app.table.cursor_key, app.table.cursor_index) == ("k2", 3)
        assert app.frame()[4].startswith("> +  o0000002")
        app.table.set_rows(rows[::-1])
        await pilot.pause()
        assert (app.table.cursor_key, app.table.cursor_index) == ("k2", 5)
        assert sum(line.startswith(">") for line in app.frame()) == 1
        app.told.clear()
        app.table.set_rows([row for row in rows if row.key != "k2"])
        await pilot.pause()
        assert app.table.cursor_index == 5
        assert app.told == [("at", "k6")]
        app.table.set_rows([])
        await pilot.pause()
        assert app.table.cursor_key is None


async def test_while_scrolled_the_row_under_the_cursor_stays_where_it_is_on_the_screen() -> None:
    app = Host()
    async with app.run_test(size=(80, 11)) as pilot:
        rows = [row(i) for i in range(100)]
        app.table.set_rows(rows)
        app.table.move_to("k50")
        await pilot.pause()
        before = app.frame()
        app.table.set_rows([*(row(i) for i in range(200, 207)), *rows])
        await pilot.pause()
        assert app.frame() == before
        assert app.table.cursor_key == "k50"


async def test_a_hundred_thousand_rows_are_made_only_when_seen() -> None:
    made: list[int] = []

    def row_at(i: int) -> TableRow:
        made.append(i)
        return row(i)

    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_provider(100_000, row_at)
        await pilot.pause()
        assert len(set(made)) <= 24
        made.clear()
        await pilot.press("G")
        await pilot.pause()
        assert app.frame()[-1].startswith("> +  o0099999")
        assert set(made) <= set(range(99_970, 100_000))
        made.clear()
        app.table.set_provider(100_010, row_at)
        await pilot.pause()
        assert app.table.cursor_key == "k99999"
        assert len(set(made)) <= 400


async def test_the_mouse_moves_the_cursor_and_a_click_on_it_chooses() -> None:
    app = Host()
    async with app.run_test(size=(80, 11)) as pilot:
        app.table.set_rows([row(i) for i in range(5)])
        await pilot.pause()
        await pilot.click(VirtualTable, offset=(10, 3))
        assert app.told[-1] == ("at", "k2")
        await pilot.click(VirtualTable, offset=(10, 3))
        assert app.told[-1] == ("chosen", "k2")
        told = list(app.told)
        await pilot.click(VirtualTable, offset=(10, 0))
        await pilot.click(VirtualTable, offset=(10, 9))
        assert app.told == told


async def test_an_empty_table_says_what_would_be_there() -> None:
    app = Host()
    async with app.run_test(size=(80, 11)) as pilot:
        app.table.empty_text = SafeText("No orders yet.\nSubmit one with: agentgate submit")
        await pilot.press("j", "G", "enter")
        await pilot.pause()
        assert app.frame()[1:4] == ["  No orders yet.", "  Submit one with: agentgate submit", ""]
        app.table.set_rows([row(0)])
        await pilot.pause()
        assert app.frame()[1].startswith("> +")
        assert app.frame()[2] == ""


async def test_hostile_titles_are_drawn_as_text() -> None:
    app = Host()
    async with app.run_test(size=(80, 11)) as pilot:
        titles = ["[/foo]", "[@click=app.quit]x[/]", "[b]", "\x1b[2J", "a\x9bb", "a\u202eb", "\x00"]
        app.table.set_rows([row(i, title=title) for i, title in enumerate(titles)])
        await pilot.pause()
        frame = app.frame()
        assert "[/foo]" in frame[1] and "[@click=app" in frame[2] and "[b]" in frame[3]
        # These never were SafeText; the backstop still keeps them from the terminal.
        assert "\ufffd[2J" in frame[4] and "a\ufffdb" in frame[5]
        assert all(line.isprintable() for line in frame)
        await pilot.click(VirtualTable, offset=(14, 2))
        assert app.is_running


async def test_without_focus_the_cursor_still_shows() -> None:
    app = Host()
    async with app.run_test(size=(80, 11)) as pilot:
        app.table.set_rows([row(0)])
        await pilot.pause()
        app.set_focus(None)
        await pilot.pause()
        (cursor,) = app.table.render_line(1)
        assert cursor.text.startswith("> ") and cursor.style is not None and not cursor.style.reverse


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1bb", "a\ufffd"),
        ("a\x9bbc", "a\ufffdb"),
        ("\x07", ""),
        ("a\u2028b c", "a\ufffdb "),
        ("nbsp\u00a0", "nbsp\u00a0"),
    ],
)
def test_the_backstop_replaces_controls_and_keeps_a_line_as_wide_as_it_was(text: str, shown: str) -> None:
    clean = CONTROL_FILTER.apply([Segment(text)], Color(0, 0, 0))
    assert "".join(segment.text for segment in clean) == shown


def test_the_backstop_returns_a_clean_line_as_it_is() -> None:
    segments = [Segment("plain"), Segment("漢字 ✓")]
    assert CONTROL_FILTER.apply(segments, Color(0, 0, 0)) is segments


def test_a_squeezed_title_has_other_columns_dropped_first() -> None:
    columns = [Column("title", "TITLE", None, least=30), Column("age", "AGE", 5, priority=1)]
    assert [column.width for column in place_columns(columns, 38)] == [30, 5]
    assert [column.width for column in place_columns(columns, 37)] == [35]
