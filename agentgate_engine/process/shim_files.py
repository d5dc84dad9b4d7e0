"""What the shim writes: documents that are there whole or not, and the measure of logs that the process writes itself.

Part of the shim (see shim.py): stdlib only, importing nothing of ours.
"""
# ruff: noqa: PTH104 (part of the shim, which does without pathlib)

from __future__ import annotations

import json
import os
from contextlib import suppress


def open_here(name: str, flags: int) -> int:
    """A file of the process directory, which is our working directory: replacing its path redirects nothing."""
    return os.open(name, flags | os.O_NOFOLLOW, 0o600)


def replace_here(name: str, fields: dict[str, object]) -> None:
    """Put a JSON document there, whole and durable, or raise OSError."""
    temporary = f".{name}.tmp"  # ours alone: we hold shim.lock
    with os.fdopen(open_here(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
        file.write(json.dumps(fields, indent=2).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, name)
    folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Output:
    """The two logs and the arrival times of stdout. Only measured here: the process writes them itself."""

    def __init__(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self.stdout, self.stderr, self.times = (
            open_here(name, flags) for name in ("stdout.log", "stderr.log", "stdout.times")
        )
        self.sizes = (0, 0)
        self.fault: str | None = None
        self._timed = 0
        self._times_bytes = 0

    def measure(self) -> bool:
        """Take the sizes, note the time of what is new on stdout; whether anything grew."""
        out, err = os.fstat(self.stdout), os.fstat(self.stderr)
        before, self.sizes = self.sizes, (out.st_size, err.st_size)
        for name, was, now in zip(("stdout.log", "stderr.log"), before, self.sizes, strict=True):
            if now < was:
                self.blame(f"{name} was cut from {was} to {now} bytes while the process ran")
        if out.st_size > self._timed:
            # The file knows when its last byte was written better than we do, who look every few milliseconds.
            self._note(out.st_mtime_ns // 1_000_000, out.st_size)
        return self.sizes != before

    def blame(self, fault: str) -> None:
        """Keep the first fault of the evidence; a later one is a consequence more often than not."""
        self.fault = self.fault or fault

    def _note(self, at_ms: int, size: int) -> None:
        line = b"%d %d\n" % (at_ms, size)
        try:
            if os.write(self.times, line) < len(line):
                raise OSError("the disk is full")
        except OSError as fault:
            self.blame(f"stdout.times could not be written: {fault}")
            with suppress(OSError):
                os.ftruncate(self.times, self._times_bytes)
        else:
            self._timed, self._times_bytes = size, self._times_bytes + len(line)

    def sync(self) -> None:
        """The last measure; everything durable."""
        self.measure()
        for descriptor in (self.stdout, self.stderr, self.times):
            try:
                os.fsync(descriptor)
            except OSError as fault:
                self.blame(f"a log could not be synced: {fault}")
