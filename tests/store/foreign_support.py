"""Stores of the original AgentGate for tests: copies of the samples, and small ones written as a test needs them."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from agentgate_engine.store.foreign.foreign_store import ForeignStore
from agentgate_engine.store.run_evidence import RunEvidence

DATA = Path(__file__).parents[1] / "data"
GENERATIONS = ("v0.2.18", "v0.2.24", "v0.2.26")
RUN = "0a1b2c3d-0000-4000-8000-000000000001"
OTHER = "0a1b2c3d-0000-4000-8000-000000000002"
ORDER = "-oRder_12345"


def copy_of(generation: str, into: Path) -> Path:
    """A copy of a sample store that a test may damage."""
    shutil.copytree(DATA / f"upstream-store-{generation}", into)
    return into


def state_of(root: Path) -> dict[str, tuple[object, ...]]:
    """Every name below `root`: kind, mode, times of change and content. Reading a file changes none of it."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted([root, *root.rglob("*")]):
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else None
        place = path.readlink() if path.is_symlink() else None
        found[str(path.relative_to(root))] = (status.st_mode, status.st_mtime_ns, status.st_ctime_ns, content, place)
    return found


def put(path: Path, content: object) -> Path:
    """A file as the original writes it: two spaces, no newline at the end; text as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
    return path


def order_record(**more: object) -> dict[str, object]:
    return {"id": ORDER, "taskPrompt": "Say hello.", "status": "succeeded", "runId": RUN, **more}


def run_record(**more: object) -> dict[str, object]:
    begun = {"startedAt": "2026-11-22T10:00:00.000Z", "completedAt": "2026-11-22T10:00:20.000Z"}
    ended = {"state": "succeeded", "result": "passed", "iteration": 1, "maxIterations": 3}
    return {"id": RUN, "workOrderId": ORDER, **begun, **ended, **more}


def small_store(root: Path, order: dict[str, object] | None = None, run: dict[str, object] | None = None) -> Path:
    """A store of one order and its run."""
    put(root / "work-orders" / f"{ORDER}.json", order_record() if order is None else order)
    put(root / "runs" / RUN / "run.json", run_record() if run is None else run)
    return root


def opened(root: Path) -> ForeignStore:
    store = ForeignStore.open(root)
    assert store is not None
    return store


def evidence_of(root: Path, asked: str) -> RunEvidence:
    """What a reader of an asked id sees."""
    store = opened(root)
    return store.follow(store.find(asked)[0]).read()
