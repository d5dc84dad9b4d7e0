"""One run read together, when some of it cannot be read."""

from __future__ import annotations

from pathlib import Path

from agentgate_engine.models.events import RunStarted, RunWarned
from agentgate_engine.store.run_evidence import RunEvidenceReader
from tests.store.support import open_store, queued, run_id, write_run


def test_events_before_an_unreadable_one_are_shown_and_the_fault_is_told_each_time(tmp_path: Path) -> None:
    """The good events of the same read were thrown away, and a second look no longer told of the fault."""
    store, index = open_store(tmp_path / "store")
    run = run_id(1)
    write_run(store, index, run, queued(), RunStarted(engine="e-1"))
    with store.layout.run(run).events.open("ab") as log:
        log.write(b"{not json}\n")
    reader = RunEvidenceReader(store, run)
    for _ in range(2):
        evidence = reader.read()
        assert [event.type.value for event in evidence.events] == ["run:queued", "run:started"]
        assert [name for name, _ in evidence.unreadable] == ["events.jsonl"]
        assert evidence.run.engine == "e-1"
    index.close()


def test_a_second_look_reads_only_what_is_new(tmp_path: Path) -> None:
    store, index = open_store(tmp_path / "store")
    run = run_id(1)
    write_run(store, index, run, queued())
    reader = RunEvidenceReader(store, run)
    first = reader.read()
    write_run(store, index, run, RunWarned(warning="w", message="m"))
    second = reader.read()
    assert second.events[: len(first.events)] == first.events
    assert [warning.message for warning in second.run.warnings] == ["m"]
    index.close()
