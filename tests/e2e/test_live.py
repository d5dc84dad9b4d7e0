"""Acceptance 5: an operator sees a run while it happens, and closing the console changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .site import Site, agentgate_command, until
from .terminal import Tmux

PLAN = """\
version: "1"
tests:
  - name: slow check
    command: for i in $(seq 100); do test -f ../../../go && exit 0; sleep 0.1; done; exit 1
"""
SCRIPT = """\
iterations:
  1:
    - say: looking around
    - run: "echo first"
    - run: "while ! test -f ../../../tool; do sleep 0.05; done; echo waited"
    - result: {success: true, text: done}
"""
"""The tool and the check each wait for a file beside the workspaces' directory, which the test puts there."""


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    terminal = Tmux(tmp_path / "tmux", 80, 24)
    yield terminal
    terminal.close()


def test_bars_and_cells_appear_while_they_happen_and_a_closed_console_changes_nothing(site: Site, tmux: Tmux) -> None:
    site.make_repository({"README.md": "x\n", "verify.yaml": PLAN})
    script = site.root / "play.yaml"
    script.write_text(SCRIPT)
    done = site.agentgate("submit", "-p", "watch me", "-a", "scripted", "--script", str(script), "--json")
    run = json.loads(done.out)["runId"]
    site.engine()
    command = " ".join(agentgate_command())
    tmux.start(f"{command}; echo CLOSED; {command}", site.environment)
    tmux.wait("watch me")
    tmux.keys("Enter")
    tmux.wait("looking around")
    tmux.keys("t")
    live = tmux.wait(r"2 Bash .*while ! test")
    assert re.search(r"1 Bash .*echo first.* 0 ", live), "the first call has ended, with its exit code"
    assert not re.search(r"2 Bash .* 0 +\d+", live), "the second has not"
    (site.home / "tool").touch()
    tmux.wait(r"2 Bash .* 0 ")
    tmux.keys("m")
    tmux.wait(r"slow check +▸ run")
    tmux.keys("q", "q")
    tmux.wait("CLOSED")
    assert not site.run(run).state.terminal, "closing the console stops nothing"
    tmux.wait("watch me")
    (site.home / "go").touch()
    until(lambda: site.run(run).state.terminal, "the end of the run")
    tmux.wait(r"✓ pass")
    tmux.keys("Enter")
    tmux.wait("looking around")
    tmux.keys("m")
    tmux.wait(r"slow check +✓ pass")
    tmux.keys("t")
    tmux.wait(r"1 Bash .*echo first")
    tmux.wait(r"2 Bash .*while ! test")
