"""L0: lists of paths, documents and names."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_engine.models.gate_plan import Contracts, JsonSchema, NamingContract, SchemaContract, SchemaRule
from agentgate_engine.models.verification import Check, CheckStatus
from agentgate_engine.verify.contracts import ContractTree, check_contracts, contract_checks
from agentgate_engine.verify.tree_readers import BaseFile

NEW = Contracts(forbidden_new_patterns=["**/.env", "**/*.pem"])


def judge(contracts: Contracts, tracked: list[str], at_base: list[str] | None = None) -> list[Check]:
    tree = ContractTree(tracked, at_base or [], Path("/nowhere"), lambda _path, _limit: None)
    return check_contracts(contracts, tree, tree_hash="t", plan_hash="p", now="2026-01-01T00:00:00.000Z")


@pytest.mark.parametrize(
    ("required", "tracked", "missing"),
    [
        (["a.txt"], ["a.txt"], []),
        (["a.txt"], ["b/a.txt"], ["a.txt"]),
        (["src"], ["src/a.py"], []),
        (["src/"], ["src/a.py"], []),
        (["src/"], ["srcs/a.py"], ["src/**"]),
        (["tests/**/test_*.py"], ["tests/test_a.py"], []),
        (["tests/**/test_*.py", "x"], ["tests/a.py"], ["tests/**/test_*.py", "x"]),
        (["app/[id].tsx"], ["app/[id].tsx"], []),
    ],
)
def test_required_files(required: list[str], tracked: list[str], missing: list[str]) -> None:
    (check,) = judge(Contracts(required_files=required), tracked)
    assert check.id == "L0/required-files"
    assert check.passed is (missing == [])
    assert [each.file for each in check.diagnostics] == missing
    assert all(path in (check.message or "") for path in missing)
    assert (check.signature is None) is check.passed


def test_the_default_list_judges_only_what_the_base_does_not_have() -> None:
    (check,) = judge(NEW, ["old/.env", "new/.env", "key.pem", "a.py"], at_base=["old/.env", "a.py"])
    assert check.id == "L0/forbidden-patterns"
    assert check.status is CheckStatus.FAILED
    assert [(each.file, each.message) for each in check.diagnostics] == [
        ("new/.env", "forbidden by **/.env"),
        ("key.pem", "forbidden by **/*.pem"),
    ]
    assert check.message == "2 forbidden files: new/.env, key.pem"


def test_the_repository_s_own_list_judges_the_whole_tree() -> None:
    (check,) = judge(Contracts(forbidden_patterns=["**/*.log"]), ["old.log"], at_base=["old.log"])
    assert [each.file for each in check.diagnostics] == ["old.log"]


def test_nothing_is_left_out_because_of_its_directory() -> None:
    (check,) = judge(NEW, ["node_modules/a/.env", "dist/.env"])
    assert len(check.diagnostics) == 2


def test_one_file_is_one_finding_however_many_patterns_it_meets() -> None:
    (check,) = judge(Contracts(forbidden_patterns=["*", "**/a"]), ["a"])
    assert len(check.diagnostics) == 1


def test_a_long_list_is_counted_and_not_spelled_out() -> None:
    (check,) = judge(NEW, [f"d{i}/.env" for i in range(12)])
    assert (check.message or "").startswith("12 forbidden files: d0/.env, ")
    assert (check.message or "").endswith(" and 2 more")
    assert len(check.diagnostics) == 12


def test_no_check_without_something_to_judge() -> None:
    assert judge(Contracts(), ["a"]) == []
    assert contract_checks(Contracts()) == []
    assert contract_checks(Contracts(required_files=["a"], forbidden_patterns=["b"])) == [
        "L0/required-files",
        "L0/forbidden-patterns",
    ]


def test_a_pass_says_what_was_looked_at() -> None:
    (check,) = judge(NEW, ["a", "b"])
    assert check.passed and check.message == "none of 2 files is forbidden by 2 patterns"


def schema_check(
    room: Path, raw: bytes | None, *rules: SchemaRule, form: str = "json", base: dict[str, bytes] | None = None
) -> Check:
    """Judge a document against rules; `base` holds the files of the base commit."""
    if raw is not None:
        (room / "a.json").write_bytes(raw)

    def at_base(path: str, limit: int) -> BaseFile | None:
        found = (base or {}).get(path)
        return None if found is None else BaseFile(len(found), found if len(found) <= limit else None)

    contract = SchemaContract(file="a.json", format=form, rules=list(rules))  # type: ignore[arg-type]
    tree = ContractTree(
        ["a.json"] if raw is not None else [], [], room, at_base, lambda text: text.replace("hunter2", "[masked]")
    )
    (check,) = check_contracts(
        Contracts(required_schemas=[contract]), tree, tree_hash="t", plan_hash="p", now="2026-01-01T00:00:00.000Z"
    )
    return check


HAS = SchemaRule(type="has_field", field="scripts.test")
TYPED = [
    SchemaRule(type="field_type", field="v", expected_type=kind)  # type: ignore[arg-type]
    for kind in ("string", "number", "integer", "boolean", "object", "array", "null")
]
VERSION = SchemaRule(type="matches_regex", field="version", pattern=r"^\d+\.\d+$")


def test_a_field_must_be_there(tmp_path: Path) -> None:
    """upstream.md 2.1: rule has_field with a dotted path."""
    assert schema_check(tmp_path, b'{"scripts": {"test": null}}', HAS).passed
    check = schema_check(tmp_path, b'{"scripts": {}}', HAS)
    assert (check.id, check.status) == ("L0/schema:a.json", CheckStatus.FAILED)
    (found,) = check.diagnostics
    assert (found.type, found.file, found.message) == ("schema_violation", "a.json", "has no field scripts.test")
    assert (found.expected, found.actual) == ("a field scripts.test", "no such field")
    assert check.message == "1 violation, first: has no field scripts.test"


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        (b'"x"', ["string"]),
        (b"1.5", ["number"]),
        (b"1", ["number", "integer"]),
        (b"1.0", ["number", "integer"]),
        (b"true", ["boolean"]),
        (b"{}", ["object"]),
        (b"[]", ["array"]),
        (b"null", ["null"]),
    ],
)
def test_the_type_of_a_field_is_that_of_json(tmp_path: Path, value: bytes, kinds: list[str]) -> None:
    """upstream.md 2.1: rule field_type; true is no number, null and lists are no objects."""
    passed = [rule.expected_type for rule in TYPED if schema_check(tmp_path, b'{"v": ' + value + b"}", rule).passed]
    assert passed == kinds


def test_a_field_must_match(tmp_path: Path) -> None:
    """upstream.md 2.1: rule matches_regex."""
    assert schema_check(tmp_path, b'{"version": "1.20"}', VERSION).passed
    for raw in (b'{"version": "v1"}', b'{"version": 1.2}', b"{}"):
        assert not schema_check(tmp_path, raw, VERSION).passed


def test_a_json_schema_is_applied_for_real(tmp_path: Path) -> None:
    """upstream.md 2.1: json_schema is implemented (in the original it always passed)."""
    schema = b'{"type": "object", "properties": {"n": {"type": "array", "items": {"type": "integer"}}}}'
    rule = SchemaRule(type="json_schema", json_schema=JsonSchema(path="schemas/a.json"))
    base = {"schemas/a.json": schema}
    assert schema_check(tmp_path, b'{"n": [1, 2]}', rule, base=base).passed
    check = schema_check(tmp_path, b'{"n": [1, "x"]}', rule, base=base)
    (found,) = check.diagnostics
    assert found.message == "n[1]: 'x' is not of type 'integer'"
    assert (found.expected, found.actual) == ('type "integer"', '"x"')


def test_yaml_is_judged_by_the_same_rules(tmp_path: Path) -> None:
    """upstream.md 2.1: yaml schemas are implemented (in the original only JSON was)."""
    rules = [
        SchemaRule(type="has_field", field="jobs.build.steps[1].run"),
        SchemaRule(type="json_schema", json_schema=JsonSchema(inline={"required": ["on"]})),
    ]
    raw = b"on: push\njobs:\n  build:\n    steps:\n      - uses: x\n      - run: make\n"
    assert schema_check(tmp_path, raw, *rules, form="yaml").passed
    assert len(schema_check(tmp_path, b"jobs: {}\n", *rules, form="yaml").diagnostics) == 2


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"$ref": "https://example.org/a.json"}, "the schema in the plan refers to 'https://example.org/a.json'"),
        ({"$ref": "other.json"}, "other documents are never fetched"),
        ({"$ref": "#"}, "refers to itself without end"),
    ],
)
def test_a_schema_that_leads_elsewhere_is_refused_and_never_fetched(
    tmp_path: Path, schema: dict[str, str], why: str
) -> None:
    rule = SchemaRule(type="json_schema", json_schema=JsonSchema(inline=schema))  # type: ignore[arg-type]
    check = schema_check(tmp_path, b"{}", rule)
    assert not check.passed and why in check.diagnostics[0].message


def test_a_schema_that_cannot_be_read_fails_the_check(tmp_path: Path) -> None:
    rule = SchemaRule(type="json_schema", json_schema=JsonSchema(path="s.json"))
    missing = schema_check(tmp_path, b"{}", rule)
    assert missing.diagnostics[0].message == "the schema s.json is not in the base commit"
    broken = schema_check(tmp_path, b"{}", rule, base={"s.json": b"{"})
    assert "the schema s.json is not valid JSON" in broken.diagnostics[0].message
    wrong = schema_check(tmp_path, b"{}", rule, base={"s.json": b'{"type": 5}'})
    assert "s.json is not a valid JSON Schema" in wrong.diagnostics[0].message


def test_a_document_that_is_missing_or_broken_fails(tmp_path: Path) -> None:
    missing = schema_check(tmp_path, None, HAS)
    assert missing.diagnostics[0].type == "missing_file" and missing.message == "a.json is missing"
    broken = schema_check(tmp_path, b"{", HAS)
    assert "is not valid JSON" in (broken.message or "")


def test_a_document_is_never_read_outside_of_the_room(tmp_path: Path) -> None:
    room = tmp_path / "room"
    (room / "sub").mkdir(parents=True)
    (tmp_path / "secret.json").write_text('{"scripts": {"test": 1}}')
    (room / "a.json").symlink_to("../secret.json")
    check = schema_check(room, None, HAS)
    assert check.message == "a.json is missing", "not tracked, so it is no part of the work"
    contract = SchemaContract(file="a.json", format="json", rules=[HAS])
    tree = ContractTree(["a.json"], [], room, lambda _path, _limit: None)

    def judged() -> Check:
        (check,) = check_contracts(Contracts(required_schemas=[contract]), tree, tree_hash="t", plan_hash="p", now="n")
        return check

    assert judged().message == "a.json is a link that leads out of the tree, and was not followed"
    (room / "a.json").unlink()
    (room / "sub" / "b.json").write_text('{"scripts": {"test": 1}}')
    (room / "a.json").symlink_to("sub/b.json")
    assert judged().passed, "a link inside of the tree is part of the work"
    (room / "a.json").unlink()
    (room / "a.json").mkdir()
    assert judged().message == "a.json is no regular file"


def test_what_a_document_holds_is_masked(tmp_path: Path) -> None:
    check = schema_check(tmp_path, b'{"version": "hunter2"}', VERSION)
    assert b"hunter2" not in check.to_json() and b"[masked]" in check.to_json()


def test_a_pattern_that_explodes_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentgate_engine.verify.apart.LIMIT_S", 0.5)
    rule = SchemaRule(type="matches_regex", field="v", pattern="(a+)+$")
    check = schema_check(tmp_path, b'{"v": "' + b"a" * 64 + b'!"}', rule)
    assert "took longer than 0.5 s and was stopped" in check.diagnostics[0].message


def test_misnamed_files_are_named() -> None:
    """upstream.md 2.1: check naming:<glob> names the offending paths."""
    contracts = Contracts(naming_conventions=[NamingContract(pattern="src/**", rule="kebab-case")])
    (check,) = judge(contracts, ["src/my-part.ts", "src/MyPart.ts", "README.md"])
    assert check.id == "L0/naming:src/**"
    assert [each.file for each in check.diagnostics] == ["src/MyPart.ts"]
    assert check.message == "1 of 2 files not in kebab-case: src/MyPart.ts"
    (check,) = judge(contracts, ["src/my-part.ts"])
    assert check.passed and check.message == "1 file in kebab-case"
