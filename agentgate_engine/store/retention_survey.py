"""What stands in a store and could go: the facts that the rules of retention are put to. Reads only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from agentgate_engine.clock import from_stamp
from agentgate_engine.errors import LockHeld, StoreError
from agentgate_engine.models.ids import OrderId, RunId, is_order_id, is_run_id, order_of
from agentgate_engine.models.run import Run
from agentgate_engine.models.run_state import RunState
from agentgate_engine.store.annotations import Annotations
from agentgate_engine.store.footprint import footprint
from agentgate_engine.store.index import Index, RunRow
from agentgate_engine.store.locks import FileLock, is_held
from agentgate_engine.store.retention import RunFacts
from agentgate_engine.store.store import Store

DISPOSABLE = ("tree", "clean-room", "scratch")
"""What an engine removes itself when a run is over, and a killed one leaves."""

BUSY = "busy"
"""What every git of ours on a workspace holds a shared lock on."""

NOT_OVER = "has not ended"
_PUT_ASIDE = "refs/agentgate/interrupted"
_OVER = {state.value for state in RunState if state.terminal}


@dataclass(frozen=True)
class Survey:
    """One look at a store. Directories are listed once, records read only where they decide something."""

    store: Store
    rows: tuple[RunRow, ...]
    needed: frozenset[str]

    @classmethod
    def take(cls, store: Store, index: Index) -> Survey:
        """Look at the index. `needed` are the orders that others wait for, or may not have started yet because of."""
        queued = "select order_id from dependency join job on job.run_id=dependency.run_id where job.state='queued'"
        needed = index.read(queued)
        return cls(store, tuple(index.rows()), frozenset(str(row[0]) for row in needed))

    @cached_property
    def annotations(self) -> Annotations:
        return Annotations.read(self.store.layout)

    @cached_property
    def runs(self) -> frozenset[RunId]:
        """The runs that have a directory."""
        return frozenset(self.store.run_ids())

    @cached_property
    def by_order(self) -> dict[str, set[RunId]]:
        """The runs that have a directory, by order."""
        found: dict[str, set[RunId]] = {}
        for run in self.runs:
            found.setdefault(order_of(run), set()).add(run)
        return found

    @cached_property
    def workspaces(self) -> frozenset[RunId]:
        """The runs that have a workspace, or what is left of one."""
        return frozenset(RunId(name) for name in _names(self.store.layout.workspaces) if is_run_id(name))

    @cached_property
    def quarantined(self) -> tuple[str, ...]:
        return tuple(sorted(name for name in _names(self.store.layout.quarantine) if not name.startswith(".")))

    def facts(self, *, measure: bool) -> list[RunFacts]:
        """What decides about each run of the index that has files. Sizes are 0 unless `measure`."""
        return [self._facts_of(row, measure) for row in self.rows if row.id in self.runs]

    def kept_for(self, row: RunRow) -> str | None:
        """Why a run stays whatever its age, or None."""
        if row.state not in _OVER:
            return NOT_OVER
        if row.id in self.annotations.pins:
            return "is pinned"
        return "another order waits for it" if row.order_id in self.needed else None

    def obstacle(self, run: RunId) -> str | None:
        """Why a run cannot be touched now, or None."""
        try:
            found = self.store.read_run(run)
        except StoreError as fault:
            return f"cannot be read: {fault}"
        if not found.state.terminal:
            return f"has not ended: it is {found.state.value}"
        if is_held(self.store.layout.run(run).lock):
            return "is being worked on"
        return "a git of it is still at work" if _is_busy(self.workspace(run) / BUSY) else None

    def workspace(self, run: RunId) -> Path:
        return self.store.layout.workspaces / run

    def holds_work(self, run: RunId) -> bool:
        """Whether a workspace holds work that stands nowhere else: a change that was never delivered, or half-done.

        One of a run in place may hold the operator's own files. Where it cannot be told, it does.
        """
        root = self.workspace(run)
        if not (root / "repo.git").is_dir():
            return False
        if (root / "place.json").exists():
            return True
        try:
            found = self.store.read_run(run)
        except StoreError:
            return True
        if (root / "repo.git" / _PUT_ASIDE).is_dir() and any((root / "repo.git" / _PUT_ASIDE).iterdir()):
            return True
        if found.delivered_branch is not None or found.snapshot_after_sha in (None, found.base_commit):
            return False
        return not self._changed_nothing(found)

    def leftovers(self, run: RunId) -> tuple[Path, ...]:
        """What a run that is over no longer needs of its workspace."""
        root = self.workspace(run)
        return tuple(root / name for name in DISPOSABLE if os.path.lexists(root / name))

    def last_of_its_order(self, run: RunId, gone: set[RunId]) -> bool:
        """Whether no other run of its order is left once `gone` are, in quarantine neither."""
        order = order_of(run)
        others = self.by_order.get(order, set[RunId]()) - gone - {run}
        return not others and not any(name.startswith(f"{order}.") for name in self.quarantined)

    def order_left_to(self, name: str, gone: set[RunId], moved: set[str]) -> tuple[Path, ...]:
        """The files of the order whose last trace is the entry `name` of quarantine, once `gone` and `moved` are."""
        order = name.partition(".")[0]
        left = self.by_order.get(order, set[RunId]()) - gone
        others = {other for other in self.quarantined if other.startswith(f"{order}.")} - moved - {name}
        return () if left or others or not is_order_id(order) else self.order_files(OrderId(order))

    def order_files(self, order: OrderId) -> tuple[Path, ...]:
        layout = self.store.layout
        return tuple(path for path in (layout.work_order(order), layout.uncommitted_patch(order)) if path.exists())

    def unindexed(self) -> list[RunId]:
        """Runs that have a directory but no row: nobody can tell whether they are over."""
        return sorted(self.runs - {RunId(row.id) for row in self.rows})

    def ownerless(self) -> Iterator[RunId]:
        """Workspaces of runs that are gone."""
        moved = {name[: len(run)] for run in self.workspaces for name in self.quarantined if name.startswith(run)}
        yield from sorted(run for run in self.workspaces if run not in self.runs and run not in moved)

    def _facts_of(self, row: RunRow, measure: bool) -> RunFacts:
        run = RunId(row.id)
        kept_for = self.kept_for(row)
        places = (self.store.layout.run(run).directory, self.workspace(run))
        return RunFacts(
            run_id=row.id,
            ended_at=ended_at(row),
            size=footprint(*places).freed if measure else 0,
            kept_for=kept_for,
            undelivered=kept_for is None and run in self.workspaces and self.holds_work(run),
        )

    def _changed_nothing(self, run: Run) -> bool:
        """Whether every iteration left an empty change."""
        layout = self.store.layout.run(RunId(run.id))
        try:
            return all(layout.diff(n).lstat().st_size == 0 for n in range(1, run.iteration + 1))
        except OSError:
            return False


def ended_at(row: RunRow) -> float:
    """When a run that is over ended, as Unix time."""
    return from_stamp(row.completed_at or row.updated_at)


def _is_busy(path: Path) -> bool:
    """Whether anybody holds a lock on a file, a shared one too. It is not made where it is missing."""
    try:
        if path.is_file():
            FileLock.acquire(path).release()
    except LockHeld:
        return True
    return False


def _names(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []
