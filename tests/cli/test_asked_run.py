"""The commands that print a file of a run as it stands find it by `run.json`, or by its events where that is torn."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_engine.cli.main import run_command
from agentgate_engine.models.run import Run
from tests.store.samples import Sample, copy_sample


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sample:
    monkeypatch.setenv("AGENTGATE_HOME", str(tmp_path / "store"))
    return copy_sample("format-1", tmp_path / "store")


def answers(run: Run, capfd: pytest.CaptureFixture[str]) -> list[tuple[int, str, str]]:
    found: list[tuple[int, str, str]] = []
    for words in (["log", run.id], ["log", "--json", run.id], ["diff", f"{run.id}/1"], ["diff", run.id]):
        code = run_command(words)
        told = capfd.readouterr()
        found.append((code, told.out, told.err))
    return found


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b"7", b"{}", b'{"iteration": "2", "state": "failed", "now": ""}'])
def test_a_summary_that_cannot_be_read_hides_no_log_and_no_patch(
    sample: Sample, capfd: pytest.CaptureFixture[str], torn: bytes
) -> None:
    run = sample.runs()["mend the sum"]
    whole = answers(run, capfd)
    assert all(code == 0 and out for code, out, _ in whole)
    sample.store.layout.run(run.id).summary.write_bytes(torn)  # type: ignore[arg-type]
    assert answers(run, capfd) == whole


@pytest.mark.parametrize("command", ["log", "diff", "show"])
def test_an_iteration_that_is_not_there_is_refused_by_number(
    sample: Sample, capfd: pytest.CaptureFixture[str], command: str
) -> None:
    runs = sample.runs()
    for title, count in (
        ("mend the sum", "2 iterations"),
        ("crash at once", "1 iteration"),
        ("held by the operator", "0 iterations"),
    ):
        run = runs[title]
        assert run_command([command, f"{run.id}/9"]) == 2
        assert f"run {run.id} has {count}, no iteration 9" in capfd.readouterr().err


def test_a_run_that_waits_says_so(sample: Sample, capfd: pytest.CaptureFixture[str]) -> None:
    run = sample.runs()["wait for an engine"]
    assert run_command(["log", run.id]) == 0
    told = capfd.readouterr()
    words = f"the agent printed nothing, or did not begin yet; {run.id} is queued: queued\n"
    assert (told.out, told.err) == ("", words)
    assert run_command(["diff", run.id]) == 2
    assert f"{run.id}/0 has no snapshot (yet): it is queued" in capfd.readouterr().err
