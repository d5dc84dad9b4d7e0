"""Who a process is, beyond its pid, which the kernel gives away again."""

from __future__ import annotations

import os
import select
import signal
from dataclasses import dataclass
from typing import Self

from agentgate_engine.models.process import ProcessStart
from agentgate_engine.process.proc_table import boot_id, start_time


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A pid with the start time (clock ticks since boot) and the boot it belongs to."""

    pid: int
    start_time: int
    boot_id: str

    @classmethod
    def of_shim(cls, start: ProcessStart) -> Self:
        """The supervisor named in `proc.json`."""
        return cls(start.shim_pid, start.shim_start_time, start.boot_id)

    @classmethod
    def of_process(cls, start: ProcessStart) -> Self:
        """The supervised process named in `proc.json`."""
        return cls(start.pid, start.start_time, start.boot_id)

    def open(self) -> int | None:
        """A pidfd of exactly this process; None if it is gone, or another one has its pid now. The caller closes it."""
        if self.boot_id != boot_id():
            return None
        try:
            pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None
        # Read after the open: if this is the process that we mean, then the descriptor is of it too.
        if start_time(self.pid) != self.start_time:
            os.close(pidfd)
            return None
        return pidfd

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to exactly this process; False if it is gone."""
        pidfd = self.open()
        if pidfd is None:
            return False
        try:
            signal.pidfd_send_signal(pidfd, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(pidfd)
        return True


def kill_group(leader: ProcessIdentity, wait_s: float = 1.0) -> bool:
    """SIGKILL the process group that this process leads, and wait for its end; whether the leader was alive.

    Without its leader a group is not believed to be ours: its number may be in use again. What is left of such a group
    is found by the token.
    """
    pidfd = leader.open()
    if pidfd is None:
        return False
    try:
        end = select.poll()
        end.register(pidfd, select.POLLIN)
        was_alive = not end.poll(0)
        os.killpg(leader.pid, signal.SIGKILL)  # a zombie leader keeps the number too
        end.poll(wait_s * 1000)
    except OSError:
        return False
    finally:
        os.close(pidfd)
    return was_alive
