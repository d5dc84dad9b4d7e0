"""One run of an operator's shell command: bounded in time, its last words kept, its process group ended with it."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field

_KEPT_BYTES = 2000
_TERM_S = 1.0


@dataclass(frozen=True, slots=True)
class HookEnd:
    """How it ended. `fault` is None when it exited with 0; `said` is the end of what it printed, raw."""

    fault: str | None
    said: bytes


async def run_hook(command: str, *, environment: Mapping[str, str], stdin: bytes, limit_s: float) -> HookEnd:
    """Run `command` in a shell, with `stdin` as a file. A child that it leaves in the background is its own affair.

    Raises:
        OSError: the shell could not be started.
    """
    reader, writer = os.pipe()
    tail = _Tail(reader)
    try:
        with tempfile.TemporaryFile() as given:
            given.write(stdin)
            given.seek(0)
            # No pipe of asyncio's: its wait() would go on until a background child closes it as well.
            child = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                command,
                stdin=given,
                stdout=writer,
                stderr=writer,
                env=dict(environment),
                cwd="/",
                start_new_session=True,
            )
        os.close(writer)
        writer = -1
        tail.follow()
        try:
            code = await asyncio.wait_for(child.wait(), limit_s)
        except TimeoutError:
            await _end_group(child)
            return HookEnd(f"did not end within {limit_s:g} s and was stopped", tail.read())
        except BaseException:
            await _end_group(child)
            raise
        return HookEnd(_fault(code), tail.read())
    finally:
        tail.close()
        if writer >= 0:
            os.close(writer)


def _fault(code: int) -> str | None:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"exited with {code}" if code else None


async def _end_group(child: asyncio.subprocess.Process) -> None:
    """TERM, then KILL, to everything that is still in the command's session."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            pass
        try:
            await asyncio.wait_for(asyncio.shield(child.wait()), _TERM_S)
        except TimeoutError:
            continue
        if number is signal.SIGTERM:  # the shell is gone; a child of it that ignores TERM may not be
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return


@dataclass(slots=True)
class _Tail:
    """Drains a pipe as it fills, and keeps its end."""

    descriptor: int
    kept: bytearray = field(default_factory=bytearray)
    following: bool = False

    def follow(self) -> None:
        os.set_blocking(self.descriptor, False)
        asyncio.get_running_loop().add_reader(self.descriptor, self._drain)
        self.following = True

    def read(self) -> bytes:
        self._drain()
        return bytes(self.kept)

    def close(self) -> None:
        self._leave()
        os.close(self.descriptor)

    def _drain(self) -> None:
        for _ in range(64):  # at most 4 MiB a turn: a command that never stops printing must not hold the engine
            try:
                chunk = os.read(self.descriptor, 1 << 16)
            except BlockingIOError:
                return
            if not chunk:
                self._leave()
                return
            self.kept += chunk
            del self.kept[:-_KEPT_BYTES]

    def _leave(self) -> None:
        if self.following:
            asyncio.get_running_loop().remove_reader(self.descriptor)
            self.following = False
