"""Leases: one run has one real path, for as long as it is not over, whoever asks and whatever died."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentgate_engine.errors import WorkspaceError
from agentgate_engine.models.lease import Lease
from agentgate_engine.models.run_state import RunState
from agentgate_engine.store.layout import StoreLayout
from agentgate_engine.workspace import lease as module
from agentgate_engine.workspace.lease import LeaseBook, LeaseHeld
from tests.workspace.conftest import put_run

ONE, TWO = "abcd2345.1", "abcd2345.2"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    root.mkdir()
    for run_id in (ONE, TWO):
        put_run(root, run_id, RunState.BUILDING)
    return root


@pytest.fixture
def book(root: Path) -> LeaseBook:
    return LeaseBook(StoreLayout(root))


def test_two_runs_on_one_directory_exclude_each_other(book: LeaseBook, tmp_path: Path) -> None:
    """upstream.md 8.6: one live lease per real path, under whatever name the path is given."""
    place = tmp_path / "checkout"
    place.mkdir()
    (tmp_path / "link").symlink_to(place)
    lease = book.acquire(place, ONE)
    assert (lease.path, lease.run_id) == (str(place), ONE), "a lease holds the id of a run and not of an order"
    for name in (place, tmp_path / "link", place / ".." / "checkout"):
        with pytest.raises(LeaseHeld) as caught:
            book.acquire(name, TWO)
        assert caught.value.holder == ONE
        assert ONE in str(caught.value)
    assert book.release(TWO) == []
    assert book.release(ONE) == [str(place)]
    assert book.acquire(place, TWO).run_id == TWO


def test_the_count_goes_one_then_zero(book: LeaseBook, root: Path, tmp_path: Path) -> None:
    """upstream.md 8.1: acquire and release; no file is left."""
    assert book.all() == []
    book.acquire(tmp_path, ONE)
    assert [lease.run_id for lease in book.all()] == [ONE]
    book.release(ONE)
    book.release(ONE)
    assert book.all() == []
    assert list((root / "leases").iterdir()) == []


def test_a_restarted_engine_takes_the_lease_of_its_run_again(book: LeaseBook, tmp_path: Path) -> None:
    book.acquire(tmp_path, ONE, fence=1)
    assert book.acquire(tmp_path, ONE, fence=2).fence == 2
    with pytest.raises(WorkspaceError, match="newer claim"):
        book.acquire(tmp_path, ONE, fence=1)
    assert len(book.all()) == 1


@pytest.mark.parametrize("end", [RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED, None])
def test_what_a_run_that_is_over_left_is_reclaimed(book: LeaseBook, root: Path, tmp_path: Path, end: RunState) -> None:
    """upstream.md 8.6: a leaked lease keeps nobody out."""
    book.acquire(tmp_path, ONE)
    assert book.reclaim() == []
    if end is None:
        (root / "runs" / ONE / "run.json").unlink()
    else:
        put_run(root, ONE, end)
    assert not book.counts(book.all()[0])
    assert book.acquire(tmp_path, TWO).run_id == TWO
    assert book.release(ONE) == []
    (tmp_path / "other").mkdir()
    book.acquire(tmp_path / "other", ONE)
    assert book.reclaim() == [str(tmp_path / "other")]
    assert [lease.run_id for lease in book.all()] == [TWO]


def test_a_run_that_cannot_be_read_keeps_its_lease(book: LeaseBook, root: Path, tmp_path: Path) -> None:
    book.acquire(tmp_path, ONE)
    (root / "runs" / ONE / "run.json").write_text("{")
    with pytest.raises(LeaseHeld):
        book.acquire(tmp_path, TWO)


def test_a_damaged_lease_is_nobodys(book: LeaseBook, root: Path, tmp_path: Path) -> None:
    book.acquire(tmp_path, ONE)
    next((root / "leases").glob("*.json")).write_text("{")
    assert book.acquire(tmp_path, TWO).run_id == TWO


def test_nobody_else_decides_meanwhile(
    book: LeaseBook, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking who has a path and taking it, no other engine gets to look."""
    real, alone = module._read, list[bool]()

    def looks(place: Path) -> Lease | None:
        descriptor = os.open(root / "leases", os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone.append(False)
        except BlockingIOError:
            alone.append(True)
        finally:
            os.close(descriptor)
        return real(place)

    monkeypatch.setattr(module, "_read", looks)
    book.acquire(tmp_path, ONE)
    book.release(ONE)
    assert alone == [True, True]


def test_of_many_processes_one_wins(book: LeaseBook, root: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from agentgate_engine.store.layout import StoreLayout\n"
        "from agentgate_engine.workspace.lease import LeaseBook, LeaseHeld\n"
        "book = LeaseBook(StoreLayout(Path(sys.argv[1]))); sys.stdin.readline()\n"
        "try: book.acquire(Path(sys.argv[2]), sys.argv[3]); print('won')\n"
        "except LeaseHeld: print('lost')\n"
    )
    runs = [f"abcd2345.{n}" for n in range(1, 6)]
    for run_id in runs:
        put_run(root, run_id, RunState.LEASED)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(root), str(tmp_path), run_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        for run_id in runs
    ]
    said = [child.communicate("\n")[0].strip() for child in children]
    assert sorted(said) == ["lost"] * 4 + ["won"]
    assert [lease.run_id for lease in book.all()] == [runs[said.index("won")]]
