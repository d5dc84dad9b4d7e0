"""Whatever value stands in a record of the original, the run still opens in every view."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentgate_engine.errors import StoreError
from agentgate_engine.store.foreign.metrics import foreign_metrics
from agentgate_engine.store.line_reader import read_lines
from agentgate_engine.store.log_window import read_last_lines, read_log_lines
from agentgate_engine.views.call_detail import call_detail
from agentgate_engine.views.order_view import order_view
from agentgate_engine.views.timeline import timeline
from agentgate_engine.views.verification_view import verification_view
from agentgate_engine.views.why import why_view
from agentgate_engine.views.why_facts import LogReaders

from .foreign_support import copy_of, opened, put

NOW = 1795374000.0
RUNS = {"v0.2.24": "b3a7f650-80d6-4318-b5fa-f6316f36de0e", "v0.2.26": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaa26"}
ORDERS = {"v0.2.24": "tLmOQnZNzWod", "v0.2.26": "-p4ssed26-ab"}
ODD: tuple[object, ...] = (None, "", "\ud800\x1b[2J", -1, 1e308, float("nan"), [], [[{}]], {"": []}, True)
READERS = LogReaders(read_log_lines, read_last_lines)


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document, the document itself excepted."""
    if isinstance(value, dict):
        inner = list(value.items())
    else:
        inner = list(enumerate(value[:1])) if isinstance(value, list) else []
    for key, item in inner:
        yield (*path, key)
        yield from places(item, (*path, key))


def changed(document: object, path: tuple[str | int, ...], value: object) -> object:
    copy = json.loads(json.dumps(document))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


def look_at_everything(root: Path, run: str) -> None:
    store = opened(root)
    listed = store.listed()
    assert run in {row.id for row in listed.rows} | {key for key, _ in listed.unreadable}
    found = store.follow(store.find(run)[0]).read()
    order = order_view(found, NOW)
    for n in range(found.run.iteration + 1):
        why_view(found, n, READERS)
        verification_view(found, order, n)
        for bar in timeline(found, n, NOW).bars:
            assert call_detail(found, n, bar.id) is not None
        try:
            read_lines(found.layout.transcript(n))
        except StoreError:
            assert f"agent-{n}.json" in dict(found.unreadable)
    foreign_metrics(found).to_json()
    found.run.to_json()


@pytest.mark.parametrize("generation", RUNS)
@pytest.mark.parametrize("name", ["run.json", "agent-1.json", "verification-1.json", "iteration-1.json", "order"])
def test_an_odd_value_anywhere_in_a_record_hurts_no_view(tmp_path: Path, generation: str, name: str) -> None:
    """upstream.md section 6: what a record says is taken as far as it can be, and nothing stops the rest."""
    root, run = copy_of(generation, tmp_path / "store"), RUNS[generation]
    file = root / "work-orders" / f"{ORDERS[generation]}.json" if name == "order" else root / "runs" / run / name
    document = json.loads(file.read_text())
    for number, path in enumerate(places(document)):
        for value in (ODD[number % len(ODD)], ODD[(number * 3 + 1) % len(ODD)]):
            put(file, changed(document, path, value))
            look_at_everything(root, run)
    for whole in ODD:
        put(file, json.dumps(whole))
        look_at_everything(root, run)
