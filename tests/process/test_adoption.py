"""A process outlives its engine, and never its supervisor."""

# ruff: noqa: ASYNC220, ASYNC221 (the processes here are short, and asyncio shall know nothing of them)

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentgate_engine.clock import Clock
from agentgate_engine.models.process import ProcessExit, ProcessResult
from agentgate_engine.process.process_folder import declare_dead, read_result, read_start
from agentgate_engine.process.process_host import Dead, Ended, NeverStarted, ProcessHandle, ProcessHost
from agentgate_engine.store.atomic import make_directory, replace_file
from agentgate_engine.store.locks import FileLock

from .conftest import ENVIRONMENT, Bench, carriers, until

SHIM = Path(__file__).parents[2] / "agentgate_engine" / "process" / "shim.py"

ENGINE = """
import asyncio, json, sys, time
from pathlib import Path
from agentgate_engine.clock import Clock
from agentgate_engine.models.process import ProcessSpec
from agentgate_engine.process.process_host import ProcessHost

async def main():
    spec = ProcessSpec.from_json(Path(sys.argv[2]).read_bytes(), "spec")
    handle = await ProcessHost(Clock()).start(Path(sys.argv[1]), spec, {"PATH": "/usr/bin:/bin"})
    print("started", flush=True)
    await handle.wait()

asyncio.run(main())
"""


async def engine_killed_at_work(bench: Bench, script: str) -> None:
    """Start a process from an engine of its own, and kill -9 that engine when there is some output."""
    wish = bench.root / "wish.json"
    wish.write_bytes(bench.shell(script).to_json())
    engine = subprocess.Popen([sys.executable, "-c", ENGINE, bench.directory, wish], stdout=subprocess.PIPE)
    await until(bench.out, "the first output")
    engine.kill()
    engine.wait()
    assert engine.stdout is not None
    engine.stdout.close()


async def test_a_new_engine_adopts_what_still_runs(bench: Bench) -> None:
    go = bench.root / "go"
    await engine_killed_at_work(
        bench, f"for i in $(seq 100); do echo $i; done; while ! test -e {go}; do sleep 0.02; done; seq 101 300; exit 4"
    )
    handle = await bench.host.run_or_adopt(bench.directory, bench.spec("false"), {})
    assert isinstance(handle, ProcessHandle) and handle.alive()
    go.touch()
    report = await bench.finish(handle)
    assert report is not None and report.exit_code == 4
    assert bench.out().split() == [b"%d" % i for i in range(1, 301)]
    again = await bench.host.run_or_adopt(bench.directory, bench.spec("false"), {})
    assert again == Ended(report)


async def test_a_new_engine_stops_what_still_runs(bench: Bench) -> None:
    await engine_killed_at_work(bench, "echo up; sleep 600")
    handle = await bench.host.adopt(bench.directory)
    assert isinstance(handle, ProcessHandle)
    await handle.stop()
    report = await bench.finish(handle)
    assert report is not None and (report.signal, report.ended_by) == ("SIGTERM", "stop")


async def test_a_new_engine_finds_how_it_ended_meanwhile(bench: Bench) -> None:
    await engine_killed_at_work(bench, "echo up; sleep 0.3; exit 6")
    await until((bench.directory / "exit.json").exists, "the end")
    found = await bench.host.adopt(bench.directory)
    assert isinstance(found, Ended) and found.exit.exit_code == 6


async def test_when_the_supervisor_is_killed_everything_is(bench: Bench) -> None:
    handle = await bench.start(bench.shell("setsid sleep 600 & (setsid sleep 600 &) ; sleep 600 & echo up; sleep 600"))
    await until(lambda: bench.out() and len(carriers(bench.token)) >= 5, "the process and its descendants")
    start = read_start(bench.directory)
    assert start is not None
    os.kill(start.shim_pid, signal.SIGKILL)
    assert await bench.finish(handle) is None
    assert not handle.alive() and carriers(bench.token) == []
    result = read_result(bench.directory)
    assert result is not None and result.outcome == "interrupted" and result.detail is not None
    assert await bench.host.adopt(bench.directory) == Dead(result)
    await handle.stop()
    assert await bench.finish(handle) is None
    assert read_result(bench.directory) == result


async def test_a_supervisor_killed_while_no_engine_was_there(bench: Bench) -> None:
    await engine_killed_at_work(bench, "setsid sleep 600 & echo up; sleep 600")
    start = read_start(bench.directory)
    assert start is not None
    await until(lambda: len(carriers(bench.token)) == 3, "all are there")
    os.kill(start.shim_pid, signal.SIGKILL)
    await until(lambda: start.pid not in carriers(bench.token), "the process died with its supervisor")
    found = await bench.host.run_or_adopt(bench.directory, bench.spec("true"), {})
    assert isinstance(found, Dead) and found.result.outcome == "interrupted"


async def test_a_shim_that_comes_late_starts_nothing(bench: Bench) -> None:
    make_directory(bench.directory.parent)
    make_directory(bench.directory)
    replace_file(bench.directory / "spec.json", bench.shell("touch started").to_json())
    found = await bench.host.adopt(bench.directory)
    assert isinstance(found, Dead)
    late = subprocess.run([sys.executable, "-I", "-S", SHIM, bench.directory], timeout=20, check=False)
    assert late.returncode == 0
    assert not (bench.root / "started").exists()
    assert sorted(path.name for path in bench.directory.iterdir()) == ["result.json", "shim.lock", "spec.json"]


async def test_a_shim_waits_for_the_verdict_of_who_holds_the_lock(bench: Bench) -> None:
    make_directory(bench.directory.parent)
    make_directory(bench.directory)
    replace_file(bench.directory / "spec.json", bench.shell("touch started").to_json())
    with FileLock.acquire(bench.directory / "shim.lock"):
        late = subprocess.Popen([sys.executable, "-I", "-S", SHIM, bench.directory])
        syscall = Path("/proc") / str(late.pid) / "wchan"
        await until(lambda: "lock" in syscall.read_text(), "the late shim waits for the lock")
        verdict = ProcessResult(outcome="interrupted", recorded_at="2026-01-01T00:00:00.000Z", exit=None, detail=None)
        replace_file(bench.directory / "result.json", verdict.to_json())
    assert late.wait(20) == 0
    assert not (bench.root / "started").exists()


async def test_nothing_there_means_never_started(bench: Bench) -> None:
    assert await bench.host.adopt(bench.directory) == NeverStarted()
    handle = await bench.host.run_or_adopt(bench.directory, bench.spec("true"), ENVIRONMENT)
    assert isinstance(handle, ProcessHandle)
    same = await bench.host.run_or_adopt(bench.directory, bench.spec("true"), ENVIRONMENT)
    assert isinstance(same, ProcessHandle | Ended)
    report = await bench.finish(handle)
    assert report is not None and report.exit_code == 0


async def test_a_wait_can_be_given_up(bench: Bench) -> None:
    go = bench.root / "go"
    handle = await bench.start(bench.shell(f"while ! test -e {go}; do sleep 0.02; done"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(handle.wait(), 0.1)
    assert handle.alive()
    both = asyncio.gather(handle.wait(), handle.wait())
    await asyncio.sleep(0)
    go.touch()
    reports = await asyncio.wait_for(both, 20)
    assert [report.exit_code for report in reports if report] == [0, 0]


async def test_no_supervisor_stays_a_zombie(bench: Bench) -> None:
    handle = await bench.start(bench.spec("true"))
    await bench.finish(handle)
    start = read_start(bench.directory)
    assert start is not None
    assert not (Path("/proc") / str(start.shim_pid)).exists()


async def test_a_pid_used_anew_is_not_touched(bench: Bench) -> None:
    """A record whose pid now belongs to somebody else (here: a sleeper of ours with another start time)."""
    other = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        report = await bench.run(bench.spec("true"))
        assert report.exit_code == 0
        record = json.loads((bench.directory / "proc.json").read_bytes())
        record |= {"pid": other.pid, "pgid": other.pid, "shimPid": other.pid}
        replace_file(bench.directory / "proc.json", json.dumps(record).encode())
        (bench.directory / "exit.json").unlink()
        found = await ProcessHost(Clock()).adopt(bench.directory)
        assert isinstance(found, Dead)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


async def test_a_report_that_came_after_all_wins_over_the_verdict(bench: Bench) -> None:
    report = await bench.run(bench.spec("true"))
    verdict = declare_dead(bench.directory, Clock())
    assert isinstance(verdict, ProcessExit) and verdict == report
    assert not (bench.directory / "result.json").exists()
