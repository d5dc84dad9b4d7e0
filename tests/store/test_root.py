"""Which directory is the store, and what is never taken for one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from agentgate_engine.errors import StoreError
from agentgate_engine.store.layout import resolve_root
from agentgate_engine.store.root import make_root, open_root


def test_where_the_store_is_and_what_decided_it() -> None:
    environment = {"AGENTGATE_HOME": "/a", "AGENTGATE_ROOT": "/b", "XDG_STATE_HOME": "/c"}
    assert resolve_root("/asked", environment) == (Path("/asked"), "--home")
    assert resolve_root(None, environment) == (Path("/a"), "AGENTGATE_HOME")
    del environment["AGENTGATE_HOME"]
    assert resolve_root(None, environment) == (Path("/b"), "AGENTGATE_ROOT")
    del environment["AGENTGATE_ROOT"]
    assert resolve_root(None, environment) == (Path("/c/agentgate"), "XDG_STATE_HOME")
    assert resolve_root(None, {})[1] == "default"


def test_a_new_store_is_private_and_making_it_twice_is_no_error(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "store"
    for _ in range(2):
        make_root(root)
    assert open_root(root).root == root
    assert {path.name for path in root.iterdir()} == {
        *("VERSION", "engines", "work-orders", "runs", "workspaces", "quarantine"),
    }
    for path in (root, *root.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_making_that_was_cut_short_is_gone_on_with(tmp_path: Path) -> None:
    for name in ("engines", "work-orders", "runs"):
        (tmp_path / "store" / name).mkdir(parents=True)
    with pytest.raises(StoreError):
        open_root(tmp_path / "store")
    make_root(tmp_path / "store")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (["runs/", "work-orders/"], "the original AgentGate"),
        (["runs/", "leases/", "snapshots/"], "the original AgentGate"),
        (["runs/", "engines/", "work-orders/", "index.db"], "lost its VERSION file"),
        (["letters.txt"], "not a store"),
    ],
)
def test_what_others_wrote_is_left_alone(tmp_path: Path, content: list[str], words: str) -> None:
    root = tmp_path / "theirs"
    for name in content:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            root.mkdir(exist_ok=True)
            path.write_text("theirs")
    before = sorted(root.rglob("*"))
    for opening in (open_root, make_root):
        with pytest.raises(StoreError, match=words):
            opening(root)
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize(("version", "words"), [("2\n", "newer AgentGate"), ("one\n", "format number"), ("", "format")])
def test_a_version_that_cannot_be_read_is_refused(tmp_path: Path, version: str, words: str) -> None:
    root = tmp_path / "store"
    make_root(root)
    (root / "VERSION").write_text(version)
    for opening in (open_root, make_root):
        with pytest.raises(StoreError, match=words):
            opening(root)


def test_a_store_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("x")
    for opening in (open_root, make_root):
        with pytest.raises(StoreError, match=r"(?i)not a directory"):
            opening(tmp_path / "store")
