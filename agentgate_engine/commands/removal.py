"""Taking a run out of the store: files, workspace, order, rows and lease, as one step that a crash cannot halve."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.errors import LockHeld, StoreError
from agentgate_engine.models.ids import OrderId, RunId, is_run_id, order_of
from agentgate_engine.store.annotations import Annotations
from agentgate_engine.store.index import Index, forget_run
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.store.locks import FileLock
from agentgate_engine.store.store import Store
from agentgate_engine.store.trash import TrashEntry, TrashKind, discard, in_trash
from agentgate_engine.workspace.deletion import delete_tree
from agentgate_engine.workspace.lease import LeaseBook


@dataclass(frozen=True, slots=True)
class Removed:
    """What came of it: `why_not` when the run stays; `faults` are what could not be deleted, and wait in the trash."""

    why_not: str | None = None
    faults: tuple[str, ...] = ()


def remove_run(
    store: Store, index: Index, run: RunId, said: Annotations | None = None, *, unreadable_too: bool = False
) -> Removed:
    """Remove a run that is over and not pinned, and its order with the last run of it.

    The rows go in the transaction in which the files are renamed away; a pin cannot come between, as it is written
    under the same lock; `said` is what the caller knows of pins already. Nothing is followed through a link.

    Raises:
        StoreError: the index cannot be written; what was renamed is finished by the next clean.
    """
    layout = store.layout
    entries: list[TrashEntry] = []
    pins = said or Annotations()
    try:
        with FileLock.acquire(layout.run(run).lock):
            why_not = _why_not(store, run, unreadable_too)
            if why_not is not None:
                return Removed(why_not)
            with index.transaction() as database:
                pins.follow(layout)
                if run in pins.pins:
                    return Removed("is pinned")
                forget_run(database, run)
                _discard(layout, entries, "workspace", layout.workspaces / run)
                _discard(layout, entries, "run", layout.run(run).directory)
                discard_order(layout, order_of(run), entries)
    except LockHeld:
        return Removed("is being worked on")
    except FileNotFoundError:
        return Removed("is gone already")
    except OSError as fault:
        return Removed(f"cannot be moved to the trash: {fault.strerror or fault}")
    LeaseBook(layout).release(run)
    return Removed(faults=tuple(fault for entry in entries for fault in delete_entry(entry)))


def discard_order(layout: StoreLayout, order: OrderId, entries: list[TrashEntry]) -> None:
    """Move an order's files to the trash, if no run of it is left, in quarantine neither."""
    if not any(layout.runs.glob(f"{order}.*")) and not any(layout.quarantine.glob(f"{order}.*")):
        for path in (layout.work_order(order), layout.uncommitted_patch(order)):
            _discard(layout, entries, "order", path)


def delete_entry(entry: TrashEntry) -> list[str]:
    """Delete something from the trash; what could not be, each with the reason."""
    return delete_tree(entry.path)


def finish_trash(store: Store, index: Index) -> list[str]:
    """Finish what a killed deletion began: rows of runs that are in the trash, their orders, then the trash itself.

    The caller has made sure that no other deletion is under way.
    """
    faults: list[str] = []
    for entry in in_trash(store.layout):
        if entry.kind == "run" and is_run_id(entry.name) and not store.layout.run(RunId(entry.name)).directory.exists():
            rest: list[TrashEntry] = []
            with index.transaction() as database:
                forget_run(database, entry.name)
                discard_order(store.layout, order_of(RunId(entry.name)), rest)
            LeaseBook(store.layout).release(entry.name)
            faults += [fault for one in rest for fault in delete_entry(one)]
        faults += delete_entry(entry)
    return faults


def _why_not(store: Store, run: RunId, unreadable_too: bool) -> str | None:
    try:
        found = store.read_run(run)
    except StoreError as fault:
        return None if unreadable_too else f"cannot be read: {fault}"
    return None if found.state.terminal else f"has not ended: it is {found.state.value}"


def _discard(layout: StoreLayout, entries: list[TrashEntry], kind: TrashKind, path: Path) -> None:
    entry = discard(layout, path, kind)
    if entry is not None:
        entries.append(entry)
