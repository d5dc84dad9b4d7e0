"""Opening a store: what is there, whether this version may read or write it, and its records."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from agentgate_engine.errors import CorruptRecord, StoreError
from agentgate_engine.models.ids import OrderId, RunId, is_run_id
from agentgate_engine.models.record import Record
from agentgate_engine.models.run import FORMAT_VERSION, Run
from agentgate_engine.models.work_order import WorkOrder
from agentgate_engine.store.atomic import make_directory, read_regular, replace_file
from agentgate_engine.store.index import Index
from agentgate_engine.store.layout import RunLayout, StoreLayout

STORE_FORMAT = 1
R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Store:
    """A store that was found in order. Readers and writers share it; who may write a run is decided by `run.lock`."""

    layout: StoreLayout

    @classmethod
    def create_or_open(cls, root: Path) -> Store:
        """Open the store at `root`, making it when there is nothing.

        Raises:
            StoreError: foreign, of a newer format, or not writable; says what to do.
        """
        layout = StoreLayout(root)
        if not layout.version.exists():
            _refuse_foreign(root)
            try:
                root.mkdir(mode=0o700, parents=True, exist_ok=True)
                for directory in (layout.engines, layout.work_orders, layout.runs, layout.workspaces, layout.quarantine):
                    make_directory(directory)
                replace_file(layout.version, f"{STORE_FORMAT}\n".encode())
            except OSError as fault:
                raise StoreError(
                    f"cannot make a store at {root}: {fault.strerror}; choose another place with --home or AGENTGATE_HOME"
                ) from fault
        store = cls.open(root)
        if not os.access(root, os.W_OK | os.X_OK):
            raise StoreError(f"the store at {root} is not writable for you; check its owner, or use --home")
        return store

    @classmethod
    def open(cls, root: Path) -> Store:
        """Open an existing store for reading.

        Raises:
            StoreError: there is none, or it is foreign or of a newer format.
        """
        layout = StoreLayout(root)
        try:
            found = read_regular(layout.version, 64).decode(errors="replace").strip()
        except FileNotFoundError:
            _refuse_foreign(root)
            raise StoreError(
                f"there is no store at {root}; submit an order to make one, or name another place with --home"
            ) from None
        except OSError as fault:
            raise StoreError(f"the store at {root} cannot be read: {fault.strerror}") from fault
        if not found.isdigit():
            raise StoreError(f"{layout.version} does not hold a format number but {found!r}")
        if int(found) > STORE_FORMAT:
            raise StoreError(
                f"the store at {root} has format {found}; this AgentGate reads up to {STORE_FORMAT}. Use a newer AgentGate"
            )
        return cls(layout)

    def run_ids(self) -> list[RunId]:
        """Every run directory, whether its records can be read or not."""
        try:
            names = os.listdir(self.layout.runs)
        except FileNotFoundError:
            return []
        return sorted(RunId(name) for name in names if is_run_id(name))

    def read_run(self, run: RunId) -> Run:
        """`run.json` of a run.

        Raises:
            StoreError: there is none, or it cannot be read; names the file.
        """
        found = self.read(Run, self.layout.run(run).summary)
        if found is None:
            raise StoreError(f"{self.layout.run(run).summary} is missing")
        if found.format_version > FORMAT_VERSION:
            raise StoreError(f"{self.layout.run(run).summary} has format {found.format_version}; use a newer AgentGate")
        return found

    def read_order(self, order: OrderId) -> WorkOrder:
        """An order as submitted.

        Raises:
            StoreError: there is none, or it cannot be read.
        """
        found = self.read(WorkOrder, self.layout.work_order(order))
        if found is None:
            raise StoreError(f"{self.layout.work_order(order)} is missing")
        return found

    def read(self, kind: type[R], path: Path) -> R | None:
        """A record of its own file, or None when there is no such file.

        Raises:
            CorruptRecord: the file does not hold that record.
        """
        try:
            return kind.from_json(read_regular(path), str(path))
        except FileNotFoundError:
            return None

    def write(self, path: Path, record: Record) -> None:
        """Put a record in its file, atomically and durably."""
        replace_file(path, record.to_json())

    def index(self) -> Index:
        """The index, for reading; made from the files when it is missing or of another schema."""
        return Index.open_readonly(self.layout)


def corrupt_reason(store: Store, run: RunId) -> str | None:
    """Why `run.json` of a run cannot be read, or None when it can."""
    try:
        store.read_run(run)
    except (CorruptRecord, StoreError) as fault:
        return str(fault)
    return None


def files_of(layout: RunLayout) -> list[str]:
    """Names of the record files in a run's directory, sorted."""
    return sorted(entry.name for entry in os.scandir(layout.directory) if entry.is_file(follow_symlinks=False))


def _refuse_foreign(root: Path) -> None:
    """A directory that holds something else is never written into."""
    if (root / "runs").is_dir() or (root / "work-orders").is_dir():
        raise StoreError(
            f"{root} was written by another AgentGate (no VERSION file); it is left alone. Choose another place with --home"
        )
    if root.exists() and not root.is_dir():
        raise StoreError(f"{root} is not a directory; choose another place with --home")
    if root.is_dir() and any(root.iterdir()):
        raise StoreError(f"{root} is not empty and not a store; choose an empty or new directory with --home")
