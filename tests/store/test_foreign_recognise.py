"""Which AgentGate wrote a directory, and of which generation."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_engine.errors import StoreError
from agentgate_engine.store.foreign.recognise import V18, V24, V26, generation_of, recognise
from agentgate_engine.store.foreign.records import Fields
from agentgate_engine.store.root import make_root, open_root

from .foreign_support import GENERATIONS, RUN, copy_of, put, run_record, small_store, state_of


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_three_generations_are_told_apart(tmp_path: Path, generation: str) -> None:
    """upstream.md section 6: three generations without a version in them."""
    kind = recognise(copy_of(generation, tmp_path / "store"))
    assert kind is not None
    assert kind.name == f"a store of the original AgentGate ({generation})"


@pytest.mark.parametrize(
    ("names", "run", "iterations", "kind"),
    [
        ((), {}, [], None),
        ((), {"workspaceId": "ws-1"}, [{"startedAt": "x", "state": "leased"}], V18),
        ((), {}, [{"startedAt": "x", "agentResultFile": None}], V24),
        (("agent-1.json", "run.json"), {"workspaceId": "ws-1"}, [], V24),
        (("agent-1.json",), {"workspaceId": "/home/op/project"}, [], V26),
        (("agent-1.json",), {}, [{"startTime": "x"}], V26),
        (("agent-x.json", "agents-1.json"), {}, [], None),
    ],
)
def test_a_generation_shows_in_what_only_it_wrote(
    names: tuple[str, ...], run: dict[str, object], iterations: list[dict[str, object]], kind: str | None
) -> None:
    """upstream.md section 6: v26 is told apart by the key startTime."""
    assert generation_of(names, Fields(run), map(Fields, iterations)) == kind


def test_an_upgraded_store_is_of_every_generation_in_it(tmp_path: Path) -> None:
    root = small_store(tmp_path)
    put(root / "runs" / RUN / "iteration-1.json", {"iteration": 1, "startTime": "2026-11-22T10:00:00.000Z"})
    put(root / "runs" / "old" / "run.json", run_record())
    put(root / "runs" / "old" / "iteration-1.json", {"iteration": 1, "startedAt": "2026-11-22T10:00:00.000Z"})
    kind = recognise(root)
    assert kind is not None
    assert kind.generation == "v0.2.18 and v0.2.26"


def test_a_store_that_tells_nothing_is_of_the_original_all_the_same(tmp_path: Path) -> None:
    put(tmp_path / "work-orders" / "q.json", {"id": "q", "status": "queued"})
    kind = recognise(tmp_path)
    assert kind is not None
    assert kind.name == "a store of the original AgentGate"


@pytest.mark.parametrize(
    "content",
    [[], ["letters.txt"], ["runs/"], ["runs/exp1/"], ["engines/", "runs/", "work-orders/"], ["index.db", "runs/"]],
)
def test_what_the_original_did_not_write_is_not_taken_for_its_store(tmp_path: Path, content: list[str]) -> None:
    for name in content:
        (tmp_path / name).mkdir(parents=True) if name.endswith("/") else (tmp_path / name).write_text("x")
    assert recognise(tmp_path) is None
    assert recognise(tmp_path / "nowhere") is None


def test_a_store_of_ours_is_never_foreign(tmp_path: Path) -> None:
    make_root(tmp_path / "store")
    put(tmp_path / "store" / "runs" / RUN / "run.json", run_record())
    assert recognise(tmp_path / "store") is None


@pytest.mark.parametrize("generation", GENERATIONS)
def test_opening_one_for_writing_is_refused_and_says_how_to_look_at_it(tmp_path: Path, generation: str) -> None:
    """DESIGN 4: opened read-only, never written, and named to the operator with how to open it."""
    root = copy_of(generation, tmp_path / "store")
    before = state_of(root)
    for opening in (make_root, open_root):
        with pytest.raises(StoreError) as refused:
            opening(root)
        assert refused.value.exit_code == 3
        for words in (generation, "read-only", f"agentgate --home {root}", "choose another place with --home"):
            assert words in str(refused.value)
    assert state_of(root) == before
