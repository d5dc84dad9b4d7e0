"""From what an operator typed to the run that is meant."""

from __future__ import annotations

import os

from agentgate_engine.errors import UsageError
from agentgate_engine.models.ids import RunId, is_run_id, order_of, split_asked
from agentgate_engine.store.layout import StoreLayout


def find_run(layout: StoreLayout, asked: str) -> tuple[RunId, int | None]:
    """The run that an id or any unique prefix of one names (an order alone means its newest run), and the iteration.

    Raises:
        UsageError: nothing fits, or several orders do; the message lists them.
    """
    prefix, number, iteration = split_asked(asked)
    try:
        names = [RunId(name) for name in os.listdir(layout.runs) if is_run_id(name) and name.startswith(prefix)]
    except FileNotFoundError:
        names = []
    orders = sorted({order_of(name) for name in names})
    if not orders:
        raise UsageError(f"no run's id begins with {prefix!r}; `agentgate status` lists them")
    if len(orders) > 1:
        raise UsageError(f"{prefix!r} could be any of {', '.join(orders[:8])}; give more letters")
    runs = sorted((name for name in names), key=lambda name: int(name.partition(".")[2]))
    if number is None:
        return runs[-1], iteration
    wanted = RunId(f"{orders[0]}.{number}")
    if wanted not in runs:
        raise UsageError(f"order {orders[0]} has no run {number}; it has {', '.join(runs)}")
    return wanted, iteration
