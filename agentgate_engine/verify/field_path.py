"""Paths to a field of a document: `scripts.test`, `steps[0].name` or `steps.0.name`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import JsonValue

_STEP = re.compile(r"(?P<name>[^.\[\]]+)|\[(?P<index>\d{1,9})\]")


@dataclass(frozen=True, slots=True)
class Found:
    """A field that is there, whatever it holds (null included)."""

    value: JsonValue


def path_fault(path: str) -> str | None:
    """What is wrong with a path, or None."""
    return None if _steps(path) else "must be a path such as scripts.test or steps[0].name"


def look_up(document: JsonValue, path: str) -> Found | None:
    """The field at `path`; the empty path is the document. A number is an index in a list, and a key elsewhere."""
    at = document
    for step in _steps(path) or []:
        if isinstance(at, dict) and step in at:
            at = at[step]
        elif isinstance(at, list) and step.isdecimal() and int(step) < len(at):
            at = at[int(step)]
        else:
            return None
    return Found(at)


def _steps(path: str) -> list[str] | None:
    """The names and indexes of a path; None when it is none. Names stand apart by dots, an index in brackets needs
    none before it."""
    steps: list[str] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            return None
        steps.append(match["name"] or match["index"])
        position = match.end()
        if position < len(path) and path[position] == ".":
            position += 1
            if position == len(path) or path[position] in ".[":
                return None
        elif position < len(path) and path[position] != "[":
            return None
    return steps or None
