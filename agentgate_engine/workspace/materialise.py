"""A commit's files in a new directory: plain files, without a repository, and nothing that git could run on the way."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agentgate_engine.errors import UsageError, WorkspaceError
from agentgate_engine.workspace.checkout import check_out
from agentgate_engine.workspace.deletion import delete_tree
from agentgate_engine.workspace.git import Git
from agentgate_engine.workspace.source import locate_files


def materialise(repository: Path, commit: str, directory: Path) -> int:
    """Write the files of `commit` to `directory`, which must not exist yet or be empty, and return how many there are.

    `repository` is a checkout, a mirror, or the `repo.git` of a workspace. Whatever fails, `directory` is as it was.

    Raises:
        UsageError: `directory` holds something, or has no parent.
        WorkspaceError: the commit is not in the repository, or a file could not be written.
    """
    if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
        raise UsageError(f"{directory} is there already and is no directory: choose another place")
    if not directory.parent.is_dir():
        raise UsageError(f"{directory.parent} does not exist: make it first, or choose another place")
    existed = directory.is_dir()
    if existed and any(directory.iterdir()):
        raise UsageError(f"{directory} is not empty, and nothing is written over: choose another place")
    try:
        directory.mkdir(exist_ok=True)
        return _check_out_from(repository, commit, directory.absolute())
    except BaseException as fault:
        for entry in list(directory.iterdir()) if existed else [directory]:
            delete_tree(entry)
        if isinstance(fault, OSError):
            raise WorkspaceError(f"cannot write to {directory}: {fault.strerror}") from fault
        raise


def _check_out_from(repository: Path, commit: str, directory: Path) -> int:
    """Through a repository of ours that only borrows the objects, since the other's configuration may name programs."""
    objects, object_format, borrowed = _objects_of(repository)
    with tempfile.TemporaryDirectory(prefix="agentgate-restore-") as workshop:
        bare = Path(workshop) / "repo.git"
        arguments = ("--bare", "--template=", f"--object-format={object_format}", "--initial-branch=main")
        Git.nowhere(Path(workshop), None).run("init", "-q", *arguments, str(bare))
        (bare / "objects" / "info").mkdir(exist_ok=True)
        lines = b"".join(os.fsencode(path) + b"\n" for path in (objects, *borrowed))
        (bare / "objects" / "info" / "alternates").write_bytes(lines)
        git = Git.ours(bare, None)
        if git.run("cat-file", "-e", f"{commit}^{{commit}}", ok=(0, 1, 128)).code:
            raise WorkspaceError(f"{repository} does not have the commit {commit[:12]} any more")
        at = git.at(directory, Path(workshop) / "index")
        check_out(at, commit)
        return at.run("ls-files", "-z").stdout.count(b"\0")


def _objects_of(repository: Path) -> tuple[Path, str, Sequence[Path]]:
    if repository.name == "repo.git":
        git = Git.ours(repository, None)
        return repository / "objects", git.run("rev-parse", "--show-object-format").text, ()
    files = locate_files(repository)
    return files.objects, files.object_format, files.borrowed
