"""What ends a process before it ends itself."""

from __future__ import annotations

import asyncio
import shutil

from agentgate_engine.store.locks import FileLock

from .conftest import Bench, until

STUBBORN = "trap '' TERM INT; echo up; while :; do sleep 0.05; done"


async def test_a_stop_lets_the_process_end_in_its_own_way(bench: Bench) -> None:
    handle = await bench.start(bench.shell("trap 'echo bye; exit 9' TERM; echo up; while :; do sleep 0.02; done"))
    await until(lambda: bench.out() == b"up\n", "the process is up")
    await handle.stop()
    await handle.stop()
    report = await bench.finish(handle)
    assert report is not None and (report.exit_code, report.ended_by) == (9, "stop")
    assert bench.out() == b"up\nbye\n"


async def test_a_process_that_ignores_sigterm_is_killed(bench: Bench) -> None:
    handle = await bench.start(bench.shell(STUBBORN, stop_sequence=(("SIGINT", 0.1), ("SIGTERM", 0.1))))
    await until(lambda: bench.out() == b"up\n", "the process is up")
    await handle.stop()
    report = await bench.finish(handle)
    assert report is not None and (report.signal, report.ended_by) == ("SIGKILL", "stop")
    assert report.duration_ms >= 200


async def test_a_stop_right_after_the_start_is_not_lost(bench: Bench) -> None:
    handle = await bench.start(bench.spec("sleep", "600"))
    await handle.stop()
    report = await bench.finish(handle)
    assert report is not None and report.ended_by == "stop"


async def test_a_stop_during_the_start_is_never_swallowed(bench: Bench) -> None:
    for attempt in range(8):
        bench.directory = bench.directory.with_name(f"attempt-{attempt}")
        handle = await bench.start(bench.spec("sleep", "600", stop_sequence=(("SIGTERM", 600),)))
        await asyncio.sleep(attempt * 0.006)
        await handle.stop()
        report = await bench.finish(handle)
        assert report is not None and report.ended_by == "stop"


async def test_a_deadline_ends_it(bench: Bench) -> None:
    report = await bench.run(bench.shell(STUBBORN, deadline_s=0.3))
    assert (report.signal, report.ended_by) == ("SIGKILL", "deadline")
    assert report.duration_ms >= 300


async def test_too_much_output_ends_it_and_stays(bench: Bench) -> None:
    for stream in ("stdout", "stderr"):
        bench.directory = bench.directory.with_name(stream)
        redirect = "" if stream == "stdout" else " >&2"
        report = await bench.run(bench.shell(f"yes | head -c 8000000{redirect}; sleep 600", output_cap_bytes=100_000))
        assert report.ended_by == "output_cap"
        assert (report.stdout_bytes if stream == "stdout" else report.stderr_bytes) > 100_000
        assert len(bench.out()) == report.stdout_bytes and len(bench.err()) == report.stderr_bytes


async def test_a_flood_is_not_given_its_grace(bench: Bench) -> None:
    script = "trap '' TERM; head -c 8000000 /dev/zero; sleep 600"
    report = await bench.run(bench.shell(script, output_cap_bytes=1 << 20, stop_sequence=(("SIGTERM", 600),)))
    assert report.ended_by == "output_cap"


async def test_an_engine_that_is_gone_for_longer_than_its_grace(bench: Bench) -> None:
    owner = FileLock.acquire(bench.root / "run.lock")
    spec = bench.spec("sleep", "600", owner_lock=str(bench.root / "run.lock"), engine_grace_s=1)
    handle = await bench.start(spec)
    await until(lambda: (bench.directory / "proc.json").exists(), "the process is there")
    assert handle.alive()
    owner.release()
    report = await bench.finish(handle)
    assert report is not None and report.ended_by == "engine_lost"
    assert report.duration_ms >= 1000


async def test_an_engine_that_comes_back_in_time_loses_nothing(bench: Bench) -> None:
    lock = bench.root / "run.lock"
    owner = FileLock.acquire(lock)
    go = bench.root / "go"
    script = f"while ! test -e {go}; do sleep 0.02; done"
    handle = await bench.start(bench.shell(script, owner_lock=str(lock), engine_grace_s=1))
    await until(lambda: (bench.directory / "proc.json").exists(), "the process is there")
    owner.release()
    for _ in range(2):  # absent twice, each for less than the grace, in all for longer: only time can show that
        await asyncio.sleep(0.5)
        with FileLock.acquire(lock, wait_s=5):
            await asyncio.sleep(0.6)
            assert handle.alive()
    with FileLock.acquire(lock, wait_s=5):
        go.touch()
        report = await bench.finish(handle)
    assert report is not None and (report.exit_code, report.ended_by) == (0, None)


async def test_a_supervisor_whose_directory_was_deleted_ends_with_its_process(bench: Bench) -> None:
    """It kept a full log of the size of the disk open for ten minutes, waiting for room to report."""
    handle = await bench.start(bench.shell("echo up; while ! test -e go; do sleep 0.02; done"))
    await until(lambda: bench.out() == b"up\n", "the process is up")
    shutil.rmtree(bench.directory)
    (bench.root / "go").touch()
    await until(lambda: not handle.alive(), "the supervisor ended")
