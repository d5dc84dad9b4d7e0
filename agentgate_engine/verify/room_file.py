"""Reading a file of the clean room without ever leaving it."""

from __future__ import annotations

import os
from pathlib import Path

from agentgate_engine.errors import StoreError
from agentgate_engine.store.atomic import open_regular


class RoomFault(Exception):
    """Why a file of the clean room is not read: one phrase."""


def read_in_room(room: Path, path: str, limit: int) -> bytes:
    """The content of `path` (relative, `/`-separated) in the clean room; a link is followed only inside of it.

    Raises:
        RoomFault: it is not there, leads outside, is no regular file, or is larger than `limit` bytes.
    """
    try:
        top = room.resolve(strict=True)
        target = (top / path).resolve(strict=True)
    except (OSError, RuntimeError) as fault:
        raise RoomFault("cannot be opened; a link in its place leads nowhere") from fault
    if not target.is_relative_to(top) or (target.relative_to(top).parts[:1] == (".git",)):
        raise RoomFault("is a link that leads out of the tree, and was not followed")
    try:
        with os.fdopen(open_regular(target), "rb") as file:
            content = file.read(limit + 1)
    except (OSError, StoreError) as fault:
        raise RoomFault("is no regular file") from fault
    if len(content) > limit:
        raise RoomFault(f"is larger than {limit} bytes; more is not read")
    return content
