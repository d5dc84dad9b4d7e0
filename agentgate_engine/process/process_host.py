"""The engine's side of supervision: start a process under a shim, adopt one that outlived its engine, stop it, wait.

The shim and the files of its directory hold all the state; a handle can be dropped, or its engine killed, at any moment
with no harm to the process. Agents and checks are run alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.clock import Clock
from agentgate_engine.errors import AgentGateError, LockHeld, UsageError
from agentgate_engine.models.process import ProcessExit, ProcessResult, ProcessSpec
from agentgate_engine.process.process_folder import (
    declare_dead,
    lock_path,
    read_exit,
    read_result,
    read_spec,
    read_start,
)
from agentgate_engine.process.process_identity import ProcessIdentity
from agentgate_engine.store.atomic import make_directory, replace_file
from agentgate_engine.store.locks import is_held

_SHIM = Path(__file__).with_name("shim.py")
_REACH_S = 10.0


@dataclass(frozen=True, slots=True)
class Ended:
    """The process ended, and its supervisor reported how."""

    exit: ProcessExit


@dataclass(frozen=True, slots=True)
class Dead:
    """The supervisor died without a report. Everything it left is swept, and `result.json` says so."""

    result: ProcessResult


@dataclass(frozen=True, slots=True)
class NeverStarted:
    """Nothing was ever asked for in this directory: starting there is safe."""


class ProcessHost:
    """Starts and adopts supervised processes. One per engine; needs no closing."""

    def __init__(self, clock: Clock, poll_s: float = 0.025) -> None:
        self._clock = clock
        self._poll_s = poll_s
        self._shims: dict[Path, subprocess.Popen[bytes]] = {}

    async def start(self, directory: Path, spec: ProcessSpec, environment: Mapping[str, str]) -> ProcessHandle:
        """Start a process under a supervisor of its own; its environment is `environment` and the token, nothing else.

        `directory` is made (0700) with its parent; the grandparent must exist. On return the process is on its way;
        whether it could be started is in the `start_error` of its exit.

        Raises:
            UsageError: there was a process in this directory before; an attempt runs once.
            AgentGateError: the supervisor could not be started.
            OSError: the directory or the spec could not be written; nothing was started.
        """
        self._reap()
        spec = spec.model_copy(update={"env_names": tuple(sorted(environment))})
        shim = await asyncio.to_thread(_launch, directory, spec, environment)
        self._shims[directory] = shim
        return ProcessHandle(directory, self._clock, self._poll_s, shim)

    async def adopt(self, directory: Path) -> ProcessHandle | Ended | Dead | NeverStarted:
        """What became of a process that this engine, or one before it, may have started here.

        A process whose supervisor is gone is swept and declared dead, for good: also one whose supervisor had not got
        as far as starting it. Asking again gives the same answer.

        Raises:
            CorruptRecord: a file of the directory cannot be read.
        """
        report = read_exit(directory)
        if report is not None:
            return Ended(report)
        shim = self._shims.get(directory)
        if shim is None and read_spec(directory) is None and read_result(directory) is None:
            return NeverStarted()
        handle = ProcessHandle(directory, self._clock, self._poll_s, shim)
        if handle.alive():
            return handle
        try:
            verdict = await asyncio.to_thread(declare_dead, directory, self._clock)
        except LockHeld:
            return handle  # it was slow to start; or somebody else is just declaring it dead, which the handle will see
        return Ended(verdict) if isinstance(verdict, ProcessExit) else Dead(verdict)

    async def run_or_adopt(
        self, directory: Path, spec: ProcessSpec, environment: Mapping[str, str]
    ) -> ProcessHandle | Ended | Dead:
        """Start it, unless it ran, runs or died here already. A restarted engine simply asks again."""
        found = await self.adopt(directory)
        if isinstance(found, NeverStarted):
            return await self.start(directory, spec, environment)
        return found

    def _reap(self) -> None:
        """Forget the shims that ended unobserved, so that none stays a zombie for long."""
        for directory, shim in list(self._shims.items()):
            if shim.poll() is not None:
                del self._shims[directory]


class ProcessHandle:
    """A live process, or one that was alive a moment ago. Any number of handles may exist for one process."""

    def __init__(self, directory: Path, clock: Clock, poll_s: float, shim: subprocess.Popen[bytes] | None) -> None:
        self.directory = directory
        self._clock = clock
        self._poll_s = poll_s
        self._shim = shim
        """The supervisor, if it is our own child; an adopted one is found through `proc.json`."""

    def alive(self) -> bool:
        """Whether it is supervised at this moment: running, being stopped, or being swept."""
        if self._shim is not None and self._shim.poll() is None:
            return True
        return is_held(lock_path(self.directory))

    async def wait(self) -> ProcessExit | None:
        """Wait for the end. None = the supervisor died without a report; all is swept then and `result.json` says so.

        Cancelling the wait does nothing to the process.
        """
        while True:
            await self._gone()
            try:
                verdict = await asyncio.to_thread(declare_dead, self.directory, self._clock)
            except LockHeld:
                continue
            return verdict if isinstance(verdict, ProcessExit) else None

    async def stop(self) -> None:
        """Ask the supervisor for the stop sequence of the spec; `wait` tells when it is done. Twice is no error.

        Without a supervisor, what it left is swept.

        Raises:
            AgentGateError: it lives, but cannot be signalled from here.
        """
        give_up = self._clock.monotonic() + _REACH_S
        while not self._ask_to_stop():
            if not self.alive():
                with contextlib.suppress(LockHeld):
                    await asyncio.to_thread(declare_dead, self.directory, self._clock)
                return
            if self._clock.monotonic() >= give_up:
                raise AgentGateError(
                    f"cannot stop the process in {self.directory}: its supervisor is alive but not visible here; "
                    "it may run in another container: stop it from there"
                )
            await asyncio.sleep(self._poll_s)

    def _ask_to_stop(self) -> bool:
        pidfd = self._open_shim()
        if pidfd is None:
            return False
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGTERM)
        except ProcessLookupError:
            return False
        finally:
            os.close(pidfd)
        return True

    async def _gone(self) -> None:
        """Until the supervisor ended; by polling where it has no pidfd: not on record yet, or in another container."""
        while True:
            pidfd = self._open_shim()
            if pidfd is not None:
                try:
                    await _readable(pidfd)
                finally:
                    os.close(pidfd)
            if not self.alive():
                return
            await asyncio.sleep(self._poll_s)

    def _open_shim(self) -> int | None:
        if self._shim is not None:
            # Not reaped, so still ours; it is only ever reaped from the thread of the event loop.
            return os.pidfd_open(self._shim.pid) if self._shim.poll() is None else None
        start = read_start(self.directory)
        return ProcessIdentity.of_shim(start).open() if start is not None else None


def _launch(directory: Path, spec: ProcessSpec, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    make_directory(directory.parent)
    make_directory(directory)
    if (directory / "spec.json").exists() or (directory / "result.json").exists():
        raise UsageError(
            f"{directory} has held a process before; adopt it, or start the next attempt in its own directory"
        )
    replace_file(directory / "spec.json", spec.to_json())
    command = [sys.executable, "-I", "-S", "-X", "utf8", str(_SHIM), str(directory.absolute())]
    # A stop that comes before the shim listens must wait for it, not kill it: SIGTERM is inherited blocked.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            cwd="/",
            start_new_session=True,
        )
    except OSError as fault:
        raise AgentGateError(
            f"cannot start the supervisor {sys.executable}: {fault}; is this Python installation still in place?"
        ) from fault
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    seen = loop.create_future()
    loop.add_reader(descriptor, lambda: seen.done() or seen.set_result(None))
    try:
        await seen
    finally:
        loop.remove_reader(descriptor)
