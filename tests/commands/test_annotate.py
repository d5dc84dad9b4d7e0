"""Pins and notes: what is said stays said, also in an index made anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentgate_engine.cli.main import run_command
from agentgate_engine.clock import Clock
from agentgate_engine.commands import annotate
from agentgate_engine.errors import UsageError
from agentgate_engine.store.annotations import Annotations
from agentgate_engine.store.recovery import rebuild_index
from agentgate_engine.store.store import Store

from ..store.support import open_store, queued, run_id, write_run

RUN = run_id(0)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store, index = open_store(tmp_path / "store")
    write_run(store, index, RUN, queued())
    index.close()
    monkeypatch.setenv("AGENTGATE_HOME", str(store.layout.root))
    return store


def test_a_pin_holds_until_it_is_taken_back(store: Store) -> None:
    clock = Clock()
    assert annotate.pin(store, RUN, clock).changed
    assert not annotate.pin(store, RUN, clock).changed
    assert annotate.pin(store, RUN, clock, reason="the case").changed
    rebuild_index(store)
    assert Annotations.read(store.layout).pins[RUN].reason == "the case"
    assert annotate.unpin(store, RUN, clock).changed
    assert not annotate.unpin(store, RUN, clock).changed
    assert Annotations.read(store.layout).pins == {}


def test_notes_are_kept_in_their_order(store: Store) -> None:
    for text in ("first", "second\nline"):
        annotate.note(store, RUN, text, Clock())
    assert [note.text for note in Annotations.read(store.layout).notes[RUN]] == ["first", "second\nline"]
    for text in ("", "  ", "x" * 4001, "\ud800"):
        with pytest.raises(UsageError):
            annotate.note(store, RUN, text, Clock())


def test_the_commands_and_show(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """upstream.md section 8: what an operator could not keep or remark can be, and is shown."""
    assert run_command(["pin", RUN[:4], "--reason", "the\x1b[2Jcase"]) == 0
    assert run_command(["note", RUN, "look", "here"]) == 0
    capsys.readouterr()
    assert run_command(["show", RUN]) == 0
    out = capsys.readouterr().out
    assert "pinned by " in out and ": thecase\n" in out and ": look here\n" in out and "\x1b" not in out
    assert run_command(["note", RUN, "--json"]) == 0
    assert [note["text"] for note in json.loads(capsys.readouterr().out)["notes"]] == ["look here"]
    assert run_command(["unpin", RUN, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"run_id": RUN, "pinned": False, "changed": True}
    assert run_command(["pin", "zzzz"]) == 2
