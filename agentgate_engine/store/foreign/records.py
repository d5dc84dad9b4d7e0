"""The JSON of the original as it is found: keys may be absent, values of another type, files damaged or huge.

A value that is not what its key promises counts as absent; a file that holds no object is a `StoreError` with its
reason, which lists show. Texts come without lone surrogates, times as our own stamps.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast

from agentgate_engine.clock import to_stamp
from agentgate_engine.errors import StoreError
from agentgate_engine.store.atomic import open_regular

if TYPE_CHECKING:
    from pydantic import JsonValue

MOST_BYTES = 64 << 20
"""Bytes of the largest record that is read at all: the original bounds an agent's output at 1 MiB a stream."""

MOST_ITERATIONS = 1_000
"""Iterations of a run that are shown; the original allows 10."""

_LARGEST = 1 << 53
_DEEPEST = 50
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}\Z")


def is_foreign_id(text: str) -> bool:
    """Whether `text` can name an order, run or snapshot of the original: safe as a file name and on a terminal.

    Their orders are 12 characters that may begin with a dash, their runs UUIDs; neither is held to that.
    """
    return _ID.match(text) is not None


@dataclass(frozen=True, slots=True)
class Fields:
    """An object of a JSON file. Each reader gives None (or nothing) where the key is absent or of another type."""

    values: Mapping[str, object] = field(default_factory=dict[str, object])

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def __bool__(self) -> bool:
        return bool(self.values)

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        return whole_text(value) if isinstance(value, str) and value else None

    def words(self, key: str) -> str | None:
        """A text, or whatever else stands there as JSON."""
        value = self.values.get(key)
        if value is None or value == "":
            return None
        return whole_text(value if isinstance(value, str) else json.dumps(plain(value), indent=2, ensure_ascii=False))

    def real(self, key: str) -> float | None:
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return float(value) if abs(value) <= _LARGEST and math.isfinite(value) else None

    def whole(self, key: str) -> int | None:
        """A number as an integer of at least 0: sizes, counts, milliseconds."""
        value = self.real(key)
        return None if value is None else max(0, round(value))

    def code(self, key: str) -> int | None:
        """An integer that may be negative."""
        value = self.real(key)
        return None if value is None else round(value)

    def flag(self, key: str) -> bool | None:
        value = self.values.get(key)
        return value if isinstance(value, bool) else None

    def stamp(self, key: str) -> str | None:
        """A time as UTC ISO with milliseconds; one without an offset is taken as UTC."""
        value = self.values.get(key)
        if not isinstance(value, str):
            return None
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return to_stamp(moment.timestamp())
        except (ValueError, OverflowError, OSError):
            return None

    def child(self, key: str) -> Fields:
        """The object at `key`, empty where there is none."""
        value = self.values.get(key)
        return Fields(cast("dict[str, object]", value)) if isinstance(value, dict) else Fields()

    def children(self, key: str) -> list[Fields]:
        """The objects in the list at `key`."""
        value = self.values.get(key)
        items = cast("list[object]", value) if isinstance(value, list) else []
        return [Fields(cast("dict[str, object]", item)) for item in items if isinstance(item, dict)]

    def texts(self, key: str) -> list[str]:
        """The texts in the list at `key`."""
        value = self.values.get(key)
        items = cast("list[object]", value) if isinstance(value, list) else []
        return [whole_text(item) for item in items if isinstance(item, str)]


def plain(value: object, depth: int = 0) -> JsonValue:
    """A value of a record as JSON that every writer takes: whole texts, finite numbers, bounded depth."""
    match value:
        case str():
            return whole_text(value)
        case bool() | None:
            return value
        case int() | float():
            return value if abs(value) <= _LARGEST else str(value)
        case _ if depth >= _DEEPEST:
            return "..."
        case list():
            return [plain(item, depth + 1) for item in cast("list[object]", value)]
        case dict():
            pairs = cast("dict[str, object]", value).items()
            return {whole_text(key): plain(item, depth + 1) for key, item in pairs}
        case _:
            return str(value)


def whole_text(text: str) -> str:
    """`text` as UTF-8 can hold it: lone surrogates, which JSON can spell, become a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def read_fields(path: Path, most: int = MOST_BYTES) -> Fields:
    """The object that a file holds.

    Raises:
        FileNotFoundError: there is no such file.
        StoreError: it is no regular file, too large, or holds no JSON object; says which.
    """
    raw = read_bounded(path, most)
    try:
        found: object = json.loads(raw)
    except RecursionError:
        raise StoreError(f"{path.name} is nested too deeply to be read") from None
    except ValueError as fault:
        what = "is empty" if not raw.strip() else f"is no JSON: {fault}"
        raise StoreError(f"{path.name} {what}") from None
    if not isinstance(found, dict):
        raise StoreError(f"{path.name} holds no object")
    return Fields(cast("dict[str, object]", found))


def read_bounded(path: Path, most: int) -> bytes:
    """The whole of a regular file that is no larger than `most` bytes.

    Raises:
        FileNotFoundError: there is no such file.
        StoreError: it is no regular file, unreadable or too large.
    """
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                raise StoreError(f"{path.name} is {size >> 20} MB, and no more than {most >> 20} MB are read")
            return file.read(most)
    except FileNotFoundError:
        raise
    except NotADirectoryError as fault:
        raise FileNotFoundError(str(path)) from fault
    except OSError as fault:
        raise StoreError(f"{path.name} cannot be read: {fault.strerror}") from fault


def base_name(recorded: str | None) -> str | None:
    """The last part of a recorded path, which is absolute in some generations (upstream.md 3.4)."""
    name = PurePosixPath((recorded or "").replace("\\", "/")).name
    return name if is_foreign_id(name) else None
