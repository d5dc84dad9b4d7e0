"""The supervisor of one process: `python -I -S shim.py <process dir>`, stdlib only, importing nothing of ours.

It outlives the engine that started it, and the package may be upgraded under it: everything is loaded at the top (three
siblings, stdlib only too), and the files in the directory are its whole interface (models/process.py). Invariants:

- whoever holds `shim.lock` decides about the directory; the shim holds it for life, so a free lock = no supervisor;
- it starts nothing where `proc.json`, `exit.json` or `result.json` exist: an attempt runs once, and never after an
  engine declared it dead;
- `exit.json` comes last, when the logs are synced and no descendant is left; the end of the process is its exit, never
  an end of file;
- if the shim is killed the process dies with it (PDEATHSIG), and the token in the environment finds the rest.
"""
# ruff: noqa: PTH100, PTH120 (pathlib would be a sixth of the start-up time of every process we run)

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import signal
import sys
import time
from contextlib import suppress

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from proc_table import TOKEN_VARIABLE, boot_id, start_time, sweep_descendants, sweep_token
from shim_child import Child, adopt_orphans, open_stdin
from shim_files import Output, replace_here

_QUICK_S, _QUIET_S = 0.025, 0.1
_REPORT_PATIENCE_S = 600.0


class Spec:
    """`spec.json`, as far as the shim needs it."""

    def __init__(self, raw: bytes) -> None:
        fields = json.loads(raw)
        self.argv: list[str] = fields["argv"]
        self.cwd: str = fields["cwd"]
        self.token: str = fields["token"]
        self.owner_lock: str | None = fields["ownerLock"]
        self.stdin: str | None = fields["stdin"]
        self.deadline_s: float | None = fields["deadlineS"]
        self.output_cap_bytes: int = fields["outputCapBytes"]
        self.stop_sequence: list[tuple[str, float]] = fields["stopSequence"]
        self.engine_grace_s: float = fields["engineGraceS"]


class StopWish:
    """SIGTERM to the shim is the wish to stop. It also wakes the loop, through a pipe."""

    def __init__(self) -> None:
        self.expressed = False
        self.wake, writer = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._express)
        for ignored in (signal.SIGINT, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        # The engine starts us with SIGTERM blocked, so that one sent before this line is not lost.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def _express(self, *_: object) -> None:
        self.expressed = True


class Owner:
    """The engine that works this run, seen through the lock it holds."""

    def __init__(self, path: str | None, grace_s: float) -> None:
        self._path = path
        self._grace_s = grace_s
        self._next_probe = 0.0
        self._free_since: float | None = None

    def lost(self, now: float) -> bool:
        """Whether the lock has been free for longer than the grace time. Probes about once a second."""
        if self._path is None or now < self._next_probe:
            return False
        self._next_probe = now + min(1.0, max(self._grace_s / 4, 0.05))
        if self._held(self._path):
            self._free_since = None
            return False
        if self._free_since is None:
            self._free_since = now
        return now - self._free_since >= self._grace_s

    @staticmethod
    def _held(path: str) -> bool:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # not knowing is no reason to stop anything
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False


class StopSequence:
    """The signals of the spec, each with its grace, then SIGKILL once a second."""

    def __init__(self, steps: list[tuple[str, float]]) -> None:
        self._steps = [*steps, ("SIGKILL", 1.0)]
        self._next_at = 0.0

    def advance(self, pid: int, now: float, *, at_once: bool = False) -> None:
        """Send what is due."""
        if at_once and len(self._steps) > 1:
            self._steps, self._next_at = self._steps[-1:], 0.0
        if now < self._next_at:
            return
        name, grace_s = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        self._next_at = now + grace_s
        send(pid, signal.Signals[name])


def send(pid: int, number: signal.Signals) -> None:
    """Signal the process group, or the leader alone before its setsid. It is not reaped yet: the id is still ours."""
    for kill in (os.killpg, os.kill):
        with suppress(OSError):  # one that changed its user cannot be signalled; the sequence goes on
            kill(pid, number)
            break


def watch(pid: int, spec: Spec, output: Output, wish: StopWish, started: float) -> str | None:
    """Until the process has ended (unreaped still); what it was stopped for, None if it ended by itself."""
    owner = Owner(spec.owner_lock, spec.engine_grace_s)
    sequence = StopSequence(spec.stop_sequence)
    reason: str | None = None
    pidfd = os.pidfd_open(pid)
    events = select.poll()
    for descriptor in (pidfd, wish.wake):
        events.register(descriptor, select.POLLIN)
    pause_s = _QUICK_S
    while True:
        for descriptor, _ in events.poll(pause_s * 1000):
            if descriptor == wish.wake:
                os.read(wish.wake, 512)
        grew = output.measure()
        if _has_ended(pid):
            os.close(pidfd)
            return reason
        now, over = time.monotonic(), max(output.sizes)
        if reason is None:
            if wish.expressed:
                reason = "stop"
            elif spec.deadline_s is not None and now - started >= spec.deadline_s:
                reason = "deadline"
            elif over > spec.output_cap_bytes:
                reason = "output_cap"
            elif owner.lost(now):
                reason = "engine_lost"
        if reason is not None:
            sequence.advance(pid, now, at_once=over > 2 * spec.output_cap_bytes)
        pause_s = _QUICK_S if grew or reason else min(pause_s * 2, _QUIET_S)


def _has_ended(pid: int) -> bool:
    """Whether our child ended; it is left a zombie, so that its group id stays ours. Adopted orphans are reaped."""
    while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
        if found.si_pid == pid:
            return True
        os.waitpid(found.si_pid, 0)
    return False


class Report:
    """What `exit.json` will say."""

    def __init__(self) -> None:
        self._began = time.time()
        self._began_monotonic = time.monotonic()
        self.fields: dict[str, object] = {
            "pid": None,
            "exitCode": None,
            "signal": None,
            "endedBy": None,
            "startError": None,
            "startedAt": stamp(self._began),
            "endedAt": stamp(self._began),
            "durationMs": 0,
            "stdoutBytes": 0,
            "stderrBytes": 0,
            "sweptProcesses": 0,
            "maxRssKb": None,
            "evidenceFault": None,
        }

    def begin(self) -> float:
        """The process starts now; the monotonic time."""
        self._began, self._began_monotonic = time.time(), time.monotonic()
        self.fields["startedAt"] = stamp(self._began)
        return self._began_monotonic

    def end(self) -> None:
        """It ended now."""
        self.fields["endedAt"] = stamp(time.time())
        self.fields["durationMs"] = round((time.monotonic() - self._began_monotonic) * 1000)

    def write(self) -> None:
        """On a full disk, keep trying: the operator may make room, and nobody else knows how the process ended."""
        give_up = time.monotonic() + _REPORT_PATIENCE_S
        while True:
            try:
                replace_here("exit.json", self.fields)
                return
            except OSError as fault:
                # ENOENT: the directory itself was deleted, and with it whoever could ask.
                if fault.errno == errno.ENOENT or time.monotonic() >= give_up:
                    raise
                time.sleep(0.5)


def stamp(seconds: float) -> str:
    """UTC ISO-8601 with milliseconds, as clock.to_stamp."""
    whole, ms = divmod(int(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{ms:03d}Z"


def supervise(spec: Spec, wish: StopWish, output: Output, report: Report) -> None:
    """Start it, watch it, sweep after it, fill the report in."""
    adopt_orphans()
    stdin = open_stdin(spec.stdin)
    if wish.expressed:
        report.fields["endedBy"] = "stop"
        return
    began = report.begin()
    child = Child(spec.argv, spec.cwd, (TOKEN_VARIABLE, spec.token), (stdin, output.stdout, output.stderr))
    report.fields["pid"] = child.pid
    try:
        record = {
            "shimPid": os.getpid(),
            "shimStartTime": start_time(os.getpid()),
            "pid": child.pid,
            "pgid": child.pid,
            "startTime": start_time(child.pid),
            "bootId": boot_id(),
            "startedAt": report.fields["startedAt"],
        }
        replace_here("proc.json", record)
        child.release()
        report.fields["endedBy"] = watch(child.pid, spec, output, wish, began)
    finally:
        send(child.pid, signal.SIGKILL)
        _, status, usage = os.wait4(child.pid, 0)
        report.end()
        report.fields["sweptProcesses"] = sweep_descendants() + sweep_token(spec.token)
        report.fields["maxRssKb"] = usage.ru_maxrss
        report.fields["startError"] = child.start_error()
        if os.WIFSIGNALED(status):
            report.fields["signal"] = signal_name(os.WTERMSIG(status))
        elif report.fields["startError"] is None:
            report.fields["exitCode"] = os.WEXITSTATUS(status)


def signal_name(number: int) -> str:
    """As in `kill -l`; a realtime signal without a name keeps its number."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"SIG{number}"


def main() -> None:
    """One attempt, once."""
    os.chdir(sys.argv[1])
    wish = StopWish()
    lock = os.open("shim.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    if any(map(os.path.lexists, ("result.json", "exit.json", "proc.json"))):
        return
    report = Report()
    try:
        with open("spec.json", "rb") as file:
            spec = Spec(file.read())
        output = Output()
        try:
            supervise(spec, wish, output, report)
        finally:
            output.sync()
            report.fields["stdoutBytes"], report.fields["stderrBytes"] = output.sizes
            report.fields["evidenceFault"] = output.fault
    except Exception as fault:
        number = fault.errno if isinstance(fault, OSError) else None
        report.fields["startError"] = {"errno": number, "message": f"the supervisor failed: {fault!r}"}
    report.write()


if __name__ == "__main__":
    try:
        main()
    finally:
        os._exit(0)  # the lock goes with us; nothing is left to tidy up
