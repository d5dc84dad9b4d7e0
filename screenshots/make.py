"""Makes the pictures of the README from a real demo: `python screenshots/make.py`.

The demo's engine works its orders while the console runs without a terminal; each picture is what it shows then.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")

from textual.pilot import Pilot

from agentgate_engine.demo.stage import Stage, set_stage
from agentgate_engine.models.ids import RunId
from agentgate_tui.app import ConsoleApp

HERE = Path(__file__).parent


async def shoot() -> None:
    """Run the demo and take the pictures."""
    stage = set_stage(os.environ)
    over = threading.Event()
    threading.Thread(target=stage.cancel_what_hangs, args=(over,), daemon=True).start()
    try:
        await take(stage, "queue", (110, 30), live)
        await take(stage, "order", (120, 40), order)
        await take(stage, "why", (100, 30), why)
        await take(stage, "queue-80x24", (80, 24), ended)
        await take(stage, "why-80x24", (80, 24), why)
    finally:
        over.set()
        shutil.rmtree(stage.root, ignore_errors=True)


async def take(stage: Stage, name: str, size: tuple[int, int], act: Callable[..., object]) -> None:
    """One picture: open the console, act, save what is shown."""
    app = ConsoleApp(stage.store, environment=dict(os.environ), notice=stage.notice, store_name="/tmp/demo/store")
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.5)
        await act(pilot, stage)  # pyright: ignore[reportGeneralTypeIssues]
        await pilot.pause(0.3)
        (HERE / f"{name}.svg").write_text(app.export_screenshot(title="agentgate"))


async def live(pilot: Pilot[int], stage: Stage) -> None:
    """Some have ended, some run, some wait."""
    while len(stage.unfinished()) > 6:
        await pilot.pause(0.1)
    await pilot.pause(1)
    await pilot.press("g", *(["j"] * 5))


async def ended(pilot: Pilot[int], stage: Stage) -> None:
    """All have ended."""
    while stage.unfinished():
        await pilot.pause(0.1)
    await go_to(pilot, stage, "round the totals")


async def why(pilot: Pilot[int], stage: Stage) -> None:
    """The answer to `w` on the failed check."""
    await ended(pilot, stage)
    await pilot.press("w")
    await pilot.pause(0.5)


async def order(pilot: Pilot[int], stage: Stage) -> None:
    """The order that passed after feedback."""
    while stage.unfinished():
        await pilot.pause(0.1)
    await go_to(pilot, stage, "must not oversell")
    await pilot.press("enter")
    await pilot.pause(0.8)


async def go_to(pilot: Pilot[int], stage: Stage, words: str) -> None:
    """Put the cursor on the run whose title has these words: the newest submission stands on top."""
    ids: list[RunId] = [run for run, order in stage.runs if words in order.title]
    await pilot.pause(0.3)
    from agentgate_tui.widgets.virtual_table import VirtualTable

    pilot.app.screen.query_one(VirtualTable).move_to(ids[0])
    await pilot.pause(0.3)


if __name__ == "__main__":
    asyncio.run(shoot())
