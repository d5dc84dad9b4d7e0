"""Stores of the original AgentGate under the installed command: read, told, and left as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.terminal import Tmux
from tests.store.foreign_support import copy_of, state_of

from .site import Site, agentgate_command


def home(root: Path) -> tuple[str, str]:
    return ("--home", str(root))


def test_the_genuine_store_is_listed_whole_and_left_as_it_is(site: Site) -> None:
    """Acceptance 7: all 12 orders and every run, none `failed` that was not run, and nothing written."""
    root = copy_of("v0.2.24", site.root / "theirs")
    before = state_of(root)
    done = site.agentgate(*home(root))
    assert done.code == 0, done.err
    for order in (root / "work-orders").iterdir():
        assert order.stem in done.out
    for run in (root / "runs").iterdir():
        assert run.name in done.out
    assert done.err == "READ-ONLY: a store of the original AgentGate (v0.2.24)\n"
    words = {line.split()[1]: line.split()[0] for line in done.out.splitlines()[1:]}
    failed = {order for order, word in words.items() if word == "FAIL"}
    assert failed == {"3FiOyCOwQOP5", "YpPigRksFAuN", "tLmOQnZNzWod", "zRaOxGLt6Ns_"}
    assert words["VT1cYlivOH7G"] == "wait"
    assert words["625vQt0s_vBv"] == "cancel"
    document = site.agentgate(*home(root), "status", "--json").document
    assert document["total"] == 12
    assert document["foreign"] == {
        "readOnly": True,
        "writtenBy": "the original AgentGate (v0.2.24)",
        "generation": "v0.2.24",
    }
    assert state_of(root) == before


def test_a_run_is_read_and_new_work_refused(site: Site) -> None:
    """Acceptance 7 and DESIGN 4: an id that begins with a dash resolves; writing is refused before all else, with 3."""
    root = copy_of("v0.2.24", site.root / "theirs")
    before = state_of(root)
    shown = site.agentgate(*home(root), "show", "--", "-j-6xRIX3x_Y")
    assert shown.code == 0
    assert "its order is recorded as canceled, the run as succeeded: shown is the run" in shown.out
    refused = site.agentgate("submit", "-p", "x", environment={"AGENTGATE_ROOT": str(root)})
    assert (refused.code, refused.out) == (3, "")
    assert f"{root} is a store of the original AgentGate (v0.2.24). It is read-only" in refused.err
    assert state_of(root) == before


def test_doctor_names_the_usual_place_of_the_original(site: Site) -> None:
    copy_of("v0.2.26", site.root / "home" / ".agentgate")
    done = site.agentgate("doctor")
    place = site.root / "home" / ".agentgate"
    assert f"{place} is a store of the original AgentGate (v0.2.26)" in done.out
    assert f"agentgate --home {place}" in done.out


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_console_opens_a_read_only_store_that_is_not_writable(site: Site, size: tuple[int, int]) -> None:
    """Acceptance 7 in the console: listed, named as read-only, drilled into, and left as it is."""
    root = copy_of("v0.2.24", site.root / "theirs")
    for path in [root, *root.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = state_of(root)
    terminal = Tmux(site.root / "tmux", *size)
    try:
        terminal.start(" ".join([*agentgate_command(), "--home", str(root)]), site.environment)
        screen = terminal.wait(r"READ-ONLY: a store of the original AgentGate \(v0\.2\.24\)[\s\S]*WhRo1phVbYgS")
        assert all(order.stem in screen for order in (root / "work-orders").iterdir())
        terminal.keys("x")
        terminal.wait(r"(READ-ONLY: a store of the original[\s\S]*){2}")
        for _ in range(9):
            terminal.keys("j")
        terminal.wait(r"> ✗ FAIL tLmOQnZNzWod")
        terminal.keys("w")
        terminal.wait(r"got goodbye world 3")
        terminal.keys("q", "l")
        terminal.wait(r"Changed the greeting, should be right now\.")
    finally:
        terminal.close()
        after = state_of(root)
        for path in [root, *root.rglob("*")]:
            path.chmod(0o755)
    assert after == before
