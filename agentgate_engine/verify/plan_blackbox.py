"""The `blackbox` and `sanity` sections of a `verify.yaml`.

An assertion is written with its name under `type` (`{type: contains, value: ok}`), as the original has it, or as its
name with its one value (`contains: ok`).
"""

from __future__ import annotations

from typing import cast

from agentgate_engine.models.gate_plan import (
    ALL_SANITY,
    Assertion,
    AssertionName,
    PlannedBlackbox,
)
from agentgate_engine.verify.plan_contracts import read_schema
from agentgate_engine.verify.plan_file import (
    VerifyYaml,
    file_path,
    needed,
    no_twins,
    note_lines,
    own_name,
    regular_expression,
)
from agentgate_engine.verify.yaml_value import YamlValue

BLACKBOX_TIMEOUT = 120.0

_KEYS = ("name", "fixture", "command", "assertions", "timeout")
_VALUE_OF = {
    "exit_code": "expected",
    "contains": "value",
    "matches_regex": "pattern",
    "json_equals": "expected",
    "json_schema": "schema",
    "equals_file": "file",
}
"""Each assertion, and the key of what it compares with."""


def read_blackbox(value: YamlValue, plan: VerifyYaml) -> None:
    """Fill the blackbox checks of `plan`."""
    for index, item in enumerate(value.items()):
        entries = item.mapping(_KEYS)
        plan.lines[f"blackbox[{index}]"] = item.origin
        note_lines(entries, f"blackbox[{index}]", plan)
        assertions = [_assertion(each) for each in entries["assertions"].items()] if "assertions" in entries else []
        exits = [each for each in assertions if each.type == "exit_code"]
        if len(exits) > 1:
            raise entries["assertions"].fault("names the exit code twice")
        plan.blackbox.append(
            PlannedBlackbox(
                name=own_name(needed(item, entries, "name")),
                command=needed(item, entries, "command").text("a shell command"),
                timeout=entries["timeout"].seconds() if "timeout" in entries else BLACKBOX_TIMEOUT,
                expected_exit=cast("int", exits[0].expected) if exits else 0,
                fixture=file_path(entries["fixture"]) if "fixture" in entries else None,
                assertions=assertions,
                origin=item.origin,
            )
        )
    no_twins(plan.blackbox, value)


def read_sanity(value: YamlValue, plan: VerifyYaml) -> None:
    """Which checks of L3 run: `true` or `false` for all, a list of those that run, or `name: false` for those that do
    not."""
    plan.lines["sanity"] = value.origin
    if value.is_boolean:
        plan.sanity = list(ALL_SANITY) if value.boolean() else []
    elif value.is_list:
        listed = {item.choice(ALL_SANITY) for item in value.items()}
        plan.sanity = [name for name in ALL_SANITY if name in listed]
    else:
        switched = {key: entry.boolean() for key, entry in value.mapping(ALL_SANITY).items()}
        plan.sanity = [name for name in ALL_SANITY if switched.get(name, True)]


def _assertion(item: YamlValue) -> Assertion:
    keys = tuple(dict.fromkeys(["type", *_VALUE_OF, *_VALUE_OF.values()]))
    entries = item.mapping(keys)
    if "type" in entries:
        name = entries.pop("type").choice(tuple(_VALUE_OF))
        for key, entry in entries.items():
            if key != _VALUE_OF[name]:
                raise entry.fault(f"has nothing to do with {name}; it takes {_VALUE_OF[name]}")
        return _made(item, name, needed(item, entries, _VALUE_OF[name]))
    if len(entries) != 1 or (name := next(iter(entries))) not in _VALUE_OF:
        raise item.fault(f"must be one assertion: {', '.join(_VALUE_OF)}, or one of them under type")
    return _made(item, name, entries[name])


def _made(item: YamlValue, name: str, value: YamlValue) -> Assertion:
    kind, origin = cast("AssertionName", name), item.origin
    match name:
        case "exit_code":
            return Assertion(type=kind, expected=value.integer(0, 255), origin=origin)
        case "contains":
            return Assertion(type=kind, value=value.verbatim("the text that the output must hold"), origin=origin)
        case "matches_regex":
            return Assertion(type=kind, pattern=regular_expression(value), origin=origin)
        case "json_equals":
            return Assertion(type=kind, expected=value.json(), origin=origin)
        case "json_schema":
            return Assertion(type=kind, json_schema=read_schema(value), origin=origin)
        case _:
            return Assertion(type=kind, file=file_path(value), origin=origin)
