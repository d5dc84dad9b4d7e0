"""Moving git objects between repositories without asking the other side's git for anything."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from agentgate_engine.errors import SnapshotError, WorkspaceError
from agentgate_engine.store.atomic import sync_directory
from agentgate_engine.workspace.git import Git

_FAN = re.compile(r"[0-9a-f]{2}\Z")
_LOOSE = re.compile(r"[0-9a-f]{38}(?:[0-9a-f]{24})?\Z")
# A pack must be there before the index that announces it.
_PACK_PARTS = (".pack", ".promisor", ".mtimes", ".rev", ".idx")
_ATTEMPTS = 3


def take_objects(source: Path, destination: Path, *, hardlinks: bool) -> None:
    """Fill the object directory `destination` with all that `source` has, linked where that is possible.

    Object files never change once they stand, so a link is as good as a copy; it is made durable, and nothing of the
    source's side files (temporary ones, bitmaps, commit graphs) comes along. Loose objects go first: a repack that runs
    in the source meanwhile moves them into packs, never back.

    Raises:
        WorkspaceError: the source keeps changing, or cannot be read.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _take_once(source, destination, hardlinks)
            return
        except FileNotFoundError as fault:
            if attempt == _ATTEMPTS:
                raise WorkspaceError(
                    f"{source} kept changing while it was copied; try again when git is idle there"
                ) from fault
        except OSError as fault:
            raise WorkspaceError(f"cannot copy the objects of {source}: {fault.strerror}") from fault


def import_commits(git: Git, foreign: Path, tip: str, known: str) -> int:
    """Copy what `tip` has and `known` has not from the object directory `foreign`, and return the number of commits.

    The objects are read by a process with our configuration, and packed anew: what arrives was hashed and checked here.

    Raises:
        SnapshotError: `tip` does not follow from `known`, or an object is missing or damaged.
    """
    both = git.writing_objects_to(_objects(git), foreign)
    follows = both.run("merge-base", "--is-ancestor", known, tip, ok=(0, 1), fault=SnapshotError)
    if follows.code:
        raise SnapshotError(f"its commit {tip[:12]} does not follow from {known[:12]}")
    count = int(both.run("rev-list", "--count", f"{known}..{tip}", fault=SnapshotError).text)
    if count:
        wanted = f"{tip}\n^{known}\n".encode()
        pack = both.run("pack-objects", "--revs", "--stdout", "-q", stdin=wanted, fault=SnapshotError).stdout
        git.run("index-pack", "--stdin", "--strict", stdin=pack, fault=SnapshotError)
    return count


def _objects(git: Git) -> Path:
    return (git.git_dir or git.directory) / "objects"


def _take_once(source: Path, destination: Path, hardlinks: bool) -> None:
    for directory in sorted(source.iterdir()):
        if _FAN.match(directory.name) and directory.is_dir():
            names = [file.name for file in directory.iterdir() if _LOOSE.match(file.name)]
            _take_files(directory, names, destination / directory.name, hardlinks)
    packs = [file.name for file in (source / "pack").glob("pack-*") if file.suffix in _PACK_PARTS]
    packs.sort(key=lambda name: _PACK_PARTS.index(Path(name).suffix))
    _take_files(source / "pack", packs, destination / "pack", hardlinks)
    sync_directory(destination)


def _take_files(source: Path, names: list[str], destination: Path, hardlinks: bool) -> None:
    if not names:
        return
    destination.mkdir(exist_ok=True)
    for name in names:
        _take_file(source / name, destination / name, hardlinks)
    sync_directory(destination)


def _take_file(source: Path, destination: Path, hardlinks: bool) -> None:
    if destination.exists():
        return
    if hardlinks:
        try:
            os.link(source, destination, follow_symlinks=False)
            return
        except FileNotFoundError:
            raise
        except OSError:  # another file system, or a kernel that protects links to files of other owners
            pass
    shutil.copyfile(source, destination)
    descriptor = os.open(destination, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
