"""Opening a store: what is there, whether this version may read or write it, and its records."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from agentgate_engine.errors import StoreError
from agentgate_engine.models.ids import OrderId, RunId, is_run_id
from agentgate_engine.models.record import Record
from agentgate_engine.models.run import FORMAT_VERSION, Run
from agentgate_engine.models.work_order import WorkOrder
from agentgate_engine.store.atomic import read_regular, replace_file
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.store.root import make_root, open_root

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
        return cls(make_root(root))

    @classmethod
    def open(cls, root: Path) -> Store:
        """Open an existing store for reading.

        Raises:
            StoreError: there is none, or it is foreign or of a newer format.
        """
        return cls(open_root(root))

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

    def read_if_whole(self, kind: type[R], path: Path) -> R | None:
        """As `read`, with a file that does not hold the record taken as none."""
        try:
            return self.read(kind, path)
        except StoreError:
            return None

    def write(self, path: Path, record: Record) -> None:
        """Put a record in its file, atomically and durably."""
        replace_file(path, record.to_json())
