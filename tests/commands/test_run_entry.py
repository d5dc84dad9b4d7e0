"""Entering a run, and taking it back, beside others who may be at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_engine.clock import Clock
from agentgate_engine.commands.requeue import requeue
from agentgate_engine.commands.run_entry import take_back_run
from agentgate_engine.errors import UsageError
from agentgate_engine.models.ids import order_of
from agentgate_engine.store.locks import FileLock

from ..store.support import open_store, queued, run_id, write_run

RUN = run_id(0)


def test_a_run_that_an_engine_has_is_not_taken_back(tmp_path: Path) -> None:
    """A submit that was interrupted after its queue row: the order is in, and being worked."""
    store, index = open_store(tmp_path / "store")
    write_run(store, index, RUN, queued())
    layout = store.layout.run(RUN)
    with FileLock.acquire(layout.lock):
        assert take_back_run(store, index, RUN) is False
    assert layout.events.is_file() and index.row(RUN) is not None
    assert take_back_run(store, index, RUN) is True
    assert not layout.directory.exists() and index.row(RUN) is None
    index.close()


def test_a_requeue_waits_for_who_has_the_newest_run(tmp_path: Path) -> None:
    """Whoever tidies up takes an order away with its last run, under that run's lock: no new run is made meanwhile."""
    store, index = open_store(tmp_path / "store")
    write_run(store, index, RUN, queued())
    index.close()
    with FileLock.acquire(store.layout.run(RUN).lock), pytest.raises(UsageError, match="tidied up"):
        requeue(store, order_of(RUN), Clock())
    assert store.run_ids() == [RUN]
