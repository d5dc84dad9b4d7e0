"""What a blackbox command must have done: its exit code and its stdout, judged by the plan's assertions.

At most 16 MiB of the output is ever in memory. What needs the whole of it fails beyond that and says so; `contains`
searches all of it, piece by piece.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.models.gate_plan import Assertion, JsonSchema
from agentgate_engine.store.atomic import open_regular
from agentgate_engine.verify.apart import ApartFault, matches
from agentgate_engine.verify.documents import DocumentFault, difference, read_json, shown
from agentgate_engine.verify.schemas import AtBase, Broken, against_schema

MAX_OUTPUT_BYTES = 16 << 20

_CHUNK = 1 << 20
_EXCERPT = 200


@dataclass(frozen=True, slots=True)
class Output:
    """The stdout of a command: its log, its size in bytes, and its beginning, up to the limit."""

    path: Path
    size: int
    head: bytes

    @property
    def whole(self) -> bool:
        return self.size <= len(self.head)

    @property
    def text(self) -> str:
        return self.head.decode(errors="replace")

    @property
    def excerpt(self) -> str:
        """The beginning, on one line, for people."""
        flat = " ".join(self.head[: 4 * _EXCERPT].decode(errors="replace").split())
        return (flat if len(flat) <= _EXCERPT else flat[: _EXCERPT - 3] + "...") or "no output"


def read_output(path: Path, limit: int = MAX_OUTPUT_BYTES) -> Output:
    """The output in a log; no log is no output.

    Raises:
        StoreError: the name is taken by something that is no regular file.
    """
    try:
        descriptor = open_regular(path)
    except FileNotFoundError:
        return Output(path, 0, b"")
    with os.fdopen(descriptor, "rb") as file:
        return Output(path, os.fstat(descriptor).st_size, file.read(limit))


def failed_assertions(
    assertions: list[Assertion], exit_code: int | None, expected_exit: int, output: Output, at_base: AtBase
) -> list[Broken]:
    """Every assertion that does not hold. Without one about the exit code, it must be `expected_exit`."""
    broken: list[Broken] = []
    if exit_code != expected_exit:
        broken.append(
            Broken(
                f"exit_code: expected {expected_exit}, got {exit_code}", f"exit {expected_exit}", f"exit {exit_code}"
            )
        )
    for assertion in assertions:
        broken += _against(assertion, output, at_base)
    return broken


def _against(assertion: Assertion, output: Output, at_base: AtBase) -> list[Broken]:
    match assertion.type:
        case "exit_code":
            return []
        case "contains":
            wanted = assertion.value or ""
            if holds(output.path, wanted.encode()):
                return []
            return [Broken(f"contains: the output does not hold {shown(wanted, 80)}", shown(wanted), output.excerpt)]
        case "matches_regex":
            return _regex(assertion.pattern or "", output)
        case "equals_file":
            return _file(assertion.file or "", output, at_base)
        case "json_equals" | "json_schema":
            return _json(assertion, output, at_base)


def holds(path: Path, wanted: bytes) -> bool:
    """Whether a log holds `wanted`, whatever its size; a piece at a time, so that no find is lost between two."""
    try:
        descriptor = open_regular(path)
    except FileNotFoundError:
        return not wanted
    with os.fdopen(descriptor, "rb") as file:
        kept = b""
        while chunk := file.read(_CHUNK):
            kept += chunk
            if wanted in kept:
                return True
            kept = kept[-(len(wanted) - 1) :] if len(wanted) > 1 else b""
    return not wanted


def _regex(pattern: str, output: Output) -> list[Broken]:
    try:
        if matches(pattern, output.text):
            return []
    except ApartFault as fault:
        return [Broken(f"matches_regex: {pattern} {fault}", pattern, output.excerpt)]
    part = "" if output.whole else f" in its first {MAX_OUTPUT_BYTES} bytes, and more is not searched"
    return [Broken(f"matches_regex: the output does not match {pattern}{part}", pattern, output.excerpt)]


def _file(path: str, output: Output, at_base: AtBase) -> list[Broken]:
    if not output.whole:
        return [_too_large("equals_file", output, path)]
    found = at_base(path, MAX_OUTPUT_BYTES)
    if found is None:
        return [Broken(f"equals_file: {path} is not in the base commit", path, output.excerpt)]
    if found.content == output.head:
        return []
    if found.content is None:
        return [Broken(f"equals_file: {path} is larger than {MAX_OUTPUT_BYTES} bytes", path, output.excerpt)]
    place, expected, actual = _first_difference(found.content, output.head)
    return [Broken(f"equals_file: the output differs from {path} {place}", expected, actual)]


def _first_difference(expected: bytes, actual: bytes) -> tuple[str, str, str]:
    """(where, what is expected there, what is there)."""
    if expected.rstrip(b"\n") == actual.rstrip(b"\n"):
        wanted, got = (len(text) - len(text.rstrip(b"\n")) for text in (expected, actual))
        return "in the line breaks at its end", f"{wanted} line breaks at the end", f"{got} line breaks at the end"
    old, new = expected.split(b"\n"), actual.split(b"\n")
    at = next((i for i, (one, two) in enumerate(zip(old, new, strict=False)) if one != two), min(len(old), len(new)))
    lines = [
        shown(lines[at].decode(errors="replace")) if at < len(lines) else "the end of the text" for lines in (old, new)
    ]
    return f"in line {at + 1}", lines[0], lines[1]


def _json(assertion: Assertion, output: Output, at_base: AtBase) -> list[Broken]:
    name = assertion.type
    wanted = shown(assertion.expected) if name == "json_equals" else (assertion.json_schema or JsonSchema()).named
    if not output.whole:
        return [_too_large(name, output, wanted)]
    try:
        document = read_json(output.head)
    except DocumentFault as fault:
        return [Broken(f"{name}: the output {fault}", wanted, output.excerpt)]
    if name == "json_schema":
        found = against_schema(assertion.json_schema or JsonSchema(), document, at_base)
        return [Broken(f"{name}: {each.message}", each.expected, each.actual) for each in found]
    try:
        differs = difference(assertion.expected, document)
    except RecursionError:
        return [Broken(f"{name}: the output is nested too deep", wanted, output.excerpt)]
    if differs is None:
        return []
    place, expected, actual = differs
    return [Broken(f"{name}: {place or 'the document'} differs", expected, actual)]


def _too_large(name: str, output: Output, wanted: str) -> Broken:
    return Broken(
        f"{name}: the output has {output.size} bytes; more than {MAX_OUTPUT_BYTES} are not compared",
        wanted,
        f"{output.size} bytes",
    )
