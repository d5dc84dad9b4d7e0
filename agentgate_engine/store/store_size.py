"""How large a store is, and what takes the room. For `doctor`."""

from __future__ import annotations

from agentgate_engine.store.footprint import footprint
from agentgate_engine.store.layout import StoreLayout


def store_sizes(layout: StoreLayout) -> dict[str, int]:
    """Bytes that each part of a store would give back, largest first; parts that hold nothing are left out.

    Git objects that a workspace shares with the repository it came from count nothing: they are not the store's.
    """
    places = {
        "runs": layout.runs,
        "workspaces": layout.workspaces,
        "mirrors": layout.mirrors,
        "quarantine": layout.quarantine,
        "trash": layout.trash,
    }
    sizes = {name: footprint(place).freed for name, place in places.items()}
    return dict(sorted(((name, size) for name, size in sizes.items() if size), key=lambda pair: -pair[1]))
