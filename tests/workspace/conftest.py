"""A real repository of an operator, a workspace made from it, and a canary that tells whether something ran."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from agentgate_engine.models.run import Run
from agentgate_engine.models.run_state import RunState
from agentgate_engine.workspace.manager import WorkspaceManager
from agentgate_engine.workspace.workspace import Workspace

RUN = "abcd2345.1"
_HOOKS = (
    "pre-commit post-commit commit-msg prepare-commit-msg post-checkout post-merge reference-transaction pre-auto-gc"
    " post-rewrite post-index-change fsmonitor-watchman pre-push update pre-receive post-update"
)


def git(directory: Path, *arguments: str, check: bool = True) -> str:
    """Git as a person or an agent would call it, with an identity and nothing else from outside."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {
        "GIT_AUTHOR_NAME": "Someone",
        "GIT_AUTHOR_EMAIL": "someone@example.org",
        "GIT_COMMITTER_NAME": "Someone",
        "GIT_COMMITTER_EMAIL": "someone@example.org",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"git {arguments}: {done.stderr}")
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The operator's repository: two commits on main, a tag, an ignore rule, a script and a file in a directory."""
    place = tmp_path / "project"
    place.mkdir()
    git(place, "init", "-q", "-b", "main")
    (place / "README.md").write_text("one\ntwo\nthree\n")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "first")
    (place / "src").mkdir()
    (place / "src" / "main.py").write_text("print('hello')\n")
    (place / "run.sh").write_text("#!/bin/sh\n")
    (place / "run.sh").chmod(0o755)
    (place / ".gitignore").write_text("*.cache\nbuild/\n")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "second")
    git(place, "tag", "v1")
    return place


@pytest.fixture
def manager(tmp_path: Path) -> WorkspaceManager:
    (tmp_path / "store").mkdir()
    return WorkspaceManager(tmp_path / "store" / "workspaces")


@pytest.fixture
def workspace(manager: WorkspaceManager, source: Path) -> Workspace:
    return manager.prepare(RUN, source, git(source, "rev-parse", "HEAD"))


def put_run(root: Path, run_id: str, state: RunState) -> None:
    """A run of that state, as far as leases look at it."""
    stamp = "2026-01-01T00:00:00.000Z"
    run = Run(id=run_id, work_order_id="abcd2345", state=state, max_iterations=3, queued_at=stamp, updated_at=stamp)
    directory = root / "runs" / run_id
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "run.json").write_bytes(run.to_json())


class Canary:
    """A script that leaves a mark when anyone runs it."""

    def __init__(self, directory: Path) -> None:
        self.mark = directory / "the-canary-ran"
        self.script = directory / "canary.sh"
        self.script.write_text(f'#!/bin/sh\necho "$0 $@" >> {self.mark}\ncat\n')
        self.script.chmod(0o755)

    def hooks(self, directory: Path) -> None:
        """Every hook that could run in what we do."""
        directory.mkdir(parents=True, exist_ok=True)
        for name in _HOOKS.split():
            (directory / name).write_text(self.script.read_text())
            (directory / name).chmod(0o755)

    @property
    def sang(self) -> str:
        return self.mark.read_text() if self.mark.exists() else ""

    def hush(self) -> None:
        self.mark.unlink(missing_ok=True)


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    return Canary(tmp_path)


def fingerprint(repository: Path) -> dict[str, object]:
    """All that must not change in the operator's repository: every file with mode and content, every directory, when
    the index was written, and what git says."""
    paths = sorted(repository.rglob("*"))
    return {
        "files": {
            str(path): (stat.S_IMODE(path.lstat().st_mode), path.read_bytes())
            for path in paths
            if path.is_file() and not path.is_symlink()
        },
        "directories": [str(path) for path in paths if path.is_dir()],
        "index": (repository / ".git" / "index").stat().st_mtime_ns,
        "refs": git(repository, "for-each-ref"),
        "stash": git(repository, "stash", "list"),
        "status": git(repository, "status", "--porcelain=v2", "--branch"),
    }


def content_of(directory: Path) -> dict[str, object]:
    """What stands in a directory, `.git` at its top aside."""
    found: dict[str, object] = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if name == ".git" or name.startswith(".git/"):
            continue
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_file():
            found[name] = (bool(path.stat().st_mode & 0o100), path.read_bytes())
        else:
            found[name] = "directory" if path.is_dir() else "special"
    return found
