"""The console on a store of the original AgentGate: everything can be read, nothing can be changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agentgate_tui.app import ConsoleApp
from agentgate_tui.screens.menu import MenuScreen
from tests.console.conftest import frame, press, settled, shown
from tests.console.store_builder import FixedClock
from tests.store.foreign_support import ORDER, OTHER, RUN, copy_of, opened, put, run_record, small_store, state_of

SENTENCE = "READ-ONLY: a store of the original AgentGate (v0.2.24)"
NOW = 1795374000.0  # 2026-11-22T21:00:00Z
Open = Callable[..., ConsoleApp]
PANES = (
    ("l", "Changed the greeting, should be right now."),
    ("v", "· not run"),
    ("d", "No patch of this iteration is in the store."),
    ("f", "Feedback was sent after this iteration; the original did not keep it."),
    ("m", "L1 greeting-says-hello"),
    ("t", "No tool call is on record for this iteration."),
    ("i", "the original AgentGate (v0.2.24); it is only read"),
    ("w", "FAIL greeting.txt:1: expected hello, got"),
)


@pytest.fixture
def open_store(monkeypatch: pytest.MonkeyPatch) -> Open:
    """An app over a store of the original."""
    monkeypatch.delenv("NO_COLOR", raising=False)

    def make(root: Path, **options: object) -> ConsoleApp:
        settings = {
            "environment": {},
            "clock": FixedClock(NOW),
            "store_name": "~/.agentgate",
            "watch": False,
            **options,
        }
        return ConsoleApp(opened(root), **settings)  # type: ignore[arg-type]

    return make


async def test_every_order_stands_in_the_list_and_the_store_is_named(tmp_path: Path, open_store: Open) -> None:
    """Acceptance 7 and DESIGN 4: at 80x24 all 12 orders, and that the store is only read."""
    root = copy_of("v0.2.24", tmp_path / "store")
    before = state_of(root)
    app = open_store(root)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        text = shown(app)
        assert frame(app)[0].endswith("READ-ONLY")
        assert frame(app)[1] == SENTENCE
        assert all(order.stem in text for order in (root / "work-orders").iterdir())
        assert text.count("✗ FAIL") == 4
        await press(pilot, "j")
        assert "nobody here knows whether it still runs" in shown(app)
    assert state_of(root) == before


@pytest.mark.parametrize("key", ["x", "s"])
async def test_keys_that_would_change_something_say_why_they_do_not(tmp_path: Path, open_store: Open, key: str) -> None:
    """No mutating action is offered, and its key answers with the sentence."""
    app = open_store(copy_of("v0.2.24", tmp_path / "store"))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await settled(pilot)
        assert "x actions" not in frame(app)[-1]
        assert "s start engine" not in frame(app)[-1]
        said: list[str] = []
        app.say = lambda words, *, error=False: said.append(words)  # type: ignore[method-assign]
        await press(pilot, "j", key)
        assert not isinstance(app.screen, MenuScreen)
        assert said == [SENTENCE]
        app.start_engine()
        app.cancel_run(app.screen.run_here())  # type: ignore[attr-defined]
        assert said == [SENTENCE] * 3


async def test_every_pane_of_a_run_reads(tmp_path: Path, open_store: Open) -> None:
    """upstream.md 2.4, 3.4: log, gates, facts and the cause of a run of the original."""
    app = open_store(copy_of("v0.2.24", tmp_path / "store"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press(*"jjjjjjjjj")
        await press(pilot, "enter", "left_square_bracket")
        for key, words in PANES:
            await press(pilot, key)
            assert words in shown(app), key
            assert "b3a7f650" in frame(app)[0]


async def test_the_output_of_a_failed_check_is_one_key_away(tmp_path: Path, open_store: Open) -> None:
    app = open_store(copy_of("v0.2.24", tmp_path / "store"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press(*"jjjjjjjjj")
        await press(pilot, "enter", "enter")
        text = shown(app)
        assert "L1/greeting-says-hello" in text
        assert "Exit code: 1, expected: 0" in text


async def test_what_cannot_be_read_is_in_the_list(tmp_path: Path, open_store: Open) -> None:
    """upstream.md L9: a corrupt record is listed with its reason, and so is the rest."""
    root = copy_of("v0.2.24", tmp_path / "store")
    put(root / "runs/9cf792ff-03b6-4d8e-b521-25e947a41baf/run.json", "{")
    app = open_store(root)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        text = shown(app)
        assert "cannot be read: run.json is no JSON" in text
        assert "WhRo1phVbYgS" in text
        await press(pilot, "g", "enter")
        assert "every check passed" in shown(app) or "pass" in shown(app)


async def test_two_runs_of_one_order_are_told_apart(tmp_path: Path, open_store: Open) -> None:
    root = small_store(tmp_path)
    other = "f" + OTHER[1:]
    put(root / "runs" / other / "run.json", run_record(id=other, startedAt="2026-11-22T12:00:00.000Z"))
    app = open_store(root)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert f"{ORDER} {RUN[:8]}" in shown(app)
        assert f"{ORDER} {other[:8]}" in shown(app)


async def test_a_store_that_the_original_still_writes_is_followed(tmp_path: Path, open_store: Open) -> None:
    """The files may change under the console: rows, orders and the run that is open come up to date."""
    root = small_store(tmp_path, run=run_record(state="building", result=None, completedAt=None))
    app = open_store(root, watch=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        assert "recorded as building" in shown(app)
        put(root / "runs" / RUN / "agent-1.json", {"success": True, "stdout": "made it\n"})
        put(root / "runs" / RUN / "run.json", run_record())
        put(root / "work-orders" / "new0rder.json", {"id": "new0rder", "status": "queued", "taskPrompt": "Later."})
        for _ in range(200):
            await pilot.pause(0.05)
            if "new0rder" in shown(app) and "✓ pass" in shown(app):
                break
        assert "new0rder" in shown(app)
        assert "✓ pass" in shown(app)
        await press(pilot, "g", "l")
        assert "made it" in shown(app)
        assert frame(app)[0].endswith("READ-ONLY")
