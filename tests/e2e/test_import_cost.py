"""What a headless command that reads may import. This keeps its cost, where a test of time could only guess."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from agentgate_engine.models.ids import RunId

from .conftest import SMALL_PLAN
from .site import Site

PROBE = """\
import sys
from agentgate_engine.cli.main import run_command
try:
    code = run_command(sys.argv[1:])
except SystemExit as leaving:
    code = leaving.code
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, RunId]]:
    site = Site(tmp_path_factory.mktemp("imports") / "site")
    site.make_repository({"README.md": "small\n", "verify.yaml": SMALL_PLAN})
    run_id = site.submit("touch done")
    site.work()
    yield site, run_id
    site.close()


NEVER = {"textual", "rich", "httpx", "jsonschema", "tenacity", "watchfiles", "agentgate_tui"}
LIST = NEVER | {"pydantic", "asyncio", "subprocess", "yaml", "email", "hashlib", "zstandard"}
RECORDS = NEVER | {"asyncio", "subprocess", "yaml", "zstandard"}
MACHINE = NEVER | {"asyncio", "zstandard"}
COMMANDS = {
    "--version": LIST, "status": LIST, "list --json": LIST, "status -f st:passed": LIST, "queue": LIST,
    "queue health": LIST, "engines": LIST, "log RUN": LIST, "log --json RUN": LIST, "diff RUN": LIST,
    "events RUN": LIST, "events --json RUN": LIST,
    "show RUN": RECORDS, "why RUN": RECORDS, "log --tools RUN": RECORDS, "log --raw RUN": RECORDS,
    "verify RUN": RECORDS, "feedback RUN": RECORDS, "plan RUN": RECORDS, "metrics RUN": RECORDS, "metrics": RECORDS,
    "snapshots RUN": MACHINE, "workspaces": MACHINE, "clean --dry-run": MACHINE, "profile list": MACHINE,
    "doctor": MACHINE,
}  # fmt: skip
"""What no command may import, by command: benches say what each import costs (tests/bench/read_cost.py)."""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reading_command_imports_nothing_that_it_does_not_need(worked: tuple[Site, RunId], command: str) -> None:
    site, run_id = worked
    arguments = [run_id if word == "RUN" else word for word in command.split()]
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], env=site.environment, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    imported = set(done.stderr.strip().split("\n")[-1].split())
    assert "agentgate_engine" in imported
    assert imported & COMMANDS[command] == set()


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
