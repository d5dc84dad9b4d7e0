"""The `contracts` section of a `verify.yaml`: file lists, schemas and naming.

A rule is written as its name with what it needs (`has_field: scripts.test`), or with its name under `type`
(`{type: has_field, field: scripts.test}`); `path` may stand for `field`.
"""

from __future__ import annotations

from typing import cast, get_args

from agentgate_engine.models.gate_plan import (
    DocumentFormat,
    FieldType,
    JsonSchema,
    NamingContract,
    NamingRule,
    RuleName,
    SchemaContract,
    SchemaRule,
)
from agentgate_engine.verify.apart import ApartFault, violations
from agentgate_engine.verify.field_path import path_fault
from agentgate_engine.verify.plan_file import (
    VerifyYaml,
    file_path,
    file_pattern,
    needed,
    note_lines,
    regular_expression,
)
from agentgate_engine.verify.yaml_value import YamlValue

_KEYS = ("required_files", "required_schemas", "forbidden_patterns", "naming_conventions")
_FIELD = ("field", "path")
_RULES: dict[str, tuple[str, ...]] = {
    "has_field": _FIELD,
    "field_type": (*_FIELD, "type", "expected_type", "expectedType", "expected"),
    "matches_regex": (*_FIELD, "pattern", "regex"),
    "json_schema": ("schema", "schema_path", "schemaPath", "path", "file"),
}


def read_contracts(value: YamlValue, plan: VerifyYaml) -> None:
    """Fill the contracts of `plan`."""
    for key, entry in value.mapping(_KEYS).items():
        match key:
            case "required_files":
                plan.required_files = _patterns(entry, plan)
            case "forbidden_patterns":
                plan.forbidden_patterns = _patterns(entry, plan)
            case "required_schemas":
                _schemas(entry, plan)
            case _:
                _naming(entry, plan)


def read_schema(value: YamlValue) -> JsonSchema:
    """A JSON Schema written out, or the path of a file of the repository that holds one."""
    if value.is_text:
        path = file_path(value)
        return JsonSchema(path=path)
    if not value.is_mapping and not value.is_boolean:
        raise value.fault(f"must be a JSON Schema, or the path of a file that holds one, not {value.shown}")
    schema = value.json()
    try:
        violations(schema, None)
    except ApartFault as fault:
        raise value.fault(str(fault)) from fault
    return JsonSchema(inline=schema)


def _patterns(value: YamlValue, plan: VerifyYaml) -> list[str]:
    found: list[str] = []
    for item in value.items():
        pattern = file_pattern(item)
        if pattern not in found:
            plan.lines[f"{value.key}[{len(found)}]"] = item.origin
            found.append(pattern)
    return found


def _schemas(value: YamlValue, plan: VerifyYaml) -> None:
    taken: dict[str, str] = {}
    for index, item in enumerate(value.items()):
        entries = item.mapping(("file", "schema", "rules"))
        prefix = f"{value.key}[{index}]"
        plan.lines[prefix] = item.origin
        note_lines(entries, prefix, plan)
        given = needed(item, entries, "file")
        path = file_path(given)
        if path in taken:
            raise given.fault(f"{given.shown} is judged by {taken[path]} already; put all its rules there")
        taken[path] = item.origin
        form = needed(item, entries, "schema").choice(get_args(DocumentFormat))
        rules = [_rule(rule) for rule in entries["rules"].items()] if "rules" in entries else []
        plan.schemas.append(
            SchemaContract(file=path, format=cast("DocumentFormat", form), rules=rules, origin=item.origin)
        )


def _rule(item: YamlValue) -> SchemaRule:
    """Either spelling of a rule."""
    known = tuple(dict.fromkeys(["type", *_RULES, *(key for keys in _RULES.values() for key in keys)]))
    entries = item.mapping(known)
    if "type" in entries:
        name = entries.pop("type").choice(tuple(_RULES))
        return _made(item, name, entries)
    if len(entries) != 1 or (name := next(iter(entries))) not in _RULES:
        raise item.fault(f"must be one rule: {', '.join(_RULES)}, or one of them under type")
    value = entries[name]
    if name == "json_schema":
        schema = value.mapping(_RULES[name]) if _names_a_file(value) else {"schema": value}
        return _made(item, name, schema)
    if value.is_text and name == "has_field":
        return _made(item, name, {"field": value})
    return _made(item, name, value.mapping(_RULES[name]))


def _names_a_file(value: YamlValue) -> bool:
    """Whether a mapping under `json_schema` only says where the schema is: `{path: schemas/a.json}`."""
    entries = value.json()
    return (
        isinstance(entries, dict)
        and len(entries) == 1
        and next(iter(entries)) in ("schema_path", "schemaPath", "path", "file")
    )


def _made(item: YamlValue, name: str, entries: dict[str, YamlValue]) -> SchemaRule:
    for key, entry in entries.items():
        if key not in _RULES[name]:
            raise entry.fault(f"has nothing to do with {name}; it takes {', '.join(_RULES[name])}")
    kind = cast("RuleName", name)
    if name == "json_schema":
        return SchemaRule(type=kind, json_schema=read_schema(_one_of(item, entries, _RULES[name])), origin=item.origin)
    field = _one_of(item, entries, _FIELD)
    path = field.text("a path such as scripts.test")
    if wrong := path_fault(path):
        raise field.fault(f"{wrong}, not {field.shown}")
    if name == "field_type":
        wanted = _one_of(item, entries, _RULES[name][2:]).choice(get_args(FieldType))
        return SchemaRule(type=kind, field=path, expected_type=cast("FieldType", wanted), origin=item.origin)
    if name == "matches_regex":
        pattern = regular_expression(_one_of(item, entries, _RULES[name][2:]))
        return SchemaRule(type=kind, field=path, pattern=pattern, origin=item.origin)
    return SchemaRule(type=kind, field=path, origin=item.origin)


def _one_of(item: YamlValue, entries: dict[str, YamlValue], names: tuple[str, ...]) -> YamlValue:
    """The value of a key that has several names, written once."""
    given = [name for name in names if name in entries]
    if not given:
        raise item.fault(f"has no {names[0]}")
    if len(given) > 1:
        raise entries[given[1]].fault(f"says the same as {given[0]}; remove one of them")
    return entries[given[0]]


def _naming(value: YamlValue, plan: VerifyYaml) -> None:
    taken: dict[str, str] = {}
    for index, item in enumerate(value.items()):
        entries = item.mapping(("pattern", "rule"))
        prefix = f"{value.key}[{index}]"
        plan.lines[prefix] = item.origin
        note_lines(entries, prefix, plan)
        given = needed(item, entries, "pattern")
        pattern = file_pattern(given)
        if pattern in taken:
            raise given.fault(f"{given.shown} has a rule by {taken[pattern]} already")
        taken[pattern] = item.origin
        rule = needed(item, entries, "rule").choice(get_args(NamingRule))
        plan.naming.append(NamingContract(pattern=pattern, rule=cast("NamingRule", rule), origin=item.origin))
