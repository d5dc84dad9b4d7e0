"""What `agentgate doctor` finds in a store of the original AgentGate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agentgate_engine.cli.finding import Finding
from agentgate_engine.store.foreign.foreign_store import ForeignStore
from agentgate_engine.store.foreign.recognise import recognise
from agentgate_engine.views.wording import plural

_SHOWN = 5


def examine_default(root: Path) -> Iterator[Finding]:
    """The place where the original keeps its store, if it has one there and that is not the store in use."""
    place = Path("~/.agentgate").expanduser()
    if place != root and (kind := recognise(place)) is not None:
        yield Finding("other store", "note", f"{place} is {kind.name}", f"look at it with `agentgate --home {place}`")


def examine_foreign(store: ForeignStore, origin: str) -> Iterator[Finding]:
    """Whose store it is, what is in it, and what of it cannot be read. It is never a fault of this machine."""
    root = store.layout.root
    yield Finding(
        "store",
        "note",
        f"{root} ({origin}) is {store.kind.name}: it is read, never written",
        f"look at it with `agentgate --home {root}`; for new work choose another place with --home",
    )
    listed = store.listed()
    orders = {row.order_id for row in listed.rows}
    runs = sum(1 for row in listed.rows if row.id != row.order_id)
    yield Finding("records", "ok", f"{plural(len(orders), 'order')}, {plural(runs, 'run')}")
    if listed.unreadable:
        words = "; ".join(f"{name}: {why}" for name, why in listed.unreadable[:_SHOWN])
        more = f"; {len(listed.unreadable) - _SHOWN} more" if len(listed.unreadable) > _SHOWN else ""
        yield Finding(
            "records", "note", f"cannot be read: {words}{more}", "the rest is shown; nothing is moved or mended"
        )
    odd = [row.order_id for row in listed.rows if row.warnings]
    if odd:
        more = f" and {len(odd) - _SHOWN} more" if len(odd) > _SHOWN else ""
        words = f"{plural(len(odd), 'order')} with warnings: {', '.join(odd[:_SHOWN])}{more}"
        yield Finding(
            "records", "note", words, "`agentgate show ID` tells them (`show -- ID` where it begins with a dash)"
        )
