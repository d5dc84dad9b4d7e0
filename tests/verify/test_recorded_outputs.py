"""What real tools print when they fail, and the first thing that is read from it.

Every sample was recorded from the tool itself in the tree of `shop_tree`, and had its places renamed (the clean room is
`/room`): pytest 8.4 with xdist 3.8, unittest and Python 3.11, mypy 2.4, pyright 1.1.414, ruff 0.17, TypeScript, eslint
9.39, jest, vitest 4.1, mocha, `node --test` of Node 20, Go 1.19, cargo and rustc 1.95, gcc 12, clang 14, GNU make.
`samples/expected.tsv` has a line for each.
"""

from __future__ import annotations

import csv

import pytest

from agentgate_engine.models.verification import CheckStatus
from tests.verify.shop_tree import SAMPLES, TREE, recorded

with (SAMPLES / "expected.tsv").open(newline="") as table:
    ROWS = {row["sample"]: row for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_the_first_diagnostic_of_a_recording_is_the_cause(name: str) -> None:
    """upstream.md 4.6: the context holds the counts and the top diagnostics."""
    row, found = ROWS[name], recorded(name)
    first = found.diagnostics[0]
    place = ":".join(str(each) for each in (first.file, first.line, first.column) if each is not None)
    cause = f"{first.cause_file}:{first.cause_line}" if first.cause_file else "-"
    assert {
        "sample": name,
        "said at": f"{first.stream}:{first.output_line}",
        "place": place or "-",
        "cause": cause,
        "failed tests": "-" if found.failed is None else str(found.failed),
        "message": first.message,
    } == row
    assert found.signature


def test_every_sample_is_expected() -> None:
    stored = {path.relative_to(SAMPLES).with_suffix("").as_posix() for path in SAMPLES.glob("*/*.[oe][ur][tr]")}
    assert stored == set(ROWS)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_no_place_lies_outside_of_the_tree(name: str) -> None:
    found = recorded(name)
    named = [each.file for each in (*found.diagnostics, *found.cases)]
    named += [each.cause_file for each in (*found.diagnostics, *found.cases)]
    assert {file for file in named if file} <= TREE.tracked
    assert not [each.message for each in found.diagnostics if "\x1b" in each.message or "/room/" in each.message]


CASES = {
    "pytest/default": (9, 0, 0),
    "pytest/verbose": (7, 1, 0),
    "pytest/xdist-verbose": (7, 1, 0),
    "pytest/no-summary-v": (9, 2, 2),
    "pytest/odd": (9, 0, 0),
    "unittest/verbose": (4, 1, 1),
    "jest/cart": (5, 1, 1),
    "jest/json": (5, 1, 1),
    "vitest/verbose": (5, 1, 1),
    "vitest/json": (5, 1, 1),
    "vitest/tap": (5, 1, 1),
    "vitest/junit": (5, 1, 1),
    "mocha/spec": (3, 1, 1),
    "node-test/spec": (3, 1, 1),
    "node-test/tap": (3, 1, 1),
    "go/verbose": (4, 2, 1),
    "go/json": (4, 2, 1),
    "cargo/test-full": (5, 1, 1),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_runner_s_cases_have_their_verdicts(name: str) -> None:
    statuses = [case.status for case in recorded(name).cases]
    counted = tuple(map(statuses.count, (CheckStatus.FAILED, CheckStatus.PASSED, CheckStatus.SKIPPED)))
    assert counted == CASES[name]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pytest/default", "pytest/github"),
        ("pytest/quiet", "pytest/xdist"),
        ("pytest/short", "pytest/native"),
        ("pytest/colour", "pytest/line"),
        ("jest/cart", "jest/silent"),
        ("jest/colour", "jest/json"),
        ("vitest/cart", "vitest/json"),
        ("vitest/plain", "vitest/junit"),
        ("vitest/dot", "vitest/tap"),
        ("go/calc", "go/json"),
        ("cargo/test", "cargo/test-colour"),
        ("unittest/default", "unittest/verbose"),
    ],
)
def test_a_case_has_one_name_however_the_runner_reports_it(one: str, other: str) -> None:
    first, second = ([c.id for c in recorded(n).cases if c.status is CheckStatus.FAILED] for n in (one, other))
    short = [case.removeprefix("web/") for case in second]
    assert sorted(case.removeprefix("web/") for case in first) == sorted(short)


@pytest.mark.parametrize(
    ("name", "case", "place", "cause"),
    [
        ("pytest/default", "tests/test_cart.py::test_total", "tests/test_cart.py:21", None),
        ("pytest/default", "tests/test_cart.py::test_too_much", "tests/test_cart.py:25", "shop/price.py:12"),
        ("pytest/native", "tests/test_cart.py::test_load", "tests/test_cart.py:34", "shop/cart.py:19"),
        ("pytest/default", "tests/test_cart.py::TestJson::test_decode", "tests/test_cart.py:44", None),
        ("pytest/odd", "tests/test_odd.py::test_both", "tests/test_odd.py:18", None),
        ("unittest/verbose", "unit.test_unit.CartTest.test_too_much", "unit/test_unit.py:14", "shop/price.py:12"),
        (
            "jest/cart",
            "web/tests/cart.test.js › cart › total › refuses what is no text",
            "web/tests/cart.test.js:9",
            "web/js-src/price.js:2",
        ),
        (
            "vitest/cart",
            "web/tests/cart.test.js > cart > total > refuses what is no text",
            "web/tests/cart.test.js:9",
            "web/js-src/price.js:2",
        ),
        ("go/panic", "example.org/shop/panics.TestTotal", "go/panics/panics_test.go:12", "go/calc/calc.go:6"),
        ("cargo/backtrace", "tests::refuses", "rs/src/price.rs:2", "rs/src/price.rs:2"),
    ],
)
def test_a_case_lies_in_its_test_and_names_the_module_that_broke(
    name: str, case: str, place: str, cause: str | None
) -> None:
    found = next(each for each in recorded(name).cases if each.id == case)
    assert f"{found.file}:{found.line}" == place
    assert (f"{found.cause_file}:{found.cause_line}" if found.cause_file else None) == cause


def test_a_chain_of_exceptions_in_a_test_is_one_failure_that_names_its_beginning() -> None:
    load = next(each for each in recorded("pytest/default").diagnostics if each.case == "tests/test_cart.py::test_load")
    assert load.message.startswith("RuntimeError: cart not readable: /nowhere/cart.txt (from FileNotFoundError: ")


def test_a_failed_teardown_is_told_after_the_failures() -> None:
    found = recorded("pytest/odd").diagnostics
    assert [each.case for each in found].count("tests/test_odd.py::test_both") == 2
    assert found[-1].message == "RuntimeError: teardown broke"


def test_what_a_test_printed_is_no_diagnostic() -> None:
    assert not [each for each in recorded("pytest/odd").diagnostics if "printed by the test" in each.message]
