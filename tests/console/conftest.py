"""What the console's tests share: an app over a built store, at a moment that stands still."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from agentgate_tui.app import ConsoleApp
from tests.console.store_builder import NOW, STORES, FixedClock

MakeApp = Callable[..., ConsoleApp]


@pytest.fixture
def make_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeApp:
    """An app over the store of that name. The kernel's watch is off unless it is what is tested."""
    monkeypatch.delenv("NO_COLOR", raising=False)

    def make(name: str, **options: object) -> ConsoleApp:
        store = STORES[name](tmp_path / name)
        settings = {"environment": {}, "clock": FixedClock(NOW), "store_name": "~/agentgate", "watch": False, **options}
        return ConsoleApp(store, **settings)  # type: ignore[arg-type]

    return make


async def settled(pilot: Pilot[int]) -> None:
    """Wait until what was asked of the store is on the screen."""
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    for _ in range(200):
        await pilot.pause(0.02)
        focus = app.sync._focus
        opened = app.sync.open_run
        all_checked = len(app.sync.reader._checked) == len(app.store.run_ids())
        there = focus is None or (opened is not None and opened.run_id == focus[0])
        broken = sum(1 for _, why in app.sync.reader._checked.values() if why is not None)
        all_checked = all_checked and app.sync.queue is not None and len(app.sync.queue.view.unreadable) == broken
        if all_checked and there and _shows_focus(app):
            break
    before = ""
    for _ in range(40):
        await pilot.pause(0.04)
        if (now := shown(app)) == before:
            break
        before = now
    await pilot.pause()


def _shows_focus(app: ConsoleApp) -> bool:
    """Whether an iteration that was asked for is the one that was read."""
    focus, opened = app.sync._focus, app.sync.open_run
    if focus is None or opened is None or opened.views is None:
        return True
    wanted = focus[1] if focus[1] is not None else len(opened.views.order.iterations)
    return opened.iteration == wanted


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Press keys, each after what the one before asked for has come."""
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


def frame(app: ConsoleApp) -> list[str]:
    """The screen as text, a line each."""
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def shown(app: ConsoleApp) -> str:
    return "\n".join(frame(app))
