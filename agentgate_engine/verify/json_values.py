"""Reading values out of decoded JSON that a tool wrote, or that anyone may have planted in its place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast


def decoded(text: str) -> object:
    """The value, or `None` when it is no JSON, nested too deeply, or not to be held."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def mapping(value: object) -> dict[str, object]:
    """`value` where it is an object, else an empty one."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[object]:
    return cast("list[object]", value) if isinstance(value, list) else ()


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def number(value: object) -> int | None:
    """A positive whole number that can be a line or a column."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31 else None


def at(value: object, *keys: str) -> object:
    """`value[key][key]...`, `None` where one is missing."""
    for key in keys:
        value = mapping(value).get(key)
    return value
