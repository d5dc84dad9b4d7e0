"""The evidence: every byte, and when it came."""

from __future__ import annotations

import time
from pathlib import Path

from agentgate_engine.process.arrival_times import ArrivalTimes

from .conftest import Bench, until


async def test_a_line_without_an_end_is_kept_whole(bench: Bench) -> None:
    report = await bench.run(bench.python("import sys; sys.stdout.write('x' * 262144)"))
    assert report.exit_code == 0 and bench.out() == b"x" * 262144
    assert ArrivalTimes(bench.directory).at(262143) is not None


async def test_arrival_times_follow_the_output(bench: Bench) -> None:
    began = time.time()
    handle = await bench.start(bench.shell("echo one; while ! test -e go; do sleep 0.02; done; echo two"))
    times = ArrivalTimes(bench.directory)
    assert times.at(0) is None or bench.out()
    await until(lambda: times.at(3), "the time of the first line")
    assert times.at(4) is None
    between = time.time()
    (bench.root / "go").touch()
    report = await bench.finish(handle)
    assert report is not None and report.exit_code == 0
    first, second = times.at(0), times.at(7)
    assert first is not None and second is not None
    assert began - 0.05 <= first <= between and second >= between - 0.05
    assert times.at(8) is None


def test_arrival_times_believe_whole_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "stdout.times"
    times = ArrivalTimes(tmp_path)
    assert times.at(0) is None
    path.write_bytes(b"1000 10\n2000 2")
    assert (times.at(0), times.at(9), times.at(10)) == (1.0, 1.0, None)
    with path.open("ab") as file:
        file.write(b"0\nrubbish\n2500 15\n3000 30\n")
    assert (times.at(10), times.at(19), times.at(20), times.at(29), times.at(30)) == (2.0, 2.0, 3.0, 3.0, None)


async def test_a_log_cut_short_by_the_process_is_said(bench: Bench) -> None:
    """`> /dev/stdout` truncates a stdout that is a file. It cannot be undone; it must not go unseen."""
    handle = await bench.start(
        bench.shell("echo a long first line; while ! test -e go; do sleep 0.02; done; echo b > /dev/stdout")
    )
    await until(lambda: ArrivalTimes(bench.directory).at(0), "the first line is measured")
    (bench.root / "go").touch()
    report = await bench.finish(handle)
    assert report is not None and report.evidence_fault is not None
    assert "stdout.log was cut from 18 to" in report.evidence_fault


async def test_a_planted_link_is_not_written_through(bench: Bench) -> None:
    victim = bench.root / "victim"
    victim.write_bytes(b"mine")
    bench.directory.mkdir(parents=True)
    (bench.directory / "stdout.log").symlink_to(victim)
    report = await bench.run(bench.shell("echo gotcha"))
    assert report.start_error is not None
    assert victim.read_bytes() == b"mine"
