"""The demo, as an operator meets it: the real command in a real terminal, keyboard only."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .site import agentgate_command, until
from .terminal import Tmux

CAUSES = {
    "stock: round the": (r"AssertionError.*tests/test_stock\.py:21", r"FAILED \(failures=1\)"),
    "stock: keep the": (r"forbidden.*config/\.env", r"config/\.env|Done"),
    "stock: import from": (r"SIGSEGV", r"Reading the ledger|allocator gave up"),
    "stock: prove that": (r"time limit of 4 s", r"still not obvious"),
    "stock: wait for": (r"canceled by .*it hung", r"connecting to warehouse"),
}
"""Title -> what `w` must show, and what `l` must show."""
ROOT = r"^Queue > all  "


@pytest.fixture
def operator(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "tmp"),
        "LANG": "C.UTF-8",
    }


@pytest.fixture(params=[(80, 24), (120, 40)], ids=["80x24", "120x40"])
def tmux(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tmux]:
    terminal = Tmux(tmp_path / "tmux", *request.param)
    yield terminal
    terminal.close()


def test_headless_ends_as_it_should(operator: dict[str, str]) -> None:
    done = subprocess.run(
        [*agentgate_command(), "demo", "--headless", "--json"],
        env=operator,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    runs = json.loads(done.stdout)["runs"]
    assert len(runs) >= 7
    assert all(run["asExpected"] for run in runs)


def test_every_cause_is_reached_with_w_and_every_output_with_l(tmux: Tmux, operator: dict[str, str]) -> None:
    """Acceptance 4."""
    tmux.start(" ".join([*agentgate_command(), "demo"]), operator)
    tmux.wait(r"DEMO")
    assert str(operator["TMPDIR"])[:20] in tmux.screen()
    tmux.wait(r"4 pass|pass 4|\+4|4\s*pass|x5|5 fail|4 fail", 60)
    for title, (cause, output) in CAUSES.items():
        _to_row(tmux, title)
        tmux.keys("w")
        before = tmux.wait(cause)
        tmux.keys("l")
        until(lambda shown=before: tmux.screen() != shown, "the output's screen")
        tmux.wait(output)
        _to_the_queue(tmux)
    tmux.keys("q")
    tmux.wait(r"Pane is dead|look again with")


def _to_the_queue(tmux: Tmux) -> None:
    """`q` until the first screen; there one more would end it, so each is waited for."""
    for _ in range(4):
        if re.search(ROOT, before := tmux.screen(), re.MULTILINE):
            return
        tmux.keys("q")
        until(lambda shown=before: tmux.screen() != shown, f"a change after q on:\n{before}", 10)
    tmux.wait(ROOT)


def _to_row(tmux: Tmux, title: str) -> None:
    """Move the cursor to the row of that title."""
    tmux.wait(re.escape(title))
    tmux.keys("g")
    for _ in range(20):
        if re.search(rf"^>.*{re.escape(title[:16])}", tmux.screen(), re.MULTILINE):
            return
        tmux.keys("j")
    raise AssertionError(f"the cursor never came to {title!r}:\n{tmux.screen()}")
