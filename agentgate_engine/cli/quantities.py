"""Times and sizes as they are typed: `30d`, `12h`, `10G`."""

from __future__ import annotations

import argparse
import re

_TIME = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([smhdw]?)\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,3})?)\s*([kmgt]?)(?:i?b)?\Z", re.IGNORECASE)
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def time_span(text: str) -> float:
    """Seconds. Without a unit the number is of days; `s m h d w` are the units.

    Raises:
        argparse.ArgumentTypeError: it is no time.
    """
    match = _TIME.match(text.strip().lower())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 30d, 12h, 90m, 45s or 2w")
    return float(match[1]) * _SECONDS[match[2] or "d"]


def byte_count(text: str) -> int:
    """Bytes. `K M G T` are powers of 1024.

    Raises:
        argparse.ArgumentTypeError: it is no size.
    """
    match = _SIZE.match(text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write 500M, 10G or a number of bytes")
    return int(float(match[1]) * _BYTES[match[2].lower()])
