"""JSON and YAML documents as plain values, read from files and outputs that may be hostile. Pure.

YAML is read into what JSON can hold: keys are their own text (`on:` is `on`), dates stay text, and aliases are written
out within a limit. No object is ever constructed from a tag.
"""

from __future__ import annotations

import json
from typing import cast

import yaml
from pydantic import JsonValue

from agentgate_engine.models.gate_plan import DocumentFormat

MAX_YAML_BYTES = 512 * 1024
"""YAML is read by pure Python, a few hundred kilobytes a second."""

_TAG = "tag:yaml.org,2002:"
_MAX_VALUES = 200_000
_MAX_DEPTH = 100
_scalars = yaml.constructor.SafeConstructor()


class DocumentFault(Exception):
    """Why a text is no document that can be judged: one phrase, for the sentence of whoever reads it."""


def read_document_as(form: DocumentFormat, raw: bytes) -> JsonValue:
    """The one document in `raw`.

    Raises:
        DocumentFault: it is none.
    """
    return read_json(raw) if form == "json" else read_yaml(raw)


def format_of(path: str) -> DocumentFormat:
    """What a file is by its name: YAML where that says so, else JSON."""
    return "yaml" if path.lower().endswith((".yaml", ".yml")) else "json"


def read_json(raw: bytes) -> JsonValue:
    """The JSON document in `raw`, `NaN` and `Infinity` refused.

    Raises:
        DocumentFault: it is none.
    """
    try:
        return json.loads(_text(raw), parse_constant=_no_constant)
    except json.JSONDecodeError as fault:
        raise DocumentFault(f"is not valid JSON: {fault.msg} in line {fault.lineno}") from fault
    except ValueError as fault:  # a number of thousands of digits
        raise DocumentFault("holds a number that is too long") from fault
    except RecursionError as fault:
        raise DocumentFault("is nested too deep") from fault


def read_yaml(raw: bytes) -> JsonValue:
    """The one YAML document in `raw`; an empty one is null.

    Raises:
        DocumentFault: it is none, or holds what JSON cannot.
    """
    if len(raw) > MAX_YAML_BYTES:
        raise DocumentFault(f"is {len(raw)} bytes long; more than {MAX_YAML_BYTES} bytes of YAML are not read")
    try:
        node = yaml.SafeLoader(_text(raw)).get_single_node()
        return None if node is None else value_of(node)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        raise DocumentFault(
            f"is not valid YAML: {fault.problem or fault.context} in line {mark.line + 1 if mark else 1}"
        ) from fault
    except yaml.YAMLError as fault:
        raise DocumentFault("is not valid YAML: it holds a control character") from fault
    except RecursionError as fault:
        raise DocumentFault("is nested too deep") from fault


def value_of(node: yaml.Node) -> JsonValue:
    """A YAML node as a plain value.

    Raises:
        DocumentFault: it holds what JSON cannot, or is too large with its aliases written out.
    """
    return _Builder().build(node, 0)


def same_json(one: JsonValue, other: JsonValue) -> bool:
    """Whether two documents are equal as JSON: the order of keys does not count, `1` is `1.0`, and true is not 1."""
    return difference(one, other) is None


def difference(expected: JsonValue, actual: JsonValue, path: str = "") -> tuple[str, str, str] | None:
    """(path, expected there, actual there) of the first place where two documents differ; None when they are equal."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in [*expected, *(key for key in actual if key not in expected)]:
            place = f"{path}.{key}" if path else key
            if key not in actual or key not in expected:
                return (
                    place,
                    shown(expected[key]) if key in expected else "nothing",
                    "nothing" if (key not in actual) else shown(actual[key]),
                )
            if (found := difference(expected[key], actual[key], place)) is not None:
                return found
        return None
    if isinstance(expected, list) and isinstance(actual, list):
        for index, (left, right) in enumerate(zip(expected, actual, strict=False)):
            if (found := difference(left, right, f"{path}[{index}]")) is not None:
                return found
        if len(expected) != len(actual):
            return path, f"{len(expected)} entries", f"{len(actual)} entries"
        return None
    alike = isinstance(expected, bool) == isinstance(actual, bool) and expected == actual
    return None if alike else (path, shown(expected), shown(actual))


def shown(value: JsonValue, limit: int = 200) -> str:
    """A value as JSON on one line, clipped."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        raise DocumentFault(f"is not UTF-8 text in line {line}") from fault


def _no_constant(name: str) -> JsonValue:
    raise DocumentFault(f"holds {name}, which is no JSON")


class _Builder:
    """Counts what it builds, so that a few aliases cannot fill the memory."""

    def __init__(self) -> None:
        self._left = _MAX_VALUES

    def build(self, node: yaml.Node, depth: int) -> JsonValue:
        self._left -= 1
        if self._left < 0:
            raise DocumentFault(f"holds more than {_MAX_VALUES} values with its aliases written out")
        if depth > _MAX_DEPTH:
            raise DocumentFault(f"is nested deeper than {_MAX_DEPTH} levels")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceNode):
            items: list[yaml.Node] = node.value
            return [self.build(item, depth + 1) for item in items]
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> JsonValue:
        _scalars.flatten_mapping(node)
        pairs: list[tuple[yaml.Node, yaml.Node]] = node.value
        found: dict[str, JsonValue] = {}
        for key, value in pairs:
            if not isinstance(key, yaml.ScalarNode):
                raise DocumentFault(f"has a key that is no text in line {key.start_mark.line + 1}")
            found[str(key.value)] = self.build(value, depth + 1)
        return found


def _scalar(node: yaml.Node) -> JsonValue:
    text = str(node.value)
    if node.tag not in (_TAG + "int", _TAG + "float", _TAG + "bool", _TAG + "null"):
        return text
    try:
        value = cast("object", _scalars.construct_object(node))  # pyright: ignore[reportUnknownMemberType]
    except (ValueError, yaml.YAMLError) as fault:
        raise DocumentFault(f"holds {text[:40]!r}, which is no number") from fault
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise DocumentFault(f"holds {text}, which JSON cannot")
    return value if isinstance(value, (bool, int, float)) else None
