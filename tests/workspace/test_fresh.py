"""Fresh projects: templates that pass their own checks, and nothing left when one cannot be made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from agentgate_engine.errors import UsageError
from agentgate_engine.verify.gate_plan import resolve_plan
from agentgate_engine.workspace import fresh
from agentgate_engine.workspace.fresh import TEMPLATES, make_project
from agentgate_engine.workspace.git import Git
from agentgate_engine.workspace.manager import WorkspaceManager
from agentgate_engine.workspace.resolved_source import SourceRequest, resolve_source, undo_source
from agentgate_engine.workspace.source import read_file_at
from tests.workspace.conftest import RUN, Canary, git


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_passes_its_own_plan_in_a_clean_room(template: str, tmp_path: Path) -> None:
    """upstream.md 2.8: --fresh with --template minimal, typescript or python makes something that works."""
    request = SourceRequest("fresh", path=tmp_path / "My-App.2", template=template)
    found = resolve_source(request, tmp_path / "mirrors", os.environ)
    plan = resolve_plan(lambda path: read_file_at(found.path, found.head, path), found.head)
    assert plan.source == "verify.yaml" or plan.source_file == "verify.yaml"
    assert plan.tests
    (tmp_path / "store").mkdir()
    workspace = WorkspaceManager(tmp_path / "store" / "workspaces").prepare(RUN, found.path, found.head)
    room = workspace.clean_room(found.head).path
    for command in (*plan.setup, *plan.tests):
        done = subprocess.run(command.command, shell=True, cwd=room, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command.command}: {done.stdout}{done.stderr}"
    for path in plan.contracts.required_files:
        assert (room / path).is_file()
    assert git(room, "status", "--porcelain", "--", ".", ":!package-lock.json") == "", "caches are ignored"


@pytest.mark.parametrize("template", ["python", "typescript"])
def test_the_tests_of_a_template_can_fail(template: str, tmp_path: Path) -> None:
    place = make_project(tmp_path / "app", template)
    file, command = {
        "python": ("app/__init__.py", "python3 -m unittest discover -s tests"),
        "typescript": ("src/greeting.ts", "node run-tests.mjs --needs-nothing || npm install --no-audit; npm test"),
    }[template]
    (place / file).write_text((place / file).read_text().replace("Hello", "Goodbye"))
    done = subprocess.run(command, shell=True, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Goodbye" in done.stdout + done.stderr


def test_the_first_commit_is_the_operators(tmp_path: Path, canary: Canary) -> None:
    git(tmp_path, "config", "--global", "user.name", "Olga Operator")
    git(tmp_path, "config", "--global", "user.email", "olga@example.org")
    git(tmp_path, "config", "--global", "init.defaultBranch", "trunk")
    canary.hooks(tmp_path / "hooks")
    git(tmp_path, "config", "--global", "core.hooksPath", str(tmp_path / "hooks"))
    place = make_project(tmp_path / "app", "minimal", origin="https://github.com/o/app.git")
    assert git(place, "log", "--format=%an <%ae> %cn %s") == (
        "Olga Operator <olga@example.org> Olga Operator Start from the minimal template"
    )
    assert git(place, "symbolic-ref", "--short", "HEAD") == "trunk"
    assert git(place, "status", "--porcelain") == ""
    assert git(place, "remote", "get-url", "origin") == "https://github.com/o/app.git"
    assert canary.sang == ""


def test_a_name_alone_makes_it_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """upstream.md 2.8: --project-name."""
    monkeypatch.chdir(tmp_path)
    found = resolve_source(SourceRequest("fresh", project_name="shop"), tmp_path / "mirrors", os.environ)
    assert (found.path, found.kind, found.template, found.dirty) == (tmp_path / "shop", "fresh", "minimal", ())
    assert (found.path / "README.md").read_text().startswith("# shop\n")
    assert undo_source(found) == []
    assert not found.path.exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "home")
    for name, said in (
        ("file", "no directory"),
        ("full", "not empty"),
        ("link", "no directory"),
        ("no/parent", "does not exist"),
        ("-x", "cannot name"),
    ):
        with pytest.raises(UsageError, match=said):
            make_project(tmp_path / name, "minimal")
    with pytest.raises(UsageError, match="no template 'rust'; there are minimal, python, typescript"):
        make_project(tmp_path / "app", "rust")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]
    assert not (tmp_path / "app").exists()


@pytest.mark.parametrize("existed", [False, True])
@pytest.mark.parametrize("step", [1, 3, 4])
def test_a_failure_half_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existed: bool, step: int
) -> None:
    """upstream.md 2.8: a fresh project that could not be made is not there."""
    if existed:
        (tmp_path / "app").mkdir()
    real, count = Git.run, 0

    def dies(self: Git, *arguments: str, **options: object) -> object:
        nonlocal count
        count += 1
        if count == step:
            raise KeyboardInterrupt
        return real(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(fresh.Git, "run", dies)
    with pytest.raises(KeyboardInterrupt):
        make_project(tmp_path / "app", "python")
    assert (tmp_path / "app").exists() == existed
    assert not existed or list((tmp_path / "app").iterdir()) == []


def test_a_fresh_project_of_a_github_repository_has_it_as_origin(tmp_path: Path) -> None:
    """upstream.md 2.8: --github-new o/r, the part on this machine."""
    request = SourceRequest("fresh", path=tmp_path / "app", repository="o/app")
    found = resolve_source(request, tmp_path / "mirrors", os.environ)
    assert found.url == request.address == "https://github.com/o/app.git"
    assert git(found.path, "remote", "get-url", "origin") == found.url
    assert (found.record().repository, found.record().type, found.record().base_branch) == ("o/app", "fresh", "main")
