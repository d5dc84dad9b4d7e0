"""Files that are there whole or not at all (durability.md 1.2).

A replace is: temporary file in the same directory, write, fsync, rename, fsync of the directory. A failed fsync is
fatal for the write: the kernel may have dropped the page, and a second fsync would lie.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from agentgate_engine.errors import StoreError

TEMPORARY = ".tmp"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def replace_file(path: Path, content: bytes, *, sync: bool = True) -> None:
    """Put `content` at `path`, mode 0600, atomically; durable on return when `sync`.

    Raises:
        OSError: nothing changed at `path`.
    """
    with replacing(path, sync=sync) as descriptor:
        write_all(descriptor, content)


@contextmanager
def replacing(path: Path, *, sync: bool = True) -> Generator[int]:
    """A descriptor to write what shall stand at `path`; it is put there when the body ends well.

    Raises:
        OSError: nothing changed at `path`.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}{TEMPORARY}")
    descriptor = os.open(temporary, _NEW, 0o600)
    try:
        try:
            yield descriptor
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if sync:
        sync_directory(path.parent)


def remove_temporaries(directory: Path) -> None:
    """Remove what a writer that was killed in a replace left behind. The caller is the one writer in `directory`."""
    for left in directory.glob(f".*{TEMPORARY}"):
        left.unlink(missing_ok=True)


def write_all(descriptor: int, content: bytes) -> None:
    """Write every byte, or raise."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Make a directory (0700) if it is not there, with its name durable in its parent."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    sync_directory(path.parent)


def open_regular(path: Path) -> int:
    """A read-only descriptor of a regular file; a link, a fifo or a directory in its place is refused.

    Raises:
        FileNotFoundError: there is none.
        StoreError: it is something else than a regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as fault:
        raise StoreError(f"cannot read {path}: {fault.strerror}") from fault
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StoreError(f"cannot read {path}: it is not a regular file")
    return descriptor


def read_regular(path: Path, limit: int | None = None) -> bytes:
    """The content of a regular file, at most `limit` bytes from its start.

    Raises:
        FileNotFoundError: there is none.
        StoreError: it is no regular file, or unreadable.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        return file.read() if limit is None else file.read(limit)
