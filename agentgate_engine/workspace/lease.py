"""Leases on directories: one run has one real path to itself, for as long as the run is not over.

The record on the disk says whose the path is; whether that still counts is asked of the run (a run that is over, or is
not there, holds nothing). So no clock and no dead engine can take a path from a run, or keep one from everybody.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.errors import StoreError, WorkspaceError
from agentgate_engine.models.ids import RunId, is_run_id
from agentgate_engine.models.lease import Lease
from agentgate_engine.models.run import Run
from agentgate_engine.store.atomic import make_directory, read_regular, replace_file, sync_directory
from agentgate_engine.store.layout import StoreLayout


class LeaseHeld(WorkspaceError):
    """Another run that is not over has the path. `holder` is its id: when it ends, it can be tried again."""

    def __init__(self, path: str, holder: str) -> None:
        super().__init__(f"{path} is being worked on by {holder}: it can be had when that run is over")
        self.path = path
        self.holder = holder


@dataclass(frozen=True, slots=True)
class LeaseBook:
    """The leases of a store. Changes are made under a lock on their directory, so that two engines never both win."""

    layout: StoreLayout

    def acquire(self, path: Path, run_id: str, *, fence: int = 0, clock: Clock = Clock()) -> Lease:  # noqa: B008
        """Lease the real path of `path` for a run. Asking again for the same run renews it under the new fence.

        Raises:
            LeaseHeld: another run has it, and is not over.
            WorkspaceError: a newer claim of the same run has it, or no file can hold the path.
            OSError: it cannot be written.
        """
        real = os.path.realpath(path)
        place = self._place(real)
        try:
            with self._alone():
                held = _read(place)
                if held is not None and held.run_id != run_id and self.counts(held):
                    raise LeaseHeld(real, held.run_id)
                if held is not None and held.run_id == run_id and held.fence > fence:
                    raise WorkspaceError(
                        f"{real} was leased by a newer claim of {run_id} ({held.fence}, this is {fence})"
                    )
                lease = Lease(path=real, run_id=run_id, fence=fence, acquired_at=to_stamp(clock.now()))
                replace_file(place, lease.to_json())
                return lease
        except UnicodeEncodeError:
            raise WorkspaceError(f"the path {real!r} is not UTF-8, and no file of the store could hold it") from None

    def release(self, run_id: str) -> list[str]:
        """Give back what a run has leased, and return the paths. None is no error."""
        return self._drop(lambda lease: lease.run_id == run_id)

    def reclaim(self) -> list[str]:
        """Give back what runs that are over or gone left leased, and return the paths."""
        return self._drop(lambda lease: not self.counts(lease))

    def all(self) -> list[Lease]:
        """Every lease, by path, whether it still counts or not."""
        found = [lease for place in self._places() if (lease := _read(place)) is not None]
        return sorted(found, key=lambda lease: lease.path)

    def of(self, run_id: str) -> Lease | None:
        """The lease of a run."""
        return next((lease for lease in self.all() if lease.run_id == run_id), None)

    def counts(self, lease: Lease) -> bool:
        """Whether its run is there and not over. One whose record cannot be read counts: nobody knows better."""
        if not is_run_id(lease.run_id):
            return False
        summary = self.layout.run(RunId(lease.run_id)).summary
        try:
            return not Run.from_json(read_regular(summary), str(summary)).state.terminal
        except FileNotFoundError:
            return False
        except StoreError:
            return True

    def _drop(self, condemned: Callable[[Lease], bool]) -> list[str]:
        if not self.layout.leases.is_dir():
            return []
        dropped: list[str] = []
        with self._alone():
            for place in self._places():
                lease = _read(place)
                if lease is not None and condemned(lease):
                    place.unlink(missing_ok=True)
                    dropped.append(lease.path)
            if dropped:
                sync_directory(self.layout.leases)
        return dropped

    def _places(self) -> list[Path]:
        return sorted(self.layout.leases.glob("*.json"))

    def _place(self, real: str) -> Path:
        return self.layout.leases / f"{hashlib.sha256(os.fsencode(real)).hexdigest()[:16]}.json"

    @contextmanager
    def _alone(self) -> Generator[None]:
        make_directory(self.layout.leases)
        descriptor = os.open(self.layout.leases, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _read(place: Path) -> Lease | None:
    """The lease in a file. One that holds none was never finished by us: it is nobody's."""
    try:
        return Lease.from_json(read_regular(place), str(place))
    except (FileNotFoundError, StoreError):
        return None
