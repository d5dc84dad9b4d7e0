"""The process table as /proc shows it: who a pid is, and how to be rid of everything an ended process left behind.

Stdlib only, and importing nothing of ours: the shim loads this file too, as a sibling, before it does anything else.
"""

from __future__ import annotations

import os
import signal
import time

TOKEN_VARIABLE = "AGENTGATE_PROCESS_TOKEN"
SWEEP_LIMIT_S = 5.0


def start_time(pid: int) -> int | None:
    """Clock ticks since boot at which a process started: with the pid and the boot id, its identity. None = gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError):
        return None


def boot_id() -> str:
    """Which boot of this machine the pids and start times belong to."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def sweep_token(token: str, limit_s: float = SWEEP_LIMIT_S) -> int:
    """Kill everything whose environment carries the token, until nothing does; how many that were.

    The environment is read again when the pidfd is open, so that a pid used anew in between is never hit. Bounded by
    `limit_s`. Processes of other users cannot be read, and are not ours.
    """
    mark = f"{TOKEN_VARIABLE}={token}".encode()
    killed: set[int] = set()
    give_up = time.monotonic() + limit_s
    while True:
        found = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _carries(pid, mark)]
        if not found or time.monotonic() >= give_up:
            return len(killed)
        for pid in found:
            try:
                pidfd = os.pidfd_open(pid)
            except OSError:
                continue
            try:
                if _carries(pid, mark):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                    killed.add(pid)
            except OSError:
                pass
            finally:
                os.close(pidfd)
        time.sleep(0.005)


def _carries(pid: int, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return pid != os.getpid() and mark in file.read().split(b"\0")
    except OSError:
        return False


def sweep_descendants() -> int:
    """Kill and reap every child we have left, orphans adopted as subreaper included; how many were still alive.

    A direct child stays a zombie until we reap it, so its pid cannot be used anew under our hands.
    """
    killed = 0
    give_up = time.monotonic() + SWEEP_LIMIT_S
    while time.monotonic() < give_up:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid:
            killed += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
            continue
        for child in map(int, filter(str.isdigit, os.listdir("/proc"))):
            if _parent(child) == os.getpid():
                os.kill(child, signal.SIGKILL)
        time.sleep(0.005)
    return killed


def _parent(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError):
        return None
