"""Locks that die with their holder. A held lock is the one proof of life on a machine (durability.md 0.2)."""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from agentgate_engine.errors import LockHeld


@dataclass
class FileLock:
    """An flock on a file of its own. The descriptor is close-on-exec, so no child keeps it alive."""

    path: Path
    _descriptor: int

    @classmethod
    def acquire(cls, path: Path, *, shared: bool = False, wait_s: float = 0.0) -> Self:
        """Take the lock, waiting at most `wait_s` seconds.

        Raises:
            LockHeld: somebody else has it.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        give_up = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
                return cls(path, descriptor)
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    os.close(descriptor)
                    raise LockHeld(f"{path} is held by another process") from None
                time.sleep(0.005)
            except BaseException:
                os.close(descriptor)
                raise

    def release(self) -> None:
        """Give the lock back. Twice is no error."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_held(path: Path) -> bool:
    """Whether a live process holds the lock exclusively. Takes a shared lock for a moment to find out."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
