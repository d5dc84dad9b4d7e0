"""One run's workspace: what the engine can do with the files that an agent works on."""

from __future__ import annotations

import re
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.clock import Clock
from agentgate_engine.errors import SnapshotError, WorkspaceError
from agentgate_engine.models.ids import parse_run_id
from agentgate_engine.models.lease import InPlace
from agentgate_engine.models.snapshot import Snapshot, SnapshotFile
from agentgate_engine.workspace.changes import ChangedPath, files_between, patch_between, paths_between, write_patch
from agentgate_engine.workspace.checkout import check_out, is_real_directory, make_real_directory, refuse_leftovers
from agentgate_engine.workspace.clone import make_clone
from agentgate_engine.workspace.deletion import delete_tree
from agentgate_engine.workspace.git import Git, shown, zero_separated
from agentgate_engine.workspace.in_place import read_place, restore_in_place
from agentgate_engine.workspace.snapshots import NOW_INDEX, TREE_INDEX, align, commit_state, take_snapshot
from agentgate_engine.workspace.source import blob_at
from agentgate_engine.workspace.staging import copy_index, stage_everything, tree_of

BASE_REF = "refs/agentgate/base"
START_REF = "refs/agentgate/start"
BUSY = "busy"
_CLEAN_INDEX = "clean-room.index"
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}\Z")
_CLOCK = Clock()


@dataclass(frozen=True, slots=True)
class Restored:
    """`kept` is the commit that holds the state from before the restore, when it was asked for."""

    kept: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeptState:
    """A commit kept beside the snapshots. `name` is `start` for what the run began from, else what it was kept as."""

    name: str
    commit: str
    created_at: str


@dataclass(frozen=True, slots=True)
class CleanRoom:
    """A checkout to verify in. `kept_caches`: ignored files of earlier iterations were there and may help it pass."""

    path: Path
    kept_caches: bool


@dataclass(frozen=True, slots=True)
class Workspace:
    """The directories of a run. Get one from `WorkspaceManager`.

    Everything that changes refs or files is for one caller at a time, the holder of the run; reading and `tree_now`
    may happen beside it. Commits and trees are given as full hashes.
    """

    run_id: str
    root: Path
    repository: Path
    tree: Path
    clean_room_path: Path
    scratch: Path
    branch: str
    git: Git
    in_place: InPlace | None = None

    @classmethod
    def at(cls, root: Path, run_id: str) -> Workspace:
        """The names of a workspace, whether it exists or not. `root` is the directory of the run.

        Raises:
            UsageError: `run_id` is no run id.
        """
        parse_run_id(run_id)
        repository = root / "repo.git"
        branch = f"agentgate/{run_id}"
        place = read_place(root)
        tree = root / "tree" if place is None else Path(place.tree)
        places = (tree, root / "clean-room", root / "scratch")
        return cls(run_id, root, repository, *places, branch, Git.ours(repository, root / BUSY), place)

    @property
    def disposable(self) -> tuple[Path, ...]:
        """The directories that may be deleted when the run is over. A checkout that it worked on in place is not."""
        ours = (self.clean_room_path, self.scratch)
        return (self.tree, *ours) if self.in_place is None else ours

    @property
    def busy(self) -> Path:
        """What every git of ours on this workspace holds a lock on."""
        return self.root / BUSY

    @property
    def ref(self) -> str:
        """The full name of the run's branch."""
        return f"refs/heads/{self.branch}"

    @property
    def admin(self) -> Path:
        """Our own files inside the bare repository: indexes, records of snapshots, passing objects."""
        return self.repository / "agentgate"

    @property
    def base_commit(self) -> str:
        """The operator's commit that the run was made from."""
        return self._needed(BASE_REF)

    @property
    def start_commit(self) -> str:
        """What the first iteration starts from: the base, or the operator's uncommitted changes committed on it."""
        return self._needed(START_REF)

    def head(self) -> str:
        """The commit at the tip of the run's branch."""
        return self._needed(self.ref)

    def snapshot(self, iteration: int, message: str, before: str, clock: Clock = _CLOCK) -> Snapshot:
        """Commit the state of the tree as that of `iteration`, and move the agent's clone to it.

        Its parent is the agent's own HEAD when the agent committed on top of `before`, else `before`. An iteration
        that changed nothing gets an empty commit. Asking again gives the same snapshot and finishes what a crash left
        undone. What could not be taken over stands in `notes`.

        Raises:
            SnapshotError: the state could not be committed; the tree is untouched.
        """
        return take_snapshot(self, iteration, message, before, clock)

    def diff(self, older: str, newer: str) -> bytes:
        """A unified patch with renames and binary contents, for `git apply`."""
        return patch_between(self._with_passing_objects(), older, newer)

    def write_diff(self, older: str, newer: str, destination: Path) -> None:
        """The patch of `diff` in a file, atomically and durably.

        Raises:
            OSError: it could not be written.
        """
        write_patch(self._with_passing_objects(), older, newer, destination)

    def numstat(self, older: str, newer: str) -> list[SnapshotFile]:
        """Every path that differs, with its line counts."""
        return files_between(self._with_passing_objects(), older, newer)

    def changes_between(self, tree_a: str, tree_b: str) -> list[ChangedPath]:
        """Every path that differs, with the line ranges that are new in it. Takes the trees of `tree_now`."""
        return paths_between(self._with_passing_objects(), tree_a, tree_b)

    def tree_now(self) -> str:
        """The hash of the present state of the tree. Moves no ref, and costs little when little changed.

        The new objects go to a place of their own and unsynced: a later snapshot writes its own, durable ones.

        Raises:
            SnapshotError: the state cannot be read.
        """
        fresh = not (self.admin / NOW_INDEX).exists()
        passing = self.admin / "now-objects"
        with self.index(NOW_INDEX, seed=TREE_INDEX if fresh else NOW_INDEX) as index:
            git = self.working(index).writing_objects_to(passing, self.repository / "objects").unsynced()
            stage_everything(git, embedded=self.in_place is None, rewrite=fresh)
            return tree_of(git)

    def restore(self, commit: str, keep_as: str | None = None, clock: Clock = _CLOCK) -> Restored:
        """Put tree, branch and the agent's clone back to `commit`; untracked files go, ignored ones stay.

        With `keep_as` the present state is first committed as `refs/agentgate/interrupted/{keep_as}`. The first such
        commit stays when it is asked for again: after a crash in the middle, what is left is no longer that state. So
        use a new name for each interruption.

        In place the present state is always kept, every time, and ignored files and nested repositories stay.

        Raises:
            WorkspaceError: nothing was thrown away yet, or the files could not be put back; it can be tried again.
        """
        if self.in_place is not None:
            (self.admin / "aligned").unlink(missing_ok=True)
            with self.index(TREE_INDEX) as index:
                kept, notes = restore_in_place(self, commit, _checked(keep_as or "before-restore"), index, clock)
            self.git.run("update-ref", self.ref, commit)
            return Restored(kept, (*notes, *align(self, commit)))
        make_real_directory(self.tree)
        kept = None if keep_as is None else self._keep(keep_as, clock)
        (self.admin / "aligned").unlink(missing_ok=True)
        with self.index(TREE_INDEX) as index:
            check_out(self.working(index), commit)
        self.git.run("update-ref", self.ref, commit)
        return Restored(kept, tuple(align(self, commit)))

    def clean_room(self, commit: str, *, pristine: bool = False) -> CleanRoom:
        """Make the clean room a checkout of exactly `commit`. Ignored files stay from last time unless `pristine`.

        Its `.git` is made anew each time, so nothing that a check put there ever counts.

        Raises:
            WorkspaceError: it could not be made.
        """
        if pristine:
            refuse_leftovers(delete_tree(self.clean_room_path), self.clean_room_path)
        make_real_directory(self.clean_room_path)
        with self.index(_CLEAN_INDEX) as index:
            kept = check_out(self.git.at(self.clean_room_path, index), commit)
        make_clone(self.git, self.clean_room_path, head=commit, index=self.admin / _CLEAN_INDEX)
        return CleanRoom(self.clean_room_path, kept)

    def tree_of_commit(self, commit: str) -> str:
        """The hash of a commit's tree."""
        return self.git.run("rev-parse", "--verify", f"{commit}^{{tree}}").text

    def paths_of_commit(self, commit: str) -> list[str]:
        """Every path in a commit, relative and `/`-separated."""
        listed = self.git.run("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit).stdout
        return [shown(name) for name in zero_separated(listed)]

    def keep(self, label: str, clock: Clock = _CLOCK) -> str:
        """Commit the present state as `refs/agentgate/interrupted/{label}` and leave everything as it is.

        Raises:
            WorkspaceError: it could not be committed.
        """
        return self._keep(label, clock)

    def read_file_at(self, commit: str, path: str) -> bytes | None:
        """The content of a regular file in a commit, or None."""
        return blob_at(self.git, commit, path)

    def resolve(self, ref: str) -> str | None:
        """The commit of a full ref name, or None when there is no such ref."""
        return self.git.run("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", ok=(0, 1)).text or None

    def snapshot_refs(self) -> dict[int, str]:
        """The commit of each snapshot that is there, by iteration."""
        prefix = "refs/agentgate/snapshots/"
        listed = self.git.run("for-each-ref", "--format=%(objectname) %(refname)", prefix).text.splitlines()
        found = {line.partition(" ")[2].removeprefix(prefix): line.partition(" ")[0] for line in listed}
        return {int(number): found[number] for number in sorted(found, key=int)}

    def kept_states(self) -> list[KeptState]:
        """What the run started from, then each state that was put aside, oldest first."""
        wanted = (START_REF, "refs/agentgate/interrupted/")
        shape = "--format=%(objectname) %(creatordate:format-local:%Y-%m-%dT%H:%M:%S.000Z) %(refname)"
        listed = self.git.run("for-each-ref", "--sort=creatordate", shape, *wanted).text.splitlines()
        states = [KeptState(ref.rpartition("/")[2], commit, at) for commit, at, ref in (r.split(" ") for r in listed)]
        return sorted(states, key=lambda state: state.name != "start")

    def follows(self, older: str, newer: str) -> bool:
        """Whether `newer` has `older` in its history."""
        return self.git.run("merge-base", "--is-ancestor", older, newer, ok=(0, 1)).code == 0

    def working(self, index: Path) -> Git:
        """Our repository with the agent's directory as its working tree.

        Raises:
            SnapshotError: the directory is gone, or a link stands in its place.
        """
        if not is_real_directory(self.tree):
            raise SnapshotError(f"{self.tree} is gone, or was replaced by something that is no directory")
        return self.git.at(self.tree, index)

    @contextmanager
    def index(self, name: str, seed: str | None = None) -> Generator[Path]:
        """A private copy of the index `name` (or of `seed`), put in its place when the work on it went well.

        So neither a killed git's lock file nor a half-done change can stand in the way of the next one.
        """
        copy = self.admin / f"{name}.{secrets.token_hex(4)}"
        try:
            if (self.admin / (seed or name)).exists():
                copy_index(self.admin / (seed or name), copy)
            yield copy
            if copy.exists():
                copy.replace(self.admin / name)
        finally:
            for leftover in (copy, copy.with_name(copy.name + ".lock")):
                leftover.unlink(missing_ok=True)

    def _keep(self, label: str, clock: Clock) -> str:
        ref = f"refs/agentgate/interrupted/{_checked(label)}"
        kept = self.resolve(ref)
        if kept is None:
            kept = commit_state(self, f"Interrupted: {label}", self.head(), clock).commit
            self.git.run("update-ref", ref, kept, fault=SnapshotError)
        return kept

    def _with_passing_objects(self) -> Git:
        return self.git.writing_objects_to(self.repository / "objects", self.admin / "now-objects")

    def _needed(self, ref: str) -> str:
        commit = self.resolve(ref)
        if commit is None:
            raise WorkspaceError(f"{self.repository} has no {ref}: the workspace was never finished, or was damaged")
        return commit


def _checked(label: str) -> str:
    if not _LABEL.match(label):
        raise WorkspaceError(f"{label!r} cannot name a kept state; use letters, digits, - and _")
    return label
