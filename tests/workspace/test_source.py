"""Looking at the operator's repository: what is told, what is refused, and that nothing in it changes."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from agentgate_engine.errors import UsageError, WorkspaceError
from agentgate_engine.workspace.source import inspect_source, read_file_at, save_uncommitted
from tests.workspace.conftest import Canary, fingerprint, git


def test_a_clean_repository_is_described(source: Path) -> None:
    state = inspect_source(source)
    assert state.top_level == source
    assert state.head == git(source, "rev-parse", "HEAD")
    assert (state.branch, state.dirty) == ("main", ())
    assert (state.shallow, state.has_submodules, state.uses_lfs) == (False, False, False)


def test_a_directory_below_the_top_means_the_repository(source: Path) -> None:
    assert inspect_source(source / "src").top_level == source


def test_a_detached_head_has_no_branch(source: Path) -> None:
    git(source, "checkout", "-q", "--detach", "HEAD~1")
    assert inspect_source(source).branch is None


def test_dirty_paths_are_whole_names_and_ignored_ones_are_not_among_them(source: Path) -> None:
    (source / "README.md").write_text("changed\n")
    (source / "new\nline").write_text("")
    (source / "ünï").mkdir()
    (source / "ünï" / "-dash").write_text("")
    (source / "x.cache").write_text("")
    (source / "run.sh").unlink()
    assert set(inspect_source(source).dirty) == {"README.md", "new\nline", "ünï/-dash", "run.sh"}


def test_submodules_lfs_and_shallowness_are_told(source: Path, tmp_path: Path) -> None:
    (source / ".gitmodules").write_text("")
    (source / "src" / ".gitattributes").write_text("*.bin filter=lfs diff=lfs\n")
    git(source, "add", "-A")
    git(source, "commit", "-qm", "attributes")
    state = inspect_source(source)
    assert (state.has_submodules, state.uses_lfs) == (True, True)
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{source}", "shallow")
    assert inspect_source(tmp_path / "shallow").shallow


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda place: None, "does not exist"),
        (lambda place: place.write_text("x"), "not a directory"),
        (lambda place: place.mkdir(), "not in a git repository"),
        (lambda place: git(place.parent, "init", "-q", "--bare", place.name), "bare repository"),
        (lambda place: git(place.parent, "init", "-q", place.name), "no commit yet"),
    ],
)
def test_what_no_run_can_start_from_is_refused_in_one_sentence(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    place = tmp_path / "place"
    make(place)
    with pytest.raises(UsageError, match=said) as caught:
        inspect_source(place)
    assert str(place) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_inside_of_a_git_directory_is_refused(source: Path) -> None:
    with pytest.raises(UsageError, match=r"inside a \.git directory"):
        inspect_source(source / ".git")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_repository_of_someone_else_is_refused_with_the_way_to_trust_it(source: Path) -> None:
    for path in (source, source / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(UsageError, match=r"another user.*safe\.directory"):
        inspect_source(source)
    git(source, "config", "--global", "--add", "safe.directory", str(source))
    assert inspect_source(source).branch == "main"


def test_looking_runs_nothing_and_writes_nothing(source: Path, canary: Canary, tmp_path: Path) -> None:
    (source / ".gitattributes").write_text("*.md filter=bird\n")
    git(source, "add", "-A")
    git(source, "commit", "-qm", "attributes")
    canary.hooks(source / ".git" / "hooks")
    for key in ("core.fsmonitor", "filter.bird.clean", "filter.bird.process", "diff.external"):
        git(source, "config", key, str(canary.script))
    git(source, "config", "filter.bird.required", "true")
    (source / "README.md").write_text("changed\n")
    (source / "added").write_text("new\n")
    before = {str(path): path.read_bytes() for path in source.rglob("*") if path.is_file()}
    canary.hush()
    assert set(inspect_source(source).dirty) == {"README.md", "added"}
    assert save_uncommitted(source, tmp_path / "patch") == 2
    assert canary.sang == ""
    assert {str(path): path.read_bytes() for path in source.rglob("*") if path.is_file()} == before
    git(source, "status", check=False)
    assert canary.sang, "the canary can sing"


def test_uncommitted_changes_make_a_patch_that_gives_the_same_files(source: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(source), "other")
    other = tmp_path / "other"
    (source / "README.md").write_text("changed without a last newline")
    (source / "blob").write_bytes(bytes(range(256)) * 10)
    (source / "new\nline").write_text("x\n")
    (source / "link").symlink_to("/nowhere")
    (source / "empty").write_text("")
    (source / "run.sh").chmod(0o644)
    (source / "src" / "main.py").unlink()
    git(source, "add", "blob")
    git(source, "init", "-q", "nested")
    before = fingerprint(source)
    assert save_uncommitted(source, tmp_path / "patch") == 7
    assert fingerprint(source) == before
    git(other, "apply", "--index", str(tmp_path / "patch"))
    assert (other / "blob").read_bytes() == (source / "blob").read_bytes()
    assert (other / "README.md").read_text() == "changed without a last newline"
    assert (other / "new\nline").read_text() == "x\n"
    assert (other / "link").is_symlink()
    assert (other / "empty").exists()
    assert not (other / "run.sh").stat().st_mode & stat.S_IXUSR
    assert not (other / "src" / "main.py").exists()
    assert not (other / "nested").exists()


def test_a_clean_repository_makes_an_empty_patch(source: Path, tmp_path: Path) -> None:
    assert save_uncommitted(source, tmp_path / "patch") == 0
    assert (tmp_path / "patch").read_bytes() == b""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "patch", "project"]


def test_a_merge_conflict_is_taken_as_it_stands(source: Path, tmp_path: Path) -> None:
    git(source, "checkout", "-qb", "other", "HEAD~1")
    (source / "README.md").write_text("other\n")
    git(source, "commit", "-qam", "other")
    git(source, "checkout", "-q", "main")
    (source / "README.md").write_text("main\n")
    git(source, "commit", "-qam", "main")
    git(source, "merge", "other", check=False)
    assert save_uncommitted(source, tmp_path / "patch") == 1
    assert b"+<<<<<<< HEAD" in (tmp_path / "patch").read_bytes()


def test_files_are_read_from_a_commit_not_from_the_disk(source: Path) -> None:
    head = git(source, "rev-parse", "HEAD")
    (source / "README.md").write_text("changed\n")
    assert read_file_at(source, head, "README.md") == b"one\ntwo\nthree\n"
    assert read_file_at(source, head, "src/main.py") == b"print('hello')\n"
    for absent in ("src", "nowhere", "*.md", "src/", "-x"):
        assert read_file_at(source, head, absent) is None
    with pytest.raises(WorkspaceError):
        read_file_at(source, "0" * 40, "README.md")
