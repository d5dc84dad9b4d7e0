"""Every screen as a picture, in every state of a store, at both sizes that it is designed for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from tests.console.conftest import MakeApp, press, settled
from tests.console.store_builder import OPENED, STORES

SIZES = [pytest.param((80, 24), id="80x24"), pytest.param((120, 40), id="120x40")]
Compare = Callable[..., bool]


def to(store: str, *keys: str) -> Callable[[Pilot[int]], object]:
    """Go to the run of a store that the tests open, then press keys."""

    async def act(pilot: Pilot[int]) -> None:
        await settled(pilot)
        if keys:
            from agentgate_tui.widgets.virtual_table import VirtualTable

            pilot.app.screen.query_one("#queue", VirtualTable).move_to(OPENED[store])
            await settled(pilot)
            await press(pilot, *keys)

    return act


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("store", STORES)
def test_queue(snap_compare: Compare, make_app: MakeApp, store: str, size: tuple[int, int]) -> None:
    assert snap_compare(make_app(store), terminal_size=size, run_before=to(store))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", [pytest.param("enter", id="order"), pytest.param("w", id="why")])
@pytest.mark.parametrize("store", OPENED)
def test_run(snap_compare: Compare, make_app: MakeApp, store: str, key: str, size: tuple[int, int]) -> None:
    assert snap_compare(make_app(store), terminal_size=size, run_before=to(store, key))


@pytest.mark.parametrize("pane", ["l", "t", "d", "f", "m", "i"])
@pytest.mark.parametrize("store", ["failed", "hostile"])
def test_pane(snap_compare: Compare, make_app: MakeApp, store: str, pane: str) -> None:
    assert snap_compare(make_app(store), terminal_size=(80, 24), run_before=to(store, pane))


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(("w", "l"), id="output"),
        pytest.param(("w", "2"), id="call"),
        pytest.param(("question_mark",), id="help"),
        pytest.param(("enter", "left_square_bracket"), id="iteration-before"),
    ],
)
def test_deeper(snap_compare: Compare, make_app: MakeApp, keys: tuple[str, ...]) -> None:
    assert snap_compare(make_app("failed"), terminal_size=(80, 24), run_before=to("failed", *keys))


@pytest.mark.parametrize("row", range(1, 5))
def test_why_of_every_other_end(snap_compare: Compare, make_app: MakeApp, row: int) -> None:
    """An agent that died, one that was stopped, a canceled run, and one that passed."""
    keys = ("j",) * row
    assert snap_compare(make_app("failed"), terminal_size=(80, 24), run_before=to("failed", *keys, "w"))


def test_cancel_asks(snap_compare: Compare, make_app: MakeApp) -> None:
    assert snap_compare(make_app("live"), terminal_size=(80, 24), run_before=to("live", "x", "enter"))


@pytest.mark.parametrize("size", [pytest.param((58, 15), id="58x15")])
@pytest.mark.parametrize("key", ["", "enter", "w"])
def test_small(snap_compare: Compare, make_app: MakeApp, key: str, size: tuple[int, int]) -> None:
    keys = (key,) if key else ()
    assert snap_compare(make_app("failed"), terminal_size=size, run_before=to("failed", *keys))
