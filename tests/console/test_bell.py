"""The bell rings for what the operator's rules name, when it happens, and for nothing that was so before."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from agentgate_engine.views.queue_view import QueueLine, QueueView, queue_view
from agentgate_engine.views.safe_text import SafeText
from agentgate_engine.views.wording import PASSED
from agentgate_tui.bell import Bell
from agentgate_tui.snapshots import QueueSnapshot
from tests.console.conftest import MakeApp, settled, shown

EMPTY = queue_view([], unreadable=[], engines=0, now=0.0)
NOTHING = SafeText("")
LINE = QueueLine(
    run_id="a.1", order_id="a", state="queued", shown=PASSED, title=NOTHING, iterations="", levels="....",
    now=NOTHING, age="", cost="", tokens="", agent=NOTHING, repository=NOTHING, position=None, warnings=0,
    error_type=None, error=NOTHING,
)  # fmt: skip


def view(**states: str) -> QueueView:
    lines = tuple(dataclasses.replace(LINE, run_id=run, state=state) for run, state in states.items())
    return dataclasses.replace(EMPTY, lines=lines)


@pytest.mark.parametrize(
    ("event", "before", "after", "rings"),
    [
        ("run:failed", "building", "failed", True),
        ("run:failed", "queued", "failed", True),
        ("run:failed", "failed", "failed", False),
        ("run:failed", "building", "succeeded", False),
        ("run:complete", "verifying", "succeeded", True),
        ("run:canceled", "building", "canceled", True),
        ("run:started", "queued", "leased", True),
        ("run:started", "leased", "building", False),
        ("run:started", "queued", "queued", False),
    ],
)
def test_what_rings(event: str, before: str, after: str, rings: bool) -> None:
    """upstream.md 10.4: the terminal bell rule."""
    bell = Bell({event})
    assert bell.rings_for(view(a=before)) is False
    assert bell.rings_for(view(a=after)) is rings
    assert bell.rings_for(view(a=after)) is False


def test_a_run_that_comes_into_view_does_not_ring() -> None:
    bell = Bell({"run:failed"})
    assert bell.rings_for(view()) is False
    assert bell.rings_for(view(a="failed")) is False
    assert bell.rings_for(view(a="failed", b="building")) is False
    assert bell.rings_for(view(a="failed", b="failed")) is True


def test_without_rules_nothing_rings() -> None:
    bell = Bell()
    bell.rings_for(view(a="building"))
    assert bell.rings_for(view(a="failed")) is False


async def test_the_console_rings_by_the_operator_s_file(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """upstream.md 10.4: from the file to the terminal."""
    file = tmp_path / "config" / "agentgate" / "notifications.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("- on: run:failed\n  bell: true\n")
    app = make_app("live", environment={"XDG_CONFIG_HOME": str(tmp_path / "config")})
    rung: list[str] = []
    monkeypatch.setattr(app, "bell", lambda: rung.append("ring"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        while any(worker.group == "bell" for worker in app.workers):
            await pilot.pause(0.01)
        assert rung == []
        app.queue_changed(QueueSnapshot(view(a="building")))
        app.queue_changed(QueueSnapshot(view(a="failed")))
        assert rung == ["ring"]


async def test_a_broken_file_is_told_and_the_console_goes_on(make_app: MakeApp, tmp_path: Path) -> None:
    file = tmp_path / "config" / "agentgate" / "notifications.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("- on: run:fialed\n  bell: true\n")
    app = make_app("live", environment={"XDG_CONFIG_HOME": str(tmp_path / "config")})
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await settled(pilot)
        while any(worker.group == "bell" for worker in app.workers):
            await pilot.pause(0.01)
        await settled(pilot)
        assert "did you mean" in " ".join(shown(app).split())
