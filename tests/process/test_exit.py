"""How a process ends, and what is recorded of it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from agentgate_engine.errors import UsageError
from agentgate_engine.process.process_folder import read_spec, read_start

from .conftest import ENVIRONMENT, Bench, carriers, until


@pytest.mark.parametrize("code", [0, 3, 127])
async def test_an_exit_code_is_recorded_as_it_is(bench: Bench, code: int) -> None:
    report = await bench.run(bench.shell(f"echo out; echo err >&2; exit {code}"))
    assert (report.exit_code, report.signal, report.ended_by, report.start_error) == (code, None, None, None)
    assert (bench.out(), bench.err()) == (b"out\n", b"err\n")
    assert (report.stdout_bytes, report.stderr_bytes) == (4, 4)
    assert report.started_at <= report.ended_at and report.duration_ms >= 0
    assert report.evidence_fault is None and report.max_rss_kb


async def test_a_death_by_signal_names_the_signal(bench: Bench) -> None:
    report = await bench.run(bench.shell("kill -SEGV $$"))
    assert (report.exit_code, report.signal, report.ended_by) == (None, "SIGSEGV", None)


async def test_a_program_that_is_not_there_is_a_start_error(bench: Bench) -> None:
    report = await bench.run(bench.spec("no-such-program"))
    assert report.start_error is not None and report.start_error.errno == 2
    assert report.start_error.message == "cannot start no-such-program: No such file or directory"
    assert (report.exit_code, report.signal) == (None, None)


async def test_a_directory_that_is_not_there_is_a_start_error(bench: Bench) -> None:
    report = await bench.run(bench.spec("true", cwd="/no/such/place"))
    assert report.start_error is not None
    assert report.start_error.message == "cannot enter /no/such/place: No such file or directory"


async def test_a_spec_that_cannot_be_read_is_a_start_error(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentgate_engine.models.process.ProcessSpec.to_json", lambda _: b"{")
    report = await bench.run(bench.spec("true"))
    assert report.start_error is not None and "supervisor failed" in report.start_error.message


async def test_stdin_is_a_file_or_nothing(bench: Bench) -> None:
    (bench.root / "prompt").write_bytes(b"fix it")
    assert (await bench.run(bench.spec("cat", stdin=str(bench.root / "prompt")))).exit_code == 0
    assert bench.out() == b"fix it"
    bench.directory = bench.directory.with_name("second")
    assert (await bench.run(bench.spec("cat"))).exit_code == 0
    assert bench.out() == b""


async def test_a_fifo_as_stdin_is_refused_not_waited_for(bench: Bench) -> None:
    os.mkfifo(bench.root / "fifo")
    report = await bench.run(bench.spec("cat", stdin=str(bench.root / "fifo")))
    assert report.start_error is not None and "not a regular file" in report.start_error.message


async def test_the_environment_is_what_was_given_and_no_value_is_on_disk(bench: Bench) -> None:
    report = await bench.run(bench.spec("/usr/bin/env"))
    assert report.exit_code == 0
    given = dict(line.split("=", 1) for line in bench.out().decode().splitlines())
    assert given == {**ENVIRONMENT, "AGENTGATE_PROCESS_TOKEN": bench.token}
    (bench.directory / "stdout.log").unlink()
    for path in bench.directory.iterdir():
        assert ENVIRONMENT["CANARY"].encode() not in path.read_bytes(), path.name
    spec = read_spec(bench.directory)
    assert spec is not None and spec.env_names == ("CANARY", "PATH")


async def test_files_are_for_their_owner_alone(bench: Bench) -> None:
    await bench.run(bench.spec("true"))
    assert bench.directory.stat().st_mode & 0o777 == 0o700
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in bench.directory.iterdir()} == dict.fromkeys(
        ["spec.json", "proc.json", "exit.json", "stdout.log", "stderr.log", "stdout.times", "shim.lock"], "0o600"
    )


async def test_signals_are_as_a_program_expects_them(bench: Bench) -> None:
    script = (
        "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, ()));"
        "print([s.name for s in signal.valid_signals() if isinstance(s, signal.Signals)"
        " and signal.getsignal(s) is signal.SIG_IGN and s not in (signal.SIGPIPE, signal.SIGXFSZ)])"
    )
    await bench.run(bench.python(script))
    assert bench.out() == b"set()\n[]\n"


async def test_an_attempt_runs_once(bench: Bench) -> None:
    await bench.run(bench.spec("true"))
    with pytest.raises(UsageError, match="held a process before"):
        await bench.start(bench.spec("true"))


async def test_a_process_that_closes_stdout_still_runs(bench: Bench) -> None:
    go = bench.root / "go"
    handle = await bench.start(
        bench.shell(f"exec >&- 2>&-; touch closed; while ! test -e {go}; do sleep 0.02; done; exit 5")
    )
    await until((bench.root / "closed").exists, "stdout closed")
    assert handle.alive()
    go.touch()
    report = await bench.finish(handle)
    assert report is not None and report.exit_code == 5


async def test_a_grandchild_that_holds_stdout_does_not_delay_the_end(bench: Bench) -> None:
    report = await bench.run(bench.shell("sleep 600 & exit 0"))
    assert (report.exit_code, report.swept_processes) == (0, 1)


async def test_descendants_that_run_away_are_gone(bench: Bench) -> None:
    script = (
        "setsid sleep 73110 & (setsid sh -c 'sleep 73111 & sleep 73112' & ) ; (env -i sleep 73113 &) ; "
        "trap '' TERM; sleep 0.1; exit 7"
    )
    report = await bench.run(bench.shell(script))
    assert report.exit_code == 7
    assert report.swept_processes == 5
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert not path.read_bytes().startswith(b"sleep\x007311"), path
        except (FileNotFoundError, ProcessLookupError):
            pass


async def test_killed_by_somebody_else_is_not_ours(bench: Bench) -> None:
    handle = await bench.start(bench.spec("sleep", "600"))
    await until(lambda: carriers(bench.token), "the process is there")
    start = read_start(bench.directory)
    assert start is not None
    os.kill(start.pid, signal.SIGKILL)
    report = await bench.finish(handle)
    assert report is not None and (report.signal, report.ended_by) == ("SIGKILL", None)
