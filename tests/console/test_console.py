"""The console driven by keys: what each does is what the help says it does."""

from __future__ import annotations

import json

import pytest
from textual.filter import LineFilter
from textual.widgets import Button

from agentgate_engine.commands import cancel, engines
from agentgate_engine.commands.cancel import CancelResult
from agentgate_engine.models.ids import RunId
from agentgate_tui.screens.confirm import ConfirmScreen
from agentgate_tui.screens.order import OrderScreen
from agentgate_tui.screens.queue import QueueScreen
from agentgate_tui.screens.reader import ReaderScreen
from agentgate_tui.screens.why import WhyScreen
from agentgate_tui.widgets.fact_list import FactList
from agentgate_tui.widgets.log_view import LogView
from agentgate_tui.widgets.virtual_table import VirtualTable
from tests.console.conftest import MakeApp, frame, press, settled, shown
from tests.console.store_builder import OPENED

SIZE = (80, 24)


async def test_the_cause_of_a_failure_is_on_the_first_screen(make_app: MakeApp) -> None:
    app = make_app("failed")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        text = shown(app)
        assert "tests/test_parse.py:41" in text
        assert "src/parse.py last touched by tool call #3" in text


async def test_keys_go_down_and_up_and_q_quits_only_at_the_root(make_app: MakeApp) -> None:
    app = make_app("failed")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "enter")
        assert isinstance(app.screen, OrderScreen)
        await press(pilot, "w")
        assert isinstance(app.screen, WhyScreen)
        await press(pilot, "q")
        assert isinstance(app.screen, OrderScreen)
        await press(pilot, "escape")
        assert isinstance(app.screen, QueueScreen)
        await press(pilot, "escape")
        assert app.is_running
        await pilot.press("q")
        await pilot.pause()
    assert app.return_code == 0


@pytest.mark.parametrize(
    ("key", "widget", "words"),
    [
        ("l", "log", "The test is wrong, moving on."),
        ("t", "tools", "pytest -q -x"),
        ("v", "verify", "tests/test_parse.py:41"),
        ("d", "diff", "+    # Windows line ends"),
        ("f", "feedback", "No feedback was sent after this iteration"),
        ("m", "matrix", "failed it 2"),
        ("i", "facts", "/srv/repos/parser"),
    ],
)
async def test_a_pane_is_one_key_away(make_app: MakeApp, key: str, widget: str, words: str) -> None:
    app = make_app("failed")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, key)
        assert app.focused is not None
        assert app.focused.id == widget
        assert words in shown(app)


async def test_the_iteration_changes_in_every_pane(make_app: MakeApp) -> None:
    app = make_app("failed")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await settled(pilot)
        await press(pilot, "f", "left_square_bracket", "left_square_bracket")
        assert "> it 1" in frame(app)[0]
        text = shown(app)
        assert "feedback it 1" in text
        assert "tool calls it 1" in text
        assert "The checks found problems." in text
        await press(pilot, "left_square_bracket")
        assert "there is no such iteration" in shown(app)


async def test_why_leads_to_the_evidence(make_app: MakeApp) -> None:
    app = make_app("failed")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "w", "l")
        assert isinstance(app.screen, ReaderScreen)
        assert any(line.startswith("> 12 E       AssertionError") for line in frame(app))
        await press(pilot, "q", "2")
        assert isinstance(app.screen, ReaderScreen)
        assert "changed, as measured in the workspace" in shown(app)
        await press(pilot, "q", "j", "enter")
        assert isinstance(app.screen, OrderScreen)
        assert app.focused is not None
        assert app.focused.id == "tools"
        await press(pilot, "q", "5")
        assert isinstance(app.screen, OrderScreen)
        assert "The checks found problems." in shown(app)
        await press(pilot, "q")
        facts = app.screen.query_one(FactList)
        assert facts.fact is not None
        assert facts.fact.key == "SENT"


async def test_why_answers_for_every_run(make_app: MakeApp) -> None:
    app = make_app("failed")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        table = app.screen.query_one(VirtualTable)
        for run, words in (
            ("kcras2aa.1", "Cannot find module 'undici'"),
            ("ktime2aa.1", "10m00s, its limit"),
            ("kcanc2aa.1", "wrong branch"),
            ("kpass2aa.1", "git merge agentgate/kpass2aa.1"),
        ):
            table.move_to(run)
            await settled(pilot)
            await press(pilot, "w")
            assert words in shown(app), run
            await press(pilot, "q")


async def test_the_filter_narrows_says_so_and_is_peeled_off(make_app: MakeApp) -> None:
    app = make_app("failed")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "slash", *"st:fail")
        table = app.screen.query_one(VirtualTable)
        assert table.row_count == 3
        await press(pilot, "enter")
        assert "/st:fail" in frame(app)[0]
        await press(pilot, "slash", *" nothing", "enter")
        assert "No run matches  st:fail nothing" in shown(app)
        assert "esc clears the filter" in shown(app)
        await press(pilot, "escape")
        assert table.row_count == 5


async def test_a_filter_that_cannot_be_read_leaves_the_last_good_one(make_app: MakeApp) -> None:
    app = make_app("failed")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "slash", *"crlf", "enter", "slash", "space", *"nope:x")
        assert "there is no field" in shown(app)
        assert app.screen.query_one(VirtualTable).row_count == 1


async def test_the_words_about_a_bad_filter_go_away(make_app: MakeApp) -> None:
    app = make_app("failed")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        for leave in (("escape",), ("slash", "escape"), ("slash", "backspace", *"crlf", "enter")):
            await press(pilot, "slash", *"nope:x", "enter")
            assert "there is no field" in shown(app)
            await press(pilot, *leave)
            assert "there is no field" not in shown(app), leave


async def test_a_filter_by_level_and_with_blanks(make_app: MakeApp) -> None:
    app = make_app("failed")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "slash", *"level:L2 st:fail", "enter")
        rows = app.screen.query_one(VirtualTable).row_count
        assert 1 <= rows <= 3
        assert "No run matches" not in shown(app)


async def test_a_search_counts_and_goes_on(make_app: MakeApp) -> None:
    app = make_app("failed")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "l", "slash", *"parse", "enter")
        view = app.screen.query_one("#log", LogView)
        assert view.search.matches == 5
        first = view.search.here
        await press(pilot, "n")
        assert view.search.here != first
        assert "of 5 (n N)" in shown(app)
        await press(pilot, "escape")
        assert view.search.needle is None
        assert isinstance(app.screen, OrderScreen)


async def test_a_line_that_is_appended_reaches_the_log(make_app: MakeApp) -> None:
    app = make_app("live", watch=True)
    run = OPENED["live"]
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        app.screen.query_one(VirtualTable).move_to(run)
        await settled(pilot)
        await press(pilot, "l")
        record = {"seq": 9, "t": "2025-10-09T09:00:00.000Z", "kind": "message", "text": "a new line", "raw": [0, 1]}
        with app.store.layout.run(run).transcript(1).open("a") as file:
            file.write(json.dumps(record) + "\n")
        for _ in range(100):
            await pilot.pause(0.01)
            if "a new line" in shown(app):
                break
        assert "a new line" in shown(app)
        assert "following" in shown(app)


async def test_following_pauses_on_scroll_and_counts(make_app: MakeApp) -> None:
    app = make_app("live")
    run = OPENED["live"]
    path = app.store.layout.run(run).transcript(1)
    record = json.dumps({"seq": 9, "t": "", "kind": "message", "text": "more", "raw": [0, 1]}) + "\n"
    with path.open("a") as file:
        file.write(record * 100)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        app.screen.query_one(VirtualTable).move_to(run)
        await settled(pilot)
        await press(pilot, "l", "k")
        with path.open("a") as file:
            file.write(record * 3)
        app.logs_grew()
        await settled(pilot)
        assert "PAUSED, 3 new lines (F)" in shown(app)
        await press(pilot, "F")
        assert "following" in shown(app)


async def test_a_record_that_cannot_be_read_is_a_row_with_the_reason(make_app: MakeApp) -> None:
    app = make_app("hostile")
    async with app.run_test(size=(120, 24)) as pilot:
        await settled(pilot)
        text = shown(app)
        assert "cannot be read: run.json is no JSON" in text
        assert "trailing comma" in text
        app.screen.query_one(VirtualTable).move_to("kbrok3aa.1")
        await settled(pilot)
        await press(pilot, "i")
        assert "events.jsonl: ~/agentgate/runs/kbrok3aa.1/events.jsonl" in shown(app)


async def test_cancel_names_its_target_and_stands_on_no(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[RunId] = []

    def record(store: object, run: RunId, clock: object, **_: object) -> CancelResult:
        asked.append(run)
        return CancelResult(run, "done", "canceled")

    monkeypatch.setattr(cancel, "cancel", record)
    app = make_app("live")
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settled(pilot)
        app.screen.query_one(VirtualTable).move_to(OPENED["live"])
        await settled(pilot)
        await press(pilot, "x", "enter")
        assert isinstance(app.screen, ConfirmScreen)
        assert "Cancel run klive2aa.1?" in shown(app)
        assert isinstance(app.focused, Button)
        assert app.focused.id == "no"
        await press(pilot, "enter")
        assert asked == []
        await press(pilot, "x", "enter", "y")
        assert asked == [OPENED["live"]]
        assert "run klive2aa.1 is canceled" in shown(app)


async def test_the_engine_is_started_by_a_key_and_by_nothing_else(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    monkeypatch.setattr(engines, "start_engine", lambda store, environment: started.append(store) or "e-new")
    app = make_app("live")
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settled(pilot)
        assert "s starts one" in shown(app)
        assert started == []
        await press(pilot, "s")
        assert len(started) == 1
        assert "engine e-new is alive" in shown(app)


async def test_copying_sends_what_is_meant(make_app: MakeApp) -> None:
    app = make_app("failed")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "w", "Y")
        assert app.clipboard == "agentgate://kfail2aa.1\nagentgate why kfail2aa.1"
        await press(pilot, "y")
        assert app.clipboard.startswith("L2/unit  test_crlf_roundtrip")


async def test_an_empty_store_says_what_would_stand_there(make_app: MakeApp) -> None:
    app = make_app("empty", notice="demo: its store is ~/agentgate")
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settled(pilot)
        text = shown(app)
        assert "No orders yet." in text
        assert "from the queue to its end." in text
        await press(pilot, "x")
        assert "there is no run here" in shown(app)
        assert "Looked in ~/agentgate" in text
        assert "agentgate submit" in text
        assert "demo: its store is" in frame(app)[0]


async def test_when_the_watch_dies_the_screen_says_so(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    from agentgate_tui import sync

    def broken(*_: object, **__: object) -> object:
        raise OSError("inotify limit reached")

    monkeypatch.setattr(sync, "awatch", broken)
    app = make_app("failed", watch=True)
    async with app.run_test(size=(120, 24)) as pilot:
        await settled(pilot)
        assert "POLLING: the file watch ended: inotify" in frame(app)[0]


@pytest.mark.parametrize("key", ["", "enter", "w", "l", "t", "v", "d", "f", "m", "i"])
async def test_nothing_but_text_reaches_the_screen(
    make_app: MakeApp, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the backstop: no widget may rely on it."""
    app = make_app("hostile")
    monkeypatch.setattr(app, "get_line_filters", lambda: list[LineFilter]())
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        app.screen.query_one(VirtualTable).move_to(OPENED["hostile"])
        await settled(pilot)
        if key:
            await press(pilot, key)
        if key == "t":
            await press(pilot, "enter")
        for strip in app.screen._compositor.render_strips():
            for segment in strip:
                assert segment.text.isprintable(), repr(segment.text)
        app.say("\x1b[2J [/foo] [@click=app.quit]x[/]")
        await pilot.pause()
        assert app.is_running


async def test_in_ascii_nothing_else_is_drawn(make_app: MakeApp) -> None:
    app = make_app("failed", ascii_only=True)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "w")
        for y in range(24):
            line = app.screen._compositor.render_strips()[y]
            for found in app.get_line_filters():
                line = line.apply_filter(found, app.background_colors[1])
            assert line.text.isascii(), line.text
