"""Blocking work that an event loop waits for, and can stop."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from agentgate_engine.errors import WorkspaceError
from agentgate_engine.threads import stop_in_thread
from agentgate_engine.workspace.git import Git


async def test_a_cancel_stops_the_work_and_waits_for_its_end() -> None:
    begun, ended = threading.Event(), threading.Event()

    def work(stopped: threading.Event) -> None:
        begun.set()
        assert stopped.wait(30)
        ended.set()
        raise ValueError("nobody hears of this")

    task = asyncio.create_task(stop_in_thread(work))
    await asyncio.to_thread(begun.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_work_that_is_not_stopped_gives_its_value_or_raises() -> None:
    assert await stop_in_thread(lambda stopped: stopped.is_set()) is False
    with pytest.raises(ZeroDivisionError):
        await stop_in_thread(lambda _: 1 // 0)


def test_a_git_that_hangs_ends_when_it_is_stopped(tmp_path: Path) -> None:
    """upstream.md L2: a push to a server that never answers does not hold up a cancel for its ten minutes."""
    stopped = threading.Event()
    git = Git(directory=tmp_path, stopped=stopped, config=(("alias.hang", "!sleep 600"),))
    threading.Timer(0.3, stopped.set).start()
    with pytest.raises(WorkspaceError):
        git.run("hang")


def test_a_git_that_could_be_stopped_and_is_not_gets_all_of_its_input(tmp_path: Path) -> None:
    git = Git(directory=tmp_path, stopped=threading.Event(), config=(("alias.slow", "!sleep 0.3; cat"),))
    content = b"x" * 300_000
    assert git.run("slow", stdin=content).stdout == content
