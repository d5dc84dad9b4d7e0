"""`clean`: what a store need not keep any more goes, by the rules of retention; a dry run says what would.

A run goes under its `run.lock`: workspace, files and order are renamed into the trash and its rows go in the same
transaction, then the trash is deleted. Killed anywhere, the next clean finishes it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from agentgate_engine.clock import Clock
from agentgate_engine.commands.clean_report import CleanReport, LeftAlone, Tally
from agentgate_engine.commands.removal import delete_entry, finish_trash, remove_run
from agentgate_engine.errors import AgentGateError, LockHeld
from agentgate_engine.models.ids import RunId, order_of
from agentgate_engine.store.atomic import make_directory
from agentgate_engine.store.footprint import Footprint, footprint, together
from agentgate_engine.store.index import Index
from agentgate_engine.store.locks import FileLock
from agentgate_engine.store.log_compression import compress_log, compressible, saved_by_compressing
from agentgate_engine.store.retention import Choice, RetentionPolicy, choose_runs
from agentgate_engine.store.retention_survey import NOT_OVER, Survey, ended_at
from agentgate_engine.store.store import Store
from agentgate_engine.store.trash import TrashKind, discard, in_trash
from agentgate_engine.workspace.mirror import holds_branches, is_mirror


def clean(store: Store, policy: RetentionPolicy, clock: Clock, *, dry_run: bool = False) -> CleanReport:
    """Apply the rules. A dry run changes nothing, and says what a real one at this moment would do.

    Raises:
        StoreError: the store cannot be read or written.
        AgentGateError: another clean is at work.
    """
    index = Index.open_readonly(store.layout) if dry_run else Index.open_writable(store.layout)
    try:
        if dry_run:
            return _Cleaning(store, index, policy, clock, dry_run=True).work()
        with only_one(store):
            return _Cleaning(store, index, policy, clock, dry_run=False).work()
    finally:
        index.close()


@contextmanager
def only_one(store: Store) -> Generator[None]:
    """The lock that keeps two deletions apart.

    Raises:
        AgentGateError: another one is at work.
    """
    make_directory(store.layout.trash)
    try:
        lock = FileLock.acquire(store.layout.trash / ".lock")
    except LockHeld as fault:
        raise AgentGateError("another clean or purge is at work on this store; wait for it") from fault
    with lock:
        yield


class _Cleaning:
    """One pass. Each step finds what goes; only `_do` tells a dry run from a real one."""

    def __init__(self, store: Store, index: Index, policy: RetentionPolicy, clock: Clock, *, dry_run: bool) -> None:
        self._store, self._index, self._policy, self._dry_run = store, index, policy, dry_run
        self._now = clock.now()
        self._tally = Tally()
        self._held: list[LeftAlone] = []
        self._gone: set[RunId] = set()
        self._emptied: set[RunId] = set()

    def work(self) -> CleanReport:
        self._finish_trash()
        self._survey = Survey.take(self._store, self._index)
        what = self._policy.what
        if what & {"runs", "workspaces"}:
            self._runs()
        if "workspaces" in what:
            self._leftovers()
        if "logs" in what:
            self._logs()
        if "mirrors" in what:
            self._mirrors()
        if "quarantine" in what:
            self._quarantine()
        return self._tally.report(dry_run=self._dry_run, undelivered=self._held)

    def _finish_trash(self) -> None:
        for entry in in_trash(self._store.layout):
            self._tally.add("leftovers", entry.name, "an earlier deletion was cut short", footprint(entry.path))
        if not self._dry_run:
            self._tally.faults += finish_trash(self._store, self._index)

    def _runs(self) -> None:
        facts = self._survey.facts(measure=self._policy.max_bytes is not None)
        for run in self._survey.unindexed():
            self._tally.left.append(
                LeftAlone(run, "is not in the index; start an engine, or `agentgate doctor --rebuild`")
            )
        for choice in choose_runs(facts, self._policy, self._now):
            run = RunId(choice.run_id)
            why = self._survey.obstacle(run)
            if why is not None:
                self._tally.left.append(LeftAlone(run, why))
            elif choice.held:
                size = footprint(self._survey.workspace(run)).held
                self._held.append(LeftAlone(run, "its work was never delivered", size))
            elif "runs" in self._policy.what:
                self._remove(choice)
            elif run in self._survey.workspaces:
                self._workspace(run, choice.reason, (self._survey.workspace(run),))

    def _remove(self, choice: Choice) -> None:
        """A run with its workspace, and with its order when it is the last of it."""
        run, survey = RunId(choice.run_id), self._survey
        last = survey.last_of_its_order(run, self._gone)
        order = survey.order_files(order_of(run)) if last else ()
        files = footprint(self._store.layout.run(run).directory, *order)
        workspace, kind = footprint(survey.workspace(run)), self._kind(run)
        if not self._dry_run:
            removed = remove_run(self._store, self._index, run, survey.annotations)
            self._tally.faults += removed.faults
            if removed.why_not is not None:
                self._tally.left.append(LeftAlone(run, removed.why_not))
                return
        self._gone.add(run)
        if run in survey.workspaces:
            self._tally.add(kind, run, choice.reason, workspace)
        self._tally.add("runs", run, choice.reason, files)

    def _kind(self, run: RunId) -> str:
        return "undelivered" if self._survey.holds_work(run) else "workspaces"

    def _leftovers(self) -> None:
        """What killed engines left of runs that are over, and workspaces whose runs are gone."""
        for row in self._survey.rows:
            run = RunId(row.id)
            if (
                run in self._gone | self._emptied
                or run not in self._survey.workspaces
                or self._survey.kept_for(row) is not None
            ):
                continue
            places = self._survey.leftovers(run)
            if places and run in self._survey.runs and self._survey.obstacle(run) is None:
                self._workspace(run, "left when the run ended", places)
        for run in self._survey.ownerless():
            root = self._survey.workspace(run)
            if self._survey.holds_work(run) and not self._policy.include_undelivered:
                self._held.append(LeftAlone(run, "its run is gone, and it may hold work", footprint(root).held))
            else:
                self._workspace(run, "its run is gone", (root,))

    def _workspace(self, run: RunId, reason: str, places: tuple[Path, ...]) -> None:
        """Remove a workspace or parts of it."""
        root = self._survey.workspace(run)
        kind = self._kind(run) if root in places else "workspaces"
        size = together(footprint(place) for place in places)
        if self._do("workspace", run, *places):
            self._emptied.add(run)
            self._tally.add(kind, run, reason, size)

    def _logs(self) -> None:
        for row in self._survey.rows:
            run = RunId(row.id)
            over = self._survey.kept_for(row) != NOT_OVER
            if not over or run in self._gone or run not in self._survey.runs:
                continue
            if self._now - ended_at(row) > self._policy.compress_after_s:
                self._compress(run)

    def _compress(self, run: RunId) -> None:
        layout = self._store.layout.run(run)
        logs = list(compressible(layout))
        if not logs or self._survey.obstacle(run) is not None:
            return
        try:
            if self._dry_run:
                saved = sum(map(saved_by_compressing, logs))
            else:
                with FileLock.acquire(layout.lock):
                    saved = sum(map(compress_log, logs))
        except (AgentGateError, OSError) as fault:
            self._tally.left.append(LeftAlone(run, f"its logs cannot be compressed: {fault}"))
            return
        if saved:
            self._tally.add("logs", run, f"{len(logs)} compressed", Footprint(saved))

    def _mirrors(self) -> None:
        """Mirrors that no run is left of, and that hold no branch which a run delivered into them."""
        mirrors = self._store.layout.mirrors
        used = {row.repository for row in self._survey.rows if RunId(row.id) not in self._gone}
        for path in sorted(mirrors.glob("*.git")) if mirrors.is_dir() else ():
            if not is_mirror(path) or str(path) in used or not self._is_old(path / "agentgate-mirror"):
                continue
            size = footprint(path)
            if holds_branches(path) and not self._policy.include_undelivered:
                self._held.append(LeftAlone(path.name, "it holds branches that runs delivered", size.held))
                continue
            try:
                with FileLock.acquire(path.with_suffix(".lock")) if not self._dry_run else nullcontext():
                    if self._do("mirror", path.name, path):
                        self._tally.add("mirrors", path.name, "no run uses it any more", size)
            except LockHeld:
                self._tally.left.append(LeftAlone(path.name, "a submit is fetching into it"))

    def _quarantine(self) -> None:
        """What was put aside long enough ago, and the order that nothing else is left of."""
        moved: set[str] = set()
        for name in self._survey.quarantined:
            path = self._store.layout.quarantine / name
            if self._is_old(path):
                places = (path, *self._survey.order_left_to(name, self._gone, moved))
                size = footprint(*places)
                if self._do("quarantine", name, *places):
                    moved.add(name)
                    self._tally.add("quarantine", name, "has stood there long enough", size)

    def _is_old(self, path: Path) -> bool:
        """Whether it was put or changed there longer ago than runs are kept."""
        try:
            status = path.lstat()
        except OSError:
            return False
        return self._now - max(status.st_mtime, status.st_ctime) > self._policy.older_than_s

    def _do(self, kind: TrashKind, name: str, *places: Path) -> bool:
        """Discard and delete, in a real run. Returns whether it went, or would."""
        if self._dry_run:
            return True
        try:
            for place in places:
                entry = discard(self._store.layout, place, kind)
                if entry is not None:
                    self._tally.faults += delete_entry(entry)
        except OSError as fault:
            self._tally.left.append(LeftAlone(name, f"cannot be moved to the trash: {fault.strerror}"))
            return False
        return True
