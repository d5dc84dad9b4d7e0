"""A few lines of a raw log for people: masked, which the log itself is not, and bounded."""

from __future__ import annotations

import os
from pathlib import Path

from agentgate_engine.errors import StoreError
from agentgate_engine.store.atomic import open_regular
from agentgate_engine.store.masking import Masker

_LINE_BYTES = 16_384


def read_log_lines(path: Path, first: int, count: int) -> list[bytes]:
    """`count` lines of a file from line `first` (from 1) on, each cut at 16 KiB, masked by this process's environment.

    None when there is no such file, or it is none that can be read as one.
    """
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            for _ in range(first - 1):
                if not file.readline():
                    return []
            found = [line[:_LINE_BYTES] for _ in range(count) if (line := file.readline())]
    except (FileNotFoundError, StoreError):
        return []
    mask = Masker.from_environment(os.environ).mask
    return [mask(line.rstrip(b"\n").decode("utf-8", "replace")).encode() for line in found]
