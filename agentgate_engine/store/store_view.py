"""What readers ask of a store, whoever wrote it: its rows, the run that an id means, the evidence of a run.

Two answer: a store of ours (`OwnView`) and one of the original (`ForeignStore`). Who writes needs a `Store`, which a
foreign one never is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agentgate_engine.models.ids import RunId, is_run_id
from agentgate_engine.store.foreign.recognise import recognise
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.store.run_evidence import RunEvidence, RunEvidenceReader
from agentgate_engine.store.run_finder import find_run
from agentgate_engine.store.store import Store

if TYPE_CHECKING:
    from agentgate_engine.store.foreign.foreign_store import ForeignStore


class EvidenceReader(Protocol):
    """Follows one run: a second `read` costs what changed since the first."""

    def read(self) -> RunEvidence: ...


class StoreView(Protocol):
    """A store to read."""

    @property
    def layout(self) -> StoreLayout: ...

    @property
    def read_only(self) -> str | None:
        """Why nothing may be written into it, in a sentence; None for a store of ours."""
        ...

    def run_ids(self) -> list[RunId]:
        """The key of every run, whether its records can be read or not."""
        ...

    def is_run(self, name: str) -> bool:
        """Whether a directory of this name can be a run."""
        ...

    def find(self, asked: str) -> tuple[RunId, int | None]:
        """The run that an id or any unique beginning of one names, and the iteration.

        Raises:
            UsageError: nothing fits, or several do; the message lists them.
        """
        ...

    def follow(self, run: RunId) -> EvidenceReader:
        """A reader of one run."""
        ...


@dataclass(frozen=True, slots=True)
class OwnView:
    """A store of this AgentGate."""

    store: Store

    @property
    def layout(self) -> StoreLayout:
        return self.store.layout

    @property
    def read_only(self) -> None:
        return None

    def run_ids(self) -> list[RunId]:
        return self.store.run_ids()

    def is_run(self, name: str) -> bool:
        return is_run_id(name)

    def find(self, asked: str) -> tuple[RunId, int | None]:
        return find_run(self.store.layout, asked)

    def follow(self, run: RunId) -> RunEvidenceReader:
        return RunEvidenceReader(self.store, run)


def open_view(root: Path) -> OwnView | ForeignStore:
    """The store at `root`, for reading.

    Raises:
        StoreError: there is none that can be read.
    """
    if recognise(root) is not None:
        from agentgate_engine.store.foreign.foreign_store import ForeignStore

        if (found := ForeignStore.open(root)) is not None:
            return found
    return OwnView(Store.open(root))


def view_of(store: Store | ForeignStore) -> OwnView | ForeignStore:
    """An open store as readers see it."""
    return OwnView(store) if isinstance(store, Store) else store
