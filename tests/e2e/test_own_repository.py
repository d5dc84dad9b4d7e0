"""Promise 4: AgentGate works an order on a clone of its own repository, judged by its own plan."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

import agentgate_engine

from .site import Site, git

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 900

_TEST = '''"""What a release must not forget."""

from __future__ import annotations

import agentgate_engine


def test_the_version_is_the_one_that_was_asked_for() -> None:
    assert agentgate_engine.__version__ == "{version}"
'''


@pytest.fixture
def own_clone(site: Site) -> Site:
    if not (ROOT / ".git").exists():
        pytest.skip("this checkout has no history to clone")
    git(site.root, "clone", "-q", "--no-hardlinks", str(ROOT), str(site.repository))
    git(site.repository, "config", "user.name", "Olga Operator")
    git(site.repository, "config", "user.email", "olga@example.org")
    return site


def test_agentgate_builds_agentgate(own_clone: Site) -> None:
    """A scripted agent raises the version, with a test; lint, rooms, types and unit tests of `.agentgate` judge it."""
    old = agentgate_engine.__version__
    new = re.sub(r"\d+$", lambda last: str(int(last[0]) + 1), old)
    script = own_clone.root / "release.yaml"
    steps = [
        {"say": f"Raising the version from {old} to {new}."},
        {
            "edit": {
                "path": "agentgate_engine/__init__.py",
                "replace": f'__version__ = "{old}"',
                "with": f'__version__ = "{new}"',
            }
        },
        {"write": {"path": "tests/test_version.py", "content": _TEST.format(version=new)}},
        {"result": {"success": True, "text": f"The version is {new}."}},
    ]
    script.write_text(yaml.safe_dump({"iterations": {1: steps}}, sort_keys=False))
    run = own_clone.agentgate("submit", "-p", "raise the version", "-a", "scripted", "--script", str(script), "--json")
    assert run.code == 0, run.err
    engine = own_clone.engine()
    assert engine.wait(PATIENCE_S) == 0
    run_id = run.document["runId"]
    why = own_clone.agentgate("why", f"{run_id}/1")
    own_clone.assert_ended_well(run_id) if own_clone.run(run_id).result == "passed" else pytest.fail(why.out)
    branch = f"agentgate/{run_id}"
    changed = git(own_clone.repository, "diff", "--name-only", f"main...{branch}").split()
    assert changed == ["agentgate_engine/__init__.py", "tests/test_version.py"]
    shown = subprocess.run(
        ["git", "show", f"{branch}:agentgate_engine/__init__.py"],
        cwd=own_clone.repository,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f'__version__ = "{new}"' in shown.stdout
