"""Where things go before they are deleted: one rename takes them out of the store, however long the deletion lasts.

What a killed deletion leaves stays in `trash/` and is deleted by the next one; the name of an entry says what it was.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agentgate_engine.store.atomic import make_directory, sync_directory
from agentgate_engine.store.layout import StoreLayout

TrashKind = Literal["run", "workspace", "order", "mirror", "quarantine"]
_BETWEEN = "~"


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """Something on its way out. `name` is what it was called in its place."""

    path: Path
    kind: str
    name: str


def discard(layout: StoreLayout, place: Path, kind: TrashKind) -> TrashEntry | None:
    """Move what stands at `place` to the trash, durably; None when nothing stands there. A link is moved, not followed.

    Raises:
        OSError: it cannot be moved; it is where it was.
    """
    make_directory(layout.trash)
    target = layout.trash / _BETWEEN.join((kind, place.name, secrets.token_hex(4)))
    try:
        place.rename(target)
    except FileNotFoundError:
        return None
    sync_directory(layout.trash)
    sync_directory(place.parent)
    return TrashEntry(target, kind, place.name)


def in_trash(layout: StoreLayout) -> list[TrashEntry]:
    """What a deletion that was cut short left behind, sorted."""
    try:
        names = sorted(os.listdir(layout.trash))
    except FileNotFoundError:
        return []
    found: list[TrashEntry] = []
    for name in names:
        if not name.startswith("."):
            kind, _, rest = name.partition(_BETWEEN)
            found.append(TrashEntry(layout.trash / name, kind, rest.rpartition(_BETWEEN)[0] or rest))
    return found
