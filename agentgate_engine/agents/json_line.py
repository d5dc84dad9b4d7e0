"""One line of JSON from an agent, read without trust.

Whatever comes out of `parse_object` can be put into a record and written to disk again: no lone surrogates, no NaN, no
integer beyond 64 bits, no nesting that a serialiser would refuse.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, cast

from pydantic import JsonValue

JsonObject = dict[str, JsonValue]

MAX_DEPTH = 60
"""Deeper values are replaced by null. Real events nest below ten; pydantic gives up at about 250."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def _bounded(digits: str) -> int | float | None:
    return int(digits) if len(digits) <= 18 else _finite(digits)


def _no_constant(_name: str) -> None:
    return None


_decoder = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, parse_int=_bounded)


def parse_object(data: bytes) -> JsonObject | None:
    """The JSON object that the line is, or None when it is anything else. Never raises."""
    text = data.decode("utf-8", errors="replace").strip()
    if not text.startswith("{"):
        return None
    try:
        value = _decoder.decode(text)
    except (ValueError, RecursionError):
        return None
    if "\\u" in text or text.count("[") + text.count("{") > MAX_DEPTH:
        value = _cleaned(value, MAX_DEPTH)
    return cast("JsonObject", value) if isinstance(value, dict) else None


def _cleaned(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if depth == 0:
        return None if isinstance(value, dict | list) else value
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {_SURROGATE.sub("\ufffd", key): _cleaned(part, depth - 1) for key, part in items}
    if isinstance(value, list):
        return [_cleaned(part, depth - 1) for part in cast("list[Any]", value)]
    return value


def string(event: JsonObject, key: str) -> str | None:
    """The value when it is text."""
    value = event.get(key)
    return value if isinstance(value, str) else None


def mapping(event: JsonObject, key: str) -> JsonObject:
    """The value when it is an object, else an empty one."""
    value = event.get(key)
    return value if isinstance(value, dict) else {}


def items(event: JsonObject, key: str) -> list[JsonValue]:
    """The value when it is a list, else an empty one."""
    value = event.get(key)
    return value if isinstance(value, list) else []


def objects(event: JsonObject, key: str) -> list[JsonObject]:
    """The objects in the list that the value is."""
    return [part for part in items(event, key) if isinstance(part, dict)]


def integer(event: JsonObject, key: str) -> int | None:
    """The value when it is a whole number (true and false are not)."""
    value = event.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(event: JsonObject, key: str) -> float | None:
    """The value when it is a number."""
    value = event.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def count(event: JsonObject, key: str) -> int:
    """The value as a number of things: 0 when it is absent, negative or no number."""
    return max(0, integer(event, key) or 0)


def flag(event: JsonObject, key: str) -> bool:
    """Whether the value is exactly true."""
    return event.get(key) is True


def canonical(value: JsonValue) -> str:
    """The same text for the same value: keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
