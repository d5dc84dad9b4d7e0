"""What the spine depends on: one way to a workspace and one event bus (upstream.md, section 3)."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import agentgate_engine

ENGINE = Path(agentgate_engine.__file__).parent
SPINE = (
    "orchestrator.py",
    "slots/run_worker.py",
    "run_executor.py",
    "phases/run_context.py",
    "phases/run_end.py",
)
FACADE = {"WorkspaceManager", "Workspace", "CleanRoom"}
"""The facade, and what it hands out."""


def imports(module: Path) -> dict[str, set[str]]:
    """What a module imports at run time and for its types, by the module it comes from."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found[node.module] |= {name.name for name in node.names}
        elif isinstance(node, ast.Import):
            for name in node.names:
                found[name.name] = set()
    return dict(found)


def calls_of(name: str) -> list[str]:
    """The modules of the engine that make one of these, once for each place."""
    return [
        str(module.relative_to(ENGINE))
        for module in sorted(ENGINE.rglob("*.py"))
        if f"{name}(" in (text := module.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def test_the_orchestrator_depends_on_one_workspace_facade() -> None:
    """upstream.md 3 (success criterion 5): what is known of workspaces is the facade, what it hands out, and leases; no
    module of the spine knows how a clone, a snapshot or a fetch is made."""
    known = {
        name
        for module in SPINE
        for source, names in imports(ENGINE / module).items()
        if source.startswith("agentgate_engine.workspace")
        for name in names
    }
    assert "WorkspaceManager" in known
    assert known <= FACADE | {"LeaseBook", "LeaseHeld"}


def test_one_bus_is_made_in_one_place() -> None:
    """upstream.md 3 (success criterion 5): one event bus a run, made where its subscribers are made known."""
    assert calls_of("EventBus") == ["slots/run_worker.py"]
    assert calls_of("RunContext") == ["slots/run_worker.py"]


def test_events_are_written_by_the_persister_alone() -> None:
    """upstream.md 3 (success criterion 5): there is no second way for an event to get to the disk."""
    opening = [
        str(module.relative_to(ENGINE))
        for module in sorted(ENGINE.rglob("*.py"))
        if "EventLog" in imports(module).get("agentgate_engine.store.event_log", set())
    ]
    assert opening == ["result_persister.py"]
