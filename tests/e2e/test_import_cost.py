"""A headless read command imports neither Textual nor httpx, `status` no pydantic."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agentgate_engine.models.ids import RunId

from .site import Site

PROBE = """\
import sys
from agentgate_engine.cli.main import run_command
code = run_command(sys.argv[1:])
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def worked(small: Site) -> tuple[Site, RunId]:
    run_id = small.submit("touch done")
    small.work()
    return small, run_id


@pytest.mark.parametrize("command", ["status", "show", "why", "log", "verify", "diff"])
def test_a_reading_command_imports_nothing_that_it_does_not_need(worked: tuple[Site, RunId], command: str) -> None:
    site, run_id = worked
    arguments = [command] if command == "status" else [command, run_id]
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], env=site.environment, capture_output=True, text=True, check=True
    )
    imported = set(done.stderr.strip().split("\n")[-1].split())
    assert "agentgate_engine" in imported
    assert not imported & {"textual", "rich", "httpx", "watchfiles", "yaml", "agentgate_tui"}
    if command == "status":
        assert not imported & {"pydantic", "asyncio", "subprocess"}


def test_the_installed_command_imports_no_textual_for_status(worked: tuple[Site, RunId]) -> None:
    site, _ = worked
    probe = (
        "import sys; sys.argv = ['agentgate', 'status']\nfrom agentgate_tui.main import main\nmain()\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], env=site.environment, capture_output=True, text=True, check=True
    )
    assert not set(done.stderr.split()) & {"textual", "rich", "httpx", "pydantic", "watchfiles"}
