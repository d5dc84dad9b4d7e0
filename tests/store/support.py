"""Runs in a store without an engine: a submit's files, and events written as an engine would."""

from __future__ import annotations

from pathlib import Path

from agentgate_engine.clock import Clock
from agentgate_engine.event_bus import Emission
from agentgate_engine.models.events import Payload, RunQueued
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.run import Run
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.store.index import Index
from agentgate_engine.store.store import Store


def queued(title: str = "order", priority: int = 0) -> RunQueued:
    return RunQueued(
        title=title,
        agent="command",
        repository="/nowhere",
        branch="agentgate/x",
        base_commit="0" * 40,
        max_iterations=3,
        priority=priority,
        left_out=[],
        warnings=[],
    )


def run_id(number: int) -> RunId:
    """A run id for each number, in order."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    name = ""
    for _ in range(8):
        number, digit = divmod(number, 26)
        name = letters[digit] + name
    return RunId(f"{name}.1")


def write_run(store: Store, index: Index, run: RunId, *payloads: Payload, fence: int = 0) -> Run:
    """Write a run's events as the holder of its lock."""
    persister = ResultPersister.open(store, index, Clock(), run, fence)
    try:
        for payload in payloads:
            persister.write(Emission(payload))
        return persister.run
    finally:
        persister.close()


def open_store(root: Path) -> tuple[Store, Index]:
    store = Store.create_or_open(root)
    return store, Index.open_writable(store.layout)
