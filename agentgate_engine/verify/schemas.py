"""What a JSON or YAML document must look like (`contracts.required_schemas`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import JsonValue

from agentgate_engine.models.gate_plan import JsonSchema, SchemaContract, SchemaRule
from agentgate_engine.verify.apart import ApartFault, matches, violations
from agentgate_engine.verify.documents import DocumentFault, format_of, read_document_as, shown
from agentgate_engine.verify.field_path import look_up
from agentgate_engine.verify.tree_readers import BaseFile

MAX_SCHEMA_BYTES = 1 << 20
MAX_DOCUMENT_BYTES = 16 << 20

AtBase = Callable[[str, int], BaseFile | None]


class SchemaFault(Exception):
    """Why a schema cannot be used: one phrase."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that a document breaks. `expected` and `actual` are told where something was compared."""

    message: str
    expected: str | None = None
    actual: str | None = None


def schema_of(schema: JsonSchema, at_base: AtBase) -> JsonValue:
    """The schema itself.

    Raises:
        SchemaFault: its file is not at the base commit, or is no document.
    """
    if schema.path is None:
        return schema.inline
    found = at_base(schema.path, MAX_SCHEMA_BYTES)
    if found is None:
        raise SchemaFault(f"the schema {schema.path} is not in the base commit")
    if found.content is None:
        raise SchemaFault(f"the schema {schema.path} is larger than {MAX_SCHEMA_BYTES} bytes")
    try:
        return read_document_as(format_of(schema.path), found.content)
    except DocumentFault as fault:
        raise SchemaFault(f"the schema {schema.path} {fault}") from fault


def against_schema(schema: JsonSchema, document: JsonValue, at_base: AtBase) -> list[Broken]:
    """What `schema` says against `document`. A schema that cannot be used is a break too: it judged nothing."""
    try:
        found = violations(schema_of(schema, at_base), document)
    except SchemaFault as fault:
        return [Broken(str(fault))]
    except ApartFault as fault:
        return [Broken(f"{schema.named} {fault}")]
    return [
        Broken(
            f"{each.path or 'the document'}: {each.message}",
            each.expected,
            shown(place.value) if (place := look_up(document, each.path)) else None,
        )
        for each in found
    ]


def broken_rules(contract: SchemaContract, raw: bytes, at_base: AtBase) -> list[Broken]:
    """Every rule of `contract` that the document in `raw` breaks."""
    try:
        document = read_document_as(contract.format, raw)
    except DocumentFault as fault:
        return [Broken(str(fault))]
    return [broken for rule in contract.rules for broken in _against(rule, document, at_base)]


def _against(rule: SchemaRule, document: JsonValue, at_base: AtBase) -> list[Broken]:
    if rule.type == "json_schema":
        return against_schema(rule.json_schema or JsonSchema(), document, at_base)
    found = look_up(document, rule.field)
    if found is None:
        return [Broken(f"has no field {rule.field}", f"a field {rule.field}", "no such field")]
    value = found.value
    if rule.type == "field_type":
        actual = type_of(value)
        wanted = rule.expected_type or ""
        if actual == wanted or (wanted == "number" and actual == "integer"):
            return []
        return [Broken(f"{rule.field} is of type {actual}, not {wanted}", wanted, f"{actual}: {shown(value)}")]
    if rule.type == "matches_regex":
        pattern = rule.pattern or ""
        if not isinstance(value, str):
            return [Broken(f"{rule.field} is no text that could match {pattern}", pattern, shown(value))]
        try:
            if matches(pattern, value):
                return []
        except ApartFault as fault:
            return [Broken(f"{rule.field}: {pattern} {fault}", pattern, shown(value))]
        return [Broken(f"{rule.field} does not match {pattern}", pattern, shown(value))]
    return []


def type_of(value: JsonValue) -> str:
    """The name that JSON has for the type of a value; `integer` for whole numbers."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
