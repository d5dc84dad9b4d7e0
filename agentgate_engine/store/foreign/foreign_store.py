"""`ForeignStore`: a store of the original, as readers ask of it. It has no way to write."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from agentgate_engine.errors import StoreError, UsageError
from agentgate_engine.models.ids import RunId
from agentgate_engine.store.foreign.catalogue import Catalogue, CatalogueReader
from agentgate_engine.store.foreign.evidence import ForeignEvidenceReader
from agentgate_engine.store.foreign.recognise import ForeignKind, recognise
from agentgate_engine.store.foreign.records import is_foreign_id
from agentgate_engine.store.foreign.rows import row_of
from agentgate_engine.store.index import RunRow
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.store.run_evidence import RunEvidence

_ASKED = re.compile(r"(?P<id>.+?)(?:/(?P<iteration>[1-9][0-9]{0,5}))?\Z")
_SHORT = 8
_KEPT_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Listed:
    """Everything a list shows: a row a run, a row an order without one, and what cannot be read with why."""

    rows: list[RunRow]
    unreadable: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ForeignEvidence:
    """Follows one run of a foreign store."""

    catalogue: CatalogueReader
    reader: ForeignEvidenceReader

    def read(self) -> RunEvidence:
        """The run now.

        Raises:
            StoreError: there is none of this id.
        """
        return self.reader.read(self.catalogue.read())


@dataclass
class ForeignStore:
    """A run goes by the name of its directory, an order without a run by its own id: both are keys of rows."""

    layout: StoreLayout
    kind: ForeignKind
    _catalogue: CatalogueReader = field(init=False)
    _rows: dict[str, tuple[object, RunRow]] = field(default_factory=dict[str, tuple[object, RunRow]])

    def __post_init__(self) -> None:
        self._catalogue = CatalogueReader(self.layout)

    @classmethod
    def open(cls, root: Path) -> ForeignStore | None:
        """The store at `root` when the original wrote it, else None."""
        kind = recognise(root)
        return cls(StoreLayout(root), kind) if kind is not None else None

    @property
    def read_only(self) -> str:
        """Why nothing is written, as the console says it."""
        return f"READ-ONLY: {self.kind.name}"

    def listed(self) -> Listed:
        """All rows, newest submission first.

        Raises:
            StoreError: the store cannot be listed.
        """
        catalogue = self._catalogue.read()
        rows: list[RunRow] = []
        unreadable = dict(catalogue.faults)
        for key in (*catalogue.runs, *catalogue.without_run):
            try:
                rows.append(self._row(catalogue, key))
            except StoreError as fault:
                unreadable[key] = str(fault)
        rows.sort(key=lambda row: (row.queued_at, row.id), reverse=True)
        return Listed(rows, sorted(unreadable.items()))

    def _row(self, catalogue: Catalogue, key: str) -> RunRow:
        """The row of a run, converted again only when one of its files or its order changed."""
        order = catalogue.order_of.get(key, key)
        version = (
            _directory_version(self.layout.runs / key),
            catalogue.runs.get(key),
            catalogue.orders.get(order),
            [(run, catalogue.faults.get(run)) for run in catalogue.runs_of.get(order, ())],
        )
        known = self._rows.get(key)
        if known is None or known[0] != version:
            if len(self._rows) >= _KEPT_ROWS:
                self._rows.clear()
            evidence = ForeignEvidenceReader(self.layout, self.kind, key).read(catalogue)
            self._rows[key] = known = (version, row_of(evidence.run))
        return known[1]

    def run_ids(self) -> list[RunId]:
        """Keys of everything there is, whether it can be read or not."""
        catalogue = self._catalogue.read()
        return sorted(RunId(key) for key in {*catalogue.runs, *catalogue.without_run, *catalogue.faults})

    def is_run(self, name: str) -> bool:
        """Whether a directory of this name can be a run."""
        return is_foreign_id(name)

    def follow(self, run: RunId) -> ForeignEvidence:
        """A reader of one run."""
        return ForeignEvidence(self._catalogue, ForeignEvidenceReader(self.layout, self.kind, run))

    def find(self, asked: str) -> tuple[RunId, int | None]:
        """The run that an id or any unique beginning of one names, of a run or of an order, and the iteration.

        An order stands for its newest run; one without a run for itself. Ids are taken as they are: case counts, and
        they may begin with a dash.

        Raises:
            UsageError: nothing fits, or several do; the message lists them.
        """
        match = _ASKED.match(asked.strip().removeprefix("agentgate://"))
        if match is None or not is_foreign_id(match["id"]):
            raise UsageError(f"{asked!r} is not an id; `agentgate --home {self.layout.root} status` lists them")
        prefix, iteration = match["id"], int(match["iteration"]) if match["iteration"] else None
        catalogue = self._catalogue.read()
        known = {*catalogue.orders, *catalogue.runs, *catalogue.runs_of, *filter(is_foreign_id, catalogue.faults)}
        fitting = [prefix] if prefix in known else sorted(key for key in known if key.startswith(prefix))
        meant = {_key_of(catalogue, key) for key in fitting}
        if not meant:
            raise UsageError(f"no order or run has an id that begins with {prefix!r}; `agentgate status` lists them")
        if len(meant) > 1:
            raise UsageError(f"{prefix!r} could be any of {', '.join(fitting[:8])}; give more letters")
        return RunId(meant.pop()), iteration

    def short_names(self, rows: list[RunRow]) -> dict[str, str]:
        """The beginning of each key that tells it from the others: 8 characters, more where these are not enough."""
        ids = sorted({row.id for row in rows})
        size = _SHORT
        while len({each[:size] for each in ids}) < len(ids):
            size += 1
        return {each: each[:size] for each in ids}


def _key_of(catalogue: Catalogue, found: str) -> str:
    """The key of the row that an order or a run stands in."""
    if found in catalogue.runs or found in catalogue.without_run:
        return found
    runs = catalogue.runs_of.get(found, [])
    return next((run for run in reversed(runs) if run in catalogue.runs), runs[-1] if runs else found)


def _directory_version(directory: Path) -> tuple[tuple[str, int, int, int], ...]:
    """What changes when a file in a run's directory does."""
    found: list[tuple[str, int, int, int]] = []
    try:
        for path in directory.iterdir():
            status = path.lstat()
            found.append((path.name, status.st_ino, status.st_mtime_ns, status.st_size))
    except OSError:
        pass
    return tuple(sorted(found))
