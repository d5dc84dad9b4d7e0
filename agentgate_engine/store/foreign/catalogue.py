"""What is in a store of the original: its orders, its runs, which run is whose, and what of it cannot be read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from agentgate_engine.errors import StoreError
from agentgate_engine.store.foreign.records import Fields, is_foreign_id, read_fields
from agentgate_engine.store.layout import StoreLayout

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A store at one moment. Orders and runs go by the names of their files, whatever these hold.

    `runs_of` has the runs of each order, oldest first, and `order_of` the order that a run works on, if that is known;
    `faults` say, by the name of an order or a run, why it cannot be read.
    """

    orders: dict[str, Fields]
    runs: dict[str, Fields]
    faults: dict[str, str]
    runs_of: dict[str, list[str]]
    order_of: dict[str, str]

    @property
    def without_run(self) -> list[str]:
        """Orders that no readable run is of: they have a row of their own."""
        return [order for order in self.orders if not any(run in self.runs for run in self.runs_of.get(order, ()))]


@dataclass
class CatalogueReader:
    """Reads a store again and again; a file whose inode, time and size are known is not parsed a second time."""

    layout: StoreLayout
    _known: dict[Path, tuple[Version, Fields | str]] = field(default_factory=dict[Path, tuple[Version, "Fields | str"]])

    def read(self) -> Catalogue:
        """Everything now.

        Raises:
            StoreError: the directories of the store cannot be listed.
        """
        orders, runs, faults = dict[str, Fields](), dict[str, Fields](), dict[str, str]()
        for run, why in self._run_names():
            found = why or self._record(self.layout.runs / run / "run.json")
            _put(runs, faults, run, found)
        for order in self._order_names():
            known = is_foreign_id(order)
            found = (
                self._record(self.layout.work_orders / f"{order}.json") if known else "its name is no id of an order"
            )
            if order in runs or (order in faults and not isinstance(found, str)):
                found = "a run has the same id"
            _put(orders, faults, order, found)
        runs_of, order_of = linked(orders, runs, faults)
        return Catalogue(orders, runs, faults, runs_of, order_of)

    def _run_names(self) -> list[tuple[str, str | None]]:
        """(name, why it is not looked into)."""
        named: list[tuple[str, str | None]] = []
        for entry in _entries(self.layout.runs):
            if entry.is_symlink():
                named.append((entry.name, "it is a link, which is not followed"))
            elif entry.is_dir(follow_symlinks=False):
                named.append((entry.name, None if is_foreign_id(entry.name) else "its name is no id of a run"))
        return sorted(named)

    def _order_names(self) -> list[str]:
        names = (entry.name for entry in _entries(self.layout.work_orders))
        return sorted(name.removesuffix(".json") for name in names if name.endswith(".json") and name != ".json")

    def _record(self, path: Path) -> Fields | str:
        """The object in a file, or why there is none."""
        try:
            status = path.lstat()
        except FileNotFoundError:
            return f"{path.name} is missing"
        except OSError as fault:
            return f"{path.name}: {fault.strerror}"
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        known = self._known.get(path)
        if known is None or known[0] != version:
            self._known[path] = known = (version, _read(path))
        return known[1]


def linked(
    orders: dict[str, Fields], runs: dict[str, Fields], faults: dict[str, str]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """(runs of each order, oldest first; order of each run). Pure.

    A run says whose it is; v0.2.26 left orders that do not name theirs. Where it does not say, the order that names it
    has it. A run that cannot be read is of the order that names it.
    """
    named = {run: order for order, fields in orders.items() if (run := fields.text("runId")) is not None}
    order_of: dict[str, str] = {}
    for run, fields in runs.items():
        says = fields.text("workOrderId")
        if says is not None and is_foreign_id(says) and (says in orders or says in faults or run not in named):
            order_of[run] = says
        elif run in named:
            order_of[run] = named[run]
    for run in faults:
        if run in named:
            order_of[run] = named[run]
    runs_of: dict[str, list[str]] = {}
    for run in sorted(order_of, key=lambda run: _begun(runs.get(run))):
        runs_of.setdefault(order_of[run], []).append(run)
    return runs_of, order_of


def _begun(run: Fields | None) -> str:
    return (run.stamp("startedAt") if run is not None else None) or ""


def _put(good: dict[str, Fields], faults: dict[str, str], name: str, found: Fields | str) -> None:
    if isinstance(found, str):
        faults[name] = found
    else:
        good[name] = found


def _read(path: Path) -> Fields | str:
    try:
        return read_fields(path)
    except FileNotFoundError:
        return f"{path.name} is missing"
    except (StoreError, OSError) as fault:
        return str(fault)


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as found:
            return list(found)
    except FileNotFoundError:
        return []
    except OSError as fault:
        raise StoreError(f"{directory} cannot be read: {fault.strerror}") from fault
