"""L0 over lists of paths."""

from __future__ import annotations

import pytest

from agentgate_engine.models.gate_plan import Contracts
from agentgate_engine.models.verification import Check, CheckStatus
from agentgate_engine.verify.contracts import check_contracts, contract_checks

NEW = Contracts(forbidden_new_patterns=["**/.env", "**/*.pem"])


def judge(contracts: Contracts, tracked: list[str], at_base: list[str] | None = None) -> list[Check]:
    return check_contracts(
        contracts, tracked, at_base or [], tree_hash="t", plan_hash="p", now="2026-01-01T00:00:00.000Z"
    )


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
