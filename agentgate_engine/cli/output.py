"""How commands speak: data on stdout, narration on stderr, `--json` one document."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING

from agentgate_engine.errors import UsageError
from agentgate_engine.views.safe_text import SafeText, cell_width, clip

if TYPE_CHECKING:
    from agentgate_engine.models.record import Record


class OutputError(UsageError):
    """Standard output takes no more: its disk is full, or its device failed."""


@contextlib.contextmanager
def writing() -> Generator[None]:
    """Around every write to standard output. A reader that has gone away is no error, and goes through as it is.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as fault:
        raise OutputError(f"cannot write the output: {fault.strerror}") from fault


def say(text: str) -> None:
    """A line for people beside the data."""
    print(text, file=sys.stderr, flush=True)


def put(text: str) -> None:
    """A line of data. The caller made it safe."""
    with writing():
        sys.stdout.write(text + "\n")


def put_json(document: object) -> None:
    """The one JSON document of a `--json` command; view-models and records are turned into objects."""
    with writing():
        json.dump(document, sys.stdout, indent=2, ensure_ascii=False, default=_plain)
        sys.stdout.write("\n")


def record_json(record: Record) -> object:
    """A record as the object that its file holds."""
    return json.loads(record.to_json())


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, flexible: int, width: int) -> list[str]:
    """Aligned columns within `width` cells; the column `flexible` gives way."""
    cells = [list(map(SafeText, header)), *(list(map(SafeText, row)) for row in rows)]
    widths = [max(cell_width(row[i]) for row in cells) for i in range(len(header))]
    spare = width - sum(widths) - 2 * (len(widths) - 1)
    if spare < 0:
        widths[flexible] = max(8, widths[flexible] + spare)
    return ["  ".join(_pad(cell, size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in cells]


def _pad(cell: SafeText, size: int) -> str:
    shown = clip(cell, size)
    return shown + " " * (size - cell_width(shown))


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, (set, frozenset)):
        return sorted(str(item) for item in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return str(value)
