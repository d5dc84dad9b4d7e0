"""From the base commit's files to the plan in force."""

from __future__ import annotations

import pytest

from agentgate_engine.errors import UsageError
from agentgate_engine.models.gate_plan import DEFAULT_FORBIDDEN, GatePlan
from agentgate_engine.verify.gate_plan import resolve_plan

BASE = "0123456789abcdef0123456789abcdef01234567"


def resolve(**files: str) -> GatePlan:
    names = {"plain": "verify.yaml", "dotted": ".agentgate/verify.yaml", "folder": "agentgate/verify.yaml"}
    found = {names[key]: text.encode() for key, text in files.items()}
    return resolve_plan(found.get, BASE)


def test_without_a_file_the_default_plan_says_that_nothing_else_judges() -> None:
    plan = resolve()
    assert (plan.source, plan.source_file, plan.source_commit, plan.tests) == ("default", None, BASE, [])
    assert plan.contracts.forbidden_new_patterns == DEFAULT_FORBIDDEN
    assert plan.contracts.forbidden_patterns == []
    assert "no verify.yaml" in plan.warnings[0] and "write one to verify.yaml" in plan.warnings[0]
    assert set(plan.origins.values()) == {"default"}


@pytest.mark.parametrize(
    ("where", "file"),
    [("plain", "verify.yaml"), ("dotted", ".agentgate/verify.yaml"), ("folder", "agentgate/verify.yaml")],
)
def test_each_place_is_found(where: str, file: str) -> None:
    plan = resolve(**{where: "tests: [{name: a, command: b}]\n"})
    assert (plan.source, plan.source_file, plan.name) == ("verify.yaml", file, file)
    assert plan.warnings == []


def test_the_first_of_two_counts_and_the_other_is_named() -> None:
    plan = resolve(plain="name: one\ntests: [{name: a, command: b}]\n", folder="name: two\n")
    assert plan.name == "one"
    assert plan.warnings == ["agentgate/verify.yaml is ignored: verify.yaml is there and comes first"]


def test_forbidden_lists_are_united_and_the_repository_s_own_holds_for_the_whole_tree() -> None:
    plan = resolve(plain='contracts: {forbidden_patterns: ["**/.env", "*.log"]}\n')
    assert plan.contracts.forbidden_patterns == ["**/.env", "*.log"]
    assert plan.contracts.forbidden_new_patterns == [p for p in DEFAULT_FORBIDDEN if p != "**/.env"]


def test_every_value_has_an_origin() -> None:
    plan = resolve(plain="name: n\nenvironment: {setup: [make]}\ntests:\n  - name: a\n    command: b\n    timeout: 5\n")
    assert plan.origins["name"] == "verify.yaml:1"
    assert plan.origins["setup[0]"] == "verify.yaml:2"
    assert plan.origins["setup[0].timeout"] == "default"
    assert plan.origins["tests[0].timeout"] == "verify.yaml:6"
    assert plan.origins["tests[0].expected_exit"] == "default"
    assert plan.origins["max_runtime"] == "default"
    assert plan.origins["contracts.forbidden_new_patterns"] == "default"


def test_a_plan_without_tests_is_warned_about() -> None:
    assert "names no tests" in resolve(plain="name: n\n").warnings[0]


def test_a_broken_file_is_no_default_plan() -> None:
    with pytest.raises(UsageError, match=r"^\.agentgate/verify\.yaml:1: "):
        resolve(dotted="tests: 3\n")


def test_the_hash_follows_what_decides_and_not_where_it_stands() -> None:
    one = resolve(plain="tests: [{name: a, command: b}]\n")
    moved = resolve(plain="# a comment\n\nname: other\ntests:\n  - name: a\n    command: b\n")
    harder = resolve(plain="tests: [{name: a, command: b, expected_exit: 1}]\n")
    assert one.hash == moved.hash != harder.hash
    stricter = resolve(plain="tests: [{name: a, command: b}]\ncontracts: {forbidden_patterns: [x]}\n")
    assert one.hash != stricter.hash
