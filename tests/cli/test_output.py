"""What a command says when it cannot say it: one sentence, an exit code, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentgate_engine.cli.arguments import FILTER_HELP
from agentgate_engine.views.queue_view import FILTER_FIELDS


def agentgate(*arguments: str, home: Path, out: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "AGENTGATE_HOME": str(home), "LC_ALL": "C.UTF-8", **more}
    with (out or Path(os.devnull)).open("w") as stdout:
        return subprocess.run(
            [sys.executable, "-m", "agentgate_engine", *arguments],
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            timeout=60,
            check=False,
        )


def test_the_help_names_the_fields_of_the_filter() -> None:
    assert FILTER_HELP.endswith(" ".join(FILTER_FIELDS))


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [("doctor",), ("doctor", "--json"), ("--help",)])
def test_a_full_disk_under_the_output_is_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], unbuffered: str
) -> None:
    done = agentgate(*arguments, home=tmp_path / "home", out=Path("/dev/full"), PYTHONUNBUFFERED=unbuffered)
    if arguments == ("--help",) and unbuffered:
        assert "Traceback" not in done.stderr  # argparse itself passes over what it cannot print
        return
    assert (done.returncode, done.stderr) == (2, "agentgate: cannot write the output: No space left on device\n")


def test_home_may_stand_after_the_command(tmp_path: Path) -> None:
    for arguments in (("--home", str(tmp_path / "a"), "status"), ("status", "--home", str(tmp_path / "a"))):
        assert str(tmp_path / "a") in agentgate(*arguments, home=tmp_path / "b").stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("status", "-n", "-5"), "-n -5"),
        (("submit", "-p", "x", "-a", "command", "--command", "true", "--model", "m"), "--model"),
        (("submit", "-p", "x", "-a", "command", "--command", "true", "--permissions", "bypass"), "--permissions"),
        (("submit", "-p", "x", "--command", "true"), "--command"),
        (("submit", "-p", "x", "--script", "play.yaml"), "--script"),
        (("submit", "-p", "x", "--pass-env", "A=b"), "--pass-env"),
        (("submit", "-p", "x", "--pass-env", ""), "--pass-env"),
    ],
)
def test_options_that_would_do_nothing_are_refused(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = agentgate(*arguments, home=tmp_path / "home")
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "home").exists()
