"""What makes two failures the same failure."""

from __future__ import annotations

import hashlib
import re

_NOISE = (
    (re.compile(r"0x[0-9a-fA-F]+"), "HEX"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "HEX"),
    (re.compile(r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}\b"), "HEX"),
    (re.compile(r"(?<![\w.])(?:/[\w.+@-]+)+/"), "/"),
    (re.compile(r"\b\d+(?:\.\d+)?\s?(?:ns|us|µs|ms|s|sec|secs|seconds|m|min|minutes)\b"), "TIME"),
    (re.compile(r"\d+"), "N"),
    (re.compile(r"\s+"), " "),
)


def normalised(message: str) -> str:
    """`message` without what changes from run to run: numbers, hex, directories, durations, spacing."""
    for pattern, instead in _NOISE:
        message = pattern.sub(instead, message)
    return message.strip()[:300]


def signature(*parts: str) -> str:
    """12 hex digits, equal for parts that differ only in noise. Stable across iterations, runs and machines."""
    return hashlib.sha256("\x1f".join(normalised(part) for part in parts).encode(errors="replace")).hexdigest()[:12]
