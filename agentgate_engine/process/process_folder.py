"""The directory of one attempt: what stands in it, and the one way to declare an attempt dead."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from agentgate_engine.clock import Clock, to_stamp
from agentgate_engine.models.process import INTERRUPTED, ProcessExit, ProcessResult, ProcessSpec, ProcessStart
from agentgate_engine.models.record import Record
from agentgate_engine.process.proc_table import sweep_token
from agentgate_engine.process.process_identity import ProcessIdentity, kill_group
from agentgate_engine.store.atomic import read_regular, replace_file
from agentgate_engine.store.locks import FileLock

_RecordT = TypeVar("_RecordT", bound=Record)


def _read(kind: type[_RecordT], path: Path) -> _RecordT | None:
    try:
        raw = read_regular(path)
    except FileNotFoundError:
        return None
    return kind.from_json(raw, str(path))


def read_spec(directory: Path) -> ProcessSpec | None:
    """How it was asked to run; None = nobody ever got as far as asking. Raises CorruptRecord, as all of these."""
    return _read(ProcessSpec, directory / "spec.json")


def read_start(directory: Path) -> ProcessStart | None:
    """Who runs or ran; None = not started (yet)."""
    return _read(ProcessStart, directory / "proc.json")


def read_exit(directory: Path) -> ProcessExit | None:
    """How it ended; None = it runs, or its supervisor died."""
    return _read(ProcessExit, directory / "exit.json")


def read_result(directory: Path) -> ProcessResult | None:
    """What an engine made of it; None = not decided."""
    return _read(ProcessResult, directory / "result.json")


def write_result(directory: Path, result: ProcessResult) -> None:
    """Record what the engine made of the attempt, durably."""
    replace_file(directory / "result.json", result.to_json())


def settle(directory: Path, outcome: str, clock: Clock) -> None:
    """Record what came of an attempt that has ended, unless that is on record. After a crash it is called again."""
    if not (directory / "result.json").exists():
        stamp = to_stamp(clock.now())
        result = ProcessResult(outcome=outcome, recorded_at=stamp, exit=read_exit(directory), detail=None)
        write_result(directory, result)


def lock_path(directory: Path) -> Path:
    """The lock that the supervisor holds for life."""
    return directory / "shim.lock"


def declare_dead(directory: Path, clock: Clock, wait_s: float = 0.25) -> ProcessExit | ProcessResult:
    """End an attempt whose supervisor is gone: sweep what it left, write `result.json`, all while holding `shim.lock`.

    The file is there before the lock is free, so a supervisor that was only slow to start finds it and starts nothing.
    Doing it twice changes nothing. If the supervisor did write its report, that is returned instead.

    Raises:
        LockHeld: the supervisor lives.
    """
    with FileLock.acquire(lock_path(directory), wait_s=wait_s):
        report = read_exit(directory)
        if report is not None:
            return report
        start, spec = read_start(directory), read_spec(directory)
        group_killed = start is not None and kill_group(ProcessIdentity.of_process(start))
        swept = (sweep_token(spec.token) if spec is not None else 0) + group_killed
        earlier = read_result(directory)
        if earlier is not None:
            return earlier
        if start is None:
            detail = "the supervisor ended before it started the process"
        else:
            detail = f"the supervisor (pid {start.shim_pid}) ended without a report; {swept} processes were swept"
        result = ProcessResult(outcome=INTERRUPTED, recorded_at=to_stamp(clock.now()), exit=None, detail=detail)
        write_result(directory, result)
        return result
