"""The `.git` of a working directory that others write: made by us of plain files, read by us without git.

It borrows its objects from our repository through an alternates file. So it costs nothing, no remote points anywhere,
a snapshot is visible in it at once, and an agent that changes modes or contents all over its directory reaches no file
that is shared with the operator's repository.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from agentgate_engine.errors import StoreError, WorkspaceError
from agentgate_engine.store.atomic import read_regular
from agentgate_engine.workspace.checkout import is_real_directory, refuse_leftovers
from agentgate_engine.workspace.deletion import delete_tree
from agentgate_engine.workspace.git import Git
from agentgate_engine.workspace.staging import copy_index

_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_REF_NAME = re.compile(r"refs/(?!.*(?:\.\.|//|/\.))[^\x00-\x20\x7f]+\Z")
_REF_LIMIT = 4096
_PACKED_LIMIT = 16 << 20
# Half-done operations and locks of processes that have ended: with HEAD moved, they would only mislead the next agent.
_STALE = (
    "index.lock",
    "HEAD.lock",
    "MERGE_HEAD",
    "MERGE_MSG",
    "MERGE_MODE",
    "AUTO_MERGE",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "REBASE_HEAD",
    "rebase-merge",
    "rebase-apply",
    "sequencer",
)


class CloneGone(WorkspaceError):
    """The agent removed the `.git` of its clone. Its files say all that can be known of its work."""


def make_clone(repository: Git, work_tree: Path, *, head: str, index: Path) -> None:
    """Give `work_tree` a new `.git`, in the place of one that is there. `head` is a full ref name or a hash (detached).

    It is built aside and renamed into place, so a half-made one is never seen.

    Raises:
        WorkspaceError: git or the disk refused.
    """
    git_dir = repository.git_dir
    assert git_dir is not None
    workshop = git_dir / "agentgate" / f"clone-{secrets.token_hex(4)}"
    try:
        object_format = repository.run("rev-parse", "--show-object-format").text
        arguments = ("--template=", f"--object-format={object_format}", "--initial-branch=main", str(workshop))
        Git.nowhere(git_dir, repository.busy).run("init", "-q", *arguments)
        made = workshop / ".git"
        borrowed = os.path.relpath(git_dir / "objects", work_tree / ".git" / "objects")
        (made / "objects" / "info").mkdir(exist_ok=True)
        (made / "objects" / "info" / "alternates").write_text(borrowed + "\n")
        (made / "info").mkdir(exist_ok=True)
        for name in ("shallow", "info/exclude", "packed-refs"):
            if (git_dir / name).exists():
                (made / name).write_bytes((git_dir / name).read_bytes())
        for setting in ("user.name", "user.email"):
            value = repository.run("config", "--get", setting, ok=(0, 1)).text
            if value:
                Git.ours(made, repository.busy).run("config", setting, value)
        commit = _point(made, head, repository)
        if commit:
            _install_index(made, index)
        refuse_leftovers(delete_tree(work_tree / ".git"), work_tree / ".git")
        made.rename(work_tree / ".git")
    except OSError as fault:
        raise WorkspaceError(f"cannot make a repository in {work_tree}: {fault.strerror}") from fault
    finally:
        delete_tree(workshop)


def align_clone(work_tree: Path, ref: str, commit: str, index: Path) -> None:
    """Move the clone's branch, HEAD and index to a commit of our repository, which it can see already.

    Raises:
        WorkspaceError: the clone is gone or damaged; it is as it was or half moved, and the files are untouched.
    """
    git_dir = work_tree / ".git"
    if not is_real_directory(git_dir) or not is_real_directory(git_dir / "refs"):
        raise WorkspaceError("its .git is gone or damaged")
    try:
        for name in _STALE:
            delete_tree(git_dir / name)
        _write_ref(git_dir, ref, commit)
        _replace(git_dir / "HEAD", f"ref: {ref}\n")
        _install_index(git_dir, index)
    except OSError as fault:
        raise WorkspaceError(f"its .git cannot be written: {fault.strerror}") from fault


def head_of(work_tree: Path) -> str | None:
    """The commit that the clone's HEAD names, or None when it has none yet. Only files are read, and no links followed.

    Raises:
        CloneGone: there is no `.git`.
        WorkspaceError: it is not laid out as git lays it out by default.
    """
    git_dir = work_tree / ".git"
    if not is_real_directory(git_dir):
        raise CloneGone("its .git is gone")
    try:
        content = _read(git_dir / "HEAD", _REF_LIMIT)
        for _ in range(5):
            if _HASH.match(content):
                return content
            name = content.removeprefix("ref:").strip()
            if not content.startswith("ref:") or not _REF_NAME.match(name):
                break
            try:
                content = _read(git_dir / name, _REF_LIMIT)
            except FileNotFoundError:
                return _packed(git_dir, name)
    except (OSError, StoreError) as fault:
        raise WorkspaceError(f"its HEAD cannot be read: {fault}") from fault
    raise WorkspaceError("its HEAD is not one that git writes")


def _packed(git_dir: Path, name: str) -> str | None:
    try:
        lines = _read(git_dir / "packed-refs", _PACKED_LIMIT).splitlines()
    except FileNotFoundError:
        return None
    for line in lines:
        value, _, packed = line.partition(" ")
        if packed == name and _HASH.match(value):
            return value
    return None


def _read(path: Path, limit: int) -> str:
    return read_regular(path, limit).decode("utf-8", "replace").strip()


def _point(git_dir: Path, head: str, repository: Git) -> str | None:
    if _HASH.match(head):
        _replace(git_dir / "HEAD", f"{head}\n")
        return head
    commit = repository.run("rev-parse", "--verify", "--quiet", head, ok=(0, 1)).text
    if commit:
        _write_ref(git_dir, head, commit)
    _replace(git_dir / "HEAD", f"ref: {head}\n")
    return commit or None


def _write_ref(git_dir: Path, ref: str, commit: str) -> None:
    """Write a loose ref. A link or a file in place of one of its directories is not followed but replaced."""
    place = git_dir
    *directories, name = ref.split("/")
    for directory in directories:
        place = place / directory
        if not is_real_directory(place):
            delete_tree(place)
            place.mkdir()
    if is_real_directory(place / name):
        delete_tree(place / name)
    delete_tree(place / f"{name}.lock")
    _replace(place / name, f"{commit}\n")


def _replace(path: Path, content: str) -> None:
    """Put a small file in place of whatever is there. Not synced: all in here can be made again."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    temporary.write_text(content)
    temporary.replace(path)


def _install_index(git_dir: Path, index: Path) -> None:
    temporary = git_dir / f".index.{secrets.token_hex(4)}"
    copy_index(index, temporary)
    try:
        if is_real_directory(git_dir / "index"):
            delete_tree(git_dir / "index")
        temporary.replace(git_dir / "index")
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
