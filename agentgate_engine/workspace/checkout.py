"""Making a directory exactly what a commit says: tracked files as recorded, ignored ones kept, all else gone."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.errors import WorkspaceError
from agentgate_engine.store.atomic import make_directory
from agentgate_engine.workspace.deletion import delete_entry, delete_tree, make_writable
from agentgate_engine.workspace.git import Git, zero_separated

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHECKOUT_DEADLINE = 900.0
_NAMED_IN_AN_ERROR = 5


def is_real_directory(path: Path) -> bool:
    """Whether a directory itself stands at `path`, and no link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def make_real_directory(path: Path) -> None:
    """Have a directory at `path`; anything else that stands there (an agent can put a link to elsewhere) goes first.

    Raises:
        WorkspaceError: what stands there cannot be removed.
    """
    if not is_real_directory(path):
        refuse_leftovers(delete_tree(path), path)
        make_directory(path)


def check_out(git: Git, commit: str) -> bool:
    """Make the working directory of `git` exactly `commit`, and return whether ignored files were kept in it.

    The directory must be a real one. Its own `.git` is left alone; nested ones go with all that is untracked.

    Raises:
        WorkspaceError: a file cannot be written or removed.
    """
    read_tree = ("read-tree", "--reset", "-u", commit)
    try:
        git.run(*read_tree, deadline=_CHECKOUT_DEADLINE)
    except WorkspaceError:
        make_writable(git.directory)
        git.run(*read_tree, deadline=_CHECKOUT_DEADLINE)
    tracked = frozenset(zero_separated(git.run("ls-files", "-z").stdout))
    listing = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
    ignored = frozenset(entry.rstrip(b"/") for entry in zero_separated(git.run(*listing).stdout))
    refuse_leftovers(_Sweep.over(git.directory, tracked | ignored), git.directory)
    return bool(ignored)


def refuse_leftovers(faults: list[str], place: Path) -> None:
    """Raise when something could not be deleted."""
    if faults:
        told = "; ".join(faults[:_NAMED_IN_AN_ERROR])
        raise WorkspaceError(
            f"could not remove {len(faults)} entries of {place}: {told}. Remove them by hand and try again"
        )


@dataclass(frozen=True, slots=True)
class _Sweep:
    """Deletes what is neither kept nor on the way to something kept. Git's own `clean` leaves pipes, sockets, empty
    directories and read-only ones behind."""

    kept: frozenset[bytes]
    ways: frozenset[bytes]

    @classmethod
    def over(cls, root: Path, kept: frozenset[bytes]) -> list[str]:
        ways = {b"/".join(parts[:n]) for parts in (path.split(b"/") for path in kept) for n in range(1, len(parts))}
        sweep = cls(kept, frozenset(ways))
        descriptor = os.open(root, _DIRECTORY)
        try:
            return sweep.clear(descriptor, b"", top=True)
        finally:
            os.close(descriptor)

    def clear(self, directory: int, prefix: bytes, *, top: bool = False) -> list[str]:
        faults: list[str] = []
        for name in [found.name for found in os.scandir(directory)]:
            entry = os.fsencode(name)
            path = prefix + entry
            if path in self.kept or (top and entry == b".git"):
                continue
            if path not in self.ways:
                faults += delete_entry(directory, entry, path)
                continue
            try:
                inner = os.open(entry, _DIRECTORY, dir_fd=directory)
            except OSError as fault:
                faults.append(f"{path.decode('utf-8', 'backslashreplace')}: {fault.strerror}")
                continue
            try:
                faults += self.clear(inner, path + b"/")
            finally:
                os.close(inner)
        return faults
