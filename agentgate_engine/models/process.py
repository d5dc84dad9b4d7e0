"""What the supervision of one process writes down: how it was asked to run, that it started, how it ended.

`spec.json` is written by the engine before the shim starts, `proc.json` and `exit.json` by the shim, `result.json` by
the engine. The shim imports nothing of ours, so the field names here and the keys there are one contract
(tests/process/test_shim_contract.py holds them together).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agentgate_engine.models.record import Record

SignalName = Literal["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL"]
EndedBy = Literal["stop", "deadline", "output_cap", "engine_lost"]
AbsolutePath = Annotated[str, Field(pattern=r"^/[^\x00]*$")]

INTERRUPTED = "interrupted"
"""The outcome in `result.json` of an attempt whose supervisor died without a report."""


class ProcessSpec(Record):
    """How to run and how to stop one process. Written before it starts and never changed."""

    argv: tuple[str, ...] = Field(min_length=1)
    cwd: AbsolutePath
    token: str = Field(pattern=r"^[A-Za-z0-9._:-]{8,128}$")
    """Unique to this attempt; everything that carries it in its environment is killed once the process has ended."""
    owner_lock: AbsolutePath | None
    """A lock that the engine working this run holds; None = nobody in particular, so nobody to lose."""
    env_names: tuple[str, ...] = ()
    """The names of the variables given, sorted. Never a value (DESIGN 6). Filled in by `ProcessHost.start`."""
    stdin: AbsolutePath | None = None
    """A regular file; None = /dev/null."""
    deadline_s: float | None = Field(default=None, gt=0)
    """Seconds from the start of the process to the stop sequence; None = no limit of its own."""
    output_cap_bytes: int = Field(default=1 << 30, gt=0)
    """For each of stdout and stderr. Above it the process is stopped; what was written stays."""
    stop_sequence: tuple[tuple[SignalName, Annotated[float, Field(ge=0)]], ...] = (("SIGTERM", 10.0),)
    """Signals to the process group, each with the seconds it is given; SIGKILL always follows."""
    engine_grace_s: float = Field(default=600.0, ge=0)
    """Seconds that `owner_lock` may be free before the process is stopped."""


class ProcessStart(Record):
    """`proc.json`: who runs. A pid is only believed with its start time and boot id (durability.md 1.1, 9)."""

    shim_pid: int
    shim_start_time: int
    pid: int
    pgid: int
    start_time: int
    """Clock ticks since boot, field 22 of /proc/pid/stat."""
    boot_id: str
    started_at: str


class StartError(Record):
    """Why there was no process to supervise, or no way to go on supervising it."""

    errno: int | None
    message: str


class ProcessExit(Record):
    """`exit.json`: how it ended. Written last, when the logs are synced and no descendant is left."""

    pid: int | None
    exit_code: int | None
    signal: str | None
    ended_by: EndedBy | None
    """What the shim stopped it for; None = it ended by itself."""
    start_error: StartError | None
    started_at: str
    ended_at: str
    duration_ms: int
    stdout_bytes: int
    stderr_bytes: int
    swept_processes: int
    """Descendants that were still alive when the process had ended, and were killed."""
    max_rss_kb: int | None
    evidence_fault: str | None = None
    """The first thing that went wrong with the evidence itself: a log cut short, a failed fsync, times not recorded."""


class ProcessResult(Record):
    """`result.json`: what the engine made of the attempt. Its existence forbids a late shim to start anything."""

    outcome: str
    recorded_at: str
    exit: ProcessExit | None
    detail: str | None
