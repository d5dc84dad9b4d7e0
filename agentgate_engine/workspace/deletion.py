"""Deleting what an agent may have shaped: no link is followed, no depth is too deep, and what resists is told."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 100


def delete_tree(path: Path) -> list[str]:
    """Delete whatever stands at `path`, and return what could not be deleted, each with the reason. Absent is fine.

    A link is unlinked, never entered. Directories are made writable first, since an agent's tools (Go's module cache
    for one) leave them read-only.
    """
    parent = os.open(path.parent, _DIRECTORY) if path.parent.exists() else None
    if parent is None:
        return []
    try:
        return delete_entry(parent, os.fsencode(path.name), os.fsencode(path))
    finally:
        os.close(parent)


def delete_entry(parent: int, name: bytes, label: bytes) -> list[str]:
    """Delete `name` in the open directory `parent`; `label` names it in the answer."""
    deletion = _Deletion(parent)
    faults = deletion.delete(parent, name, label, 0)
    while deletion.moved_up:
        name, label = deletion.moved_up.pop()
        faults += deletion.delete(parent, name, label, 0)
    return faults


class _Deletion:
    """One deletion. A directory deeper than `_DEEPEST` levels is moved up beside the root of the deletion and waits
    there for its turn, so that neither the stack, the open files nor the length of a path set a limit."""

    def __init__(self, top: int) -> None:
        self._top = top
        self.moved_up: list[tuple[bytes, bytes]] = []

    def delete(self, parent: int, name: bytes, label: bytes, depth: int) -> list[str]:
        try:
            mode = os.lstat(name, dir_fd=parent).st_mode
        except FileNotFoundError:
            return []
        except OSError as fault:
            return [_told(label, fault)]
        if not stat.S_ISDIR(mode):
            return _attempt(label, lambda: os.unlink(name, dir_fd=parent))
        if depth >= _DEEPEST:
            with suppress(OSError):
                moved = b".deleting-" + secrets.token_hex(8).encode()
                os.rename(name, moved, src_dir_fd=parent, dst_dir_fd=self._top)
                self.moved_up.append((moved, label))
                return []
        if mode & 0o700 != 0o700:
            with suppress(OSError):
                os.chmod(name, stat.S_IMODE(mode) | 0o700, dir_fd=parent)
        faults = self._empty(parent, name, label, depth)
        return faults or _attempt(label, lambda: os.rmdir(name, dir_fd=parent))

    def _empty(self, parent: int, name: bytes, label: bytes, depth: int) -> list[str]:
        try:
            descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
        except OSError as fault:
            return [_told(label, fault)]
        faults: list[str] = []
        try:
            for entry in [found.name for found in os.scandir(descriptor)]:
                child = os.fsencode(entry)
                faults += self.delete(descriptor, child, label + b"/" + child, depth + 1)
        finally:
            os.close(descriptor)
        return faults


def make_writable(path: Path) -> None:
    """Give the owner every right on the directories below `path`, itself included. Links are not followed."""
    with suppress(OSError):
        path.chmod(stat.S_IMODE(path.lstat().st_mode) | 0o700)
    for _, names, _, descriptor in os.fwalk(path):
        for name in names:
            with suppress(OSError):
                mode = os.lstat(name, dir_fd=descriptor).st_mode
                if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:
                    os.chmod(name, stat.S_IMODE(mode) | 0o700, dir_fd=descriptor)


def _attempt(label: bytes, act: Callable[[], None]) -> list[str]:
    try:
        act()
    except FileNotFoundError:
        return []
    except OSError as fault:
        return [_told(label, fault)]
    return []


def _told(label: bytes, fault: OSError) -> str:
    return f"{label.decode('utf-8', 'backslashreplace')}: {fault.strerror or fault}"
