"""`contracts` in a verify.yaml: schemas and naming, in every spelling, and every fault with its place."""

from __future__ import annotations

import pytest

from agentgate_engine.errors import UsageError
from agentgate_engine.models.gate_plan import SchemaRule
from agentgate_engine.verify.verify_yaml import parse_verify_yaml

UPSTREAM = """\
contracts:
  required_schemas:
    - file: package.json
      schema: json
      rules:
        - has_field: scripts.test
        - field_type: {field: version, type: string}
        - matches_regex:
            field: version
            pattern: '^\\d+\\.'
        - json_schema: schemas/package.json
    - {file: ci.yml, schema: yaml}
  naming_conventions:
    - {pattern: "src/**/*.ts", rule: kebab-case}
"""

TYPED = """\
contracts:
  required_schemas:
    - file: package.json
      schema: json
      rules:
        - {type: has_field, path: scripts.test}
        - {type: field_type, field: version, expectedType: string}
        - {type: matches_regex, field: version, pattern: '^\\d+\\.'}
        - {type: json_schema, schemaPath: schemas/package.json}
"""


def rules_of(text: str) -> list[SchemaRule]:
    (contract, *_) = parse_verify_yaml(text.encode(), "verify.yaml").schemas
    return [rule.model_copy(update={"origin": ""}) for rule in contract.rules]


def test_the_original_s_spelling_is_read() -> None:
    """upstream.md 2.2: required_schemas[{file, schema json|yaml, rules}] and naming_conventions[{pattern, rule}]."""
    plan = parse_verify_yaml(UPSTREAM.encode(), "verify.yaml")
    first, second = plan.schemas
    assert (first.file, first.format, first.origin) == ("package.json", "json", "verify.yaml:3")
    assert (second.file, second.format, second.rules) == ("ci.yml", "yaml", [])
    assert [rule.type for rule in first.rules] == ["has_field", "field_type", "matches_regex", "json_schema"]
    has, kind, regex, schema = first.rules
    assert (has.field, kind.field, kind.expected_type) == ("scripts.test", "version", "string")
    assert (regex.field, regex.pattern, regex.origin) == ("version", r"^\d+\.", "verify.yaml:8")
    assert schema.json_schema and schema.json_schema.path == "schemas/package.json"
    (naming,) = plan.naming
    assert (naming.pattern, naming.rule, naming.origin) == ("src/**/*.ts", "kebab-case", "verify.yaml:14")


def test_a_rule_with_its_name_under_type_says_the_same() -> None:
    assert rules_of(TYPED) == rules_of(UPSTREAM)


def test_a_schema_may_stand_in_the_plan() -> None:
    text = "contracts:\n  required_schemas:\n    - file: a.json\n      schema: json\n      rules:\n"
    (rule,) = rules_of(
        text + "        - json_schema: {type: object, properties: {on: {const: 1.5}}, required: ['on']}\n"
    )
    assert rule.json_schema and rule.json_schema.inline == {
        "type": "object",
        "properties": {"on": {"const": 1.5}},
        "required": ["on"],
    }
    (rule,) = rules_of(text + "        - {type: json_schema, schema: {type: 'null'}}\n")
    assert rule.json_schema and rule.json_schema.inline == {"type": "null"}
    (rule,) = rules_of(text + "        - json_schema: {path: a/b.json}\n")
    assert rule.json_schema and (rule.json_schema.path, rule.json_schema.inline) == ("a/b.json", None)


def schemas(rest: str) -> str:
    return f"contracts:\n  required_schemas:\n    - file: a.json\n      schema: json\n{rest}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("contracts:\n  required_schemas:\n    - {file: a}\n", ":3: contracts.required_schemas[0]: has no schema"),
        ("contracts:\n  required_schemas:\n    - {schema: json}\n", ":3: contracts.required_schemas[0]: has no file"),
        (
            "contracts:\n  required_schemas:\n    - {file: a, schema: toml}\n",
            ':3: contracts.required_schemas[0].schema: must be one of json, yaml, not "toml"',
        ),
        (
            "contracts:\n  required_schemas:\n    - {file: ../a, schema: json}\n",
            ":3: contracts.required_schemas[0].file: must not hold",
        ),
        (
            "contracts:\n  required_schemas:\n    - {file: '*.json', schema: json}\n",
            ":3: contracts.required_schemas[0].file: must be the path of one file",
        ),
        (
            schemas("    - {file: a.json, schema: json}\n"),
            ':5: contracts.required_schemas[1].file: "a.json" is judged by verify.yaml:3 already',
        ),
        (
            schemas("      rules: [{has_feild: a}]\n"),
            ':5: contracts.required_schemas[0].rules[0]: unknown key "has_feild"; did you mean has_field?',
        ),
        (
            schemas("      rules:\n        - {type: hasfield, field: a}\n"),
            ":6: contracts.required_schemas[0].rules[0].type: must be one of has_field, field_type",
        ),
        (
            schemas("      rules: [{has_field: a, json_schema: b}]\n"),
            ":5: contracts.required_schemas[0].rules[0]: must be one rule: has_field, field_type",
        ),
        (
            schemas("      rules: [{has_field: a..b}]\n"),
            ":5: contracts.required_schemas[0].rules[0].has_field: must be a path such as scripts.test",
        ),
        (
            schemas("      rules: [{field_type: {field: a}}]\n"),
            ":5: contracts.required_schemas[0].rules[0]: has no type",
        ),
        (
            schemas("      rules: [{field_type: {field: a, type: text}}]\n"),
            ":5: contracts.required_schemas[0].rules[0].field_type.type: must be one of string, number",
        ),
        (
            schemas("      rules: [{field_type: {field: a, path: b, type: string}}]\n"),
            ":5: contracts.required_schemas[0].rules[0].field_type.path: says the same as field",
        ),
        (
            schemas("      rules: [{matches_regex: {field: a, pattern: '('}}]\n"),
            ":5: contracts.required_schemas[0].rules[0].matches_regex.pattern: is not a regular expression",
        ),
        (
            schemas("      rules: [{type: has_field, field: a, pattern: b}]\n"),
            ":5: contracts.required_schemas[0].rules[0].pattern: has nothing to do with has_field",
        ),
        (
            schemas("      rules: [{json_schema: {type: strin}}]\n"),
            ":5: contracts.required_schemas[0].rules[0].json_schema: is not a valid JSON Schema",
        ),
        (
            schemas("      rules: [{json_schema: {minimum: .nan}}]\n"),
            ":5: contracts.required_schemas[0].rules[0].json_schema: holds .nan",
        ),
        (
            "contracts:\n  naming_conventions:\n    - {pattern: a, rule: kebab}\n",
            ":3: contracts.naming_conventions[0].rule: must be one of kebab-case, snake_case",
        ),
        ("contracts:\n  naming_conventions:\n    - {pattern: a}\n", ":3: contracts.naming_conventions[0]: has no rule"),
        (
            "contracts:\n  naming_conventions:\n    - {pattern: /a, rule: kebab-case}\n",
            ":3: contracts.naming_conventions[0].pattern: must be relative",
        ),
        (
            "contracts:\n  naming_conventions:\n    - {pattern: a, rule: kebab-case}\n"
            "    - {pattern: a, rule: camelCase}\n",
            ':4: contracts.naming_conventions[1].pattern: "a" has a rule by verify.yaml:3 already',
        ),
    ],
)
def test_a_fault_names_file_line_and_key(text: str, expected: str) -> None:
    """upstream.md 2.2: an invalid verify.yaml makes submit fail with path and line."""
    with pytest.raises(UsageError) as caught:
        parse_verify_yaml(text.encode(), "verify.yaml")
    assert expected in str(caught.value)
