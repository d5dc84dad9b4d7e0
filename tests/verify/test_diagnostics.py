"""What real tools print, and what is read from it.

The samples were recorded from the tools (jest, mypy and tsc written after their formats), and had their places renamed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_engine.models.verification import CheckStatus, Diagnostic, Level
from agentgate_engine.verify.diagnostics import MAX_DIAGNOSTICS, OutputFindings, read_findings
from agentgate_engine.verify.output_window import OutputLine, read_window
from agentgate_engine.verify.signature import normalised, signature
from agentgate_engine.verify.tree_paths import TreePaths

SAMPLES = Path(__file__).parent / "samples"
TRACKED = [
    "pkg/__init__.py",
    "pkg/parse.py",
    "tests/test_a.py",
    "tests/test_syn.py",
    "tests/test_imp.py",
    "test_unit.py",
    "run.py",
    "a.c",
    "b.js",
    "src/app.ts",
    "src/app.test.ts",
]
TREE = TreePaths.of({"/room"}, TRACKED)
RAISED = 'Traceback (most recent call last):\n  File "/room/run.py", line 3, in f\n'


def lines_of(text: str) -> tuple[OutputLine, ...]:
    return tuple(OutputLine(i, line) for i, line in enumerate(text.split("\n"), 1))


def read(text: str, stderr: str = "", tree: TreePaths = TREE) -> OutputFindings:
    return read_findings(Level.L1, "L1/x", lines_of(text), lines_of(stderr), tree, str)


def sample(name: str) -> OutputFindings:
    return read_findings(Level.L1, "L1/x", read_window(SAMPLES / f"{name}.txt").lines, (), TREE, str)


def place(each: Diagnostic) -> tuple[str | None, int | None, str]:
    return (each.file, each.line, each.message)


A = "tests/test_a.py"
EXPECTED = {
    "pytest-long": [
        (A, 20, "RuntimeError: no fixture"),
        (A, 6, "AssertionError: off by one"),
        (A, 10, "AssertionError: assert 'a b' == 'x'"),
        (A, 10, "AssertionError: assert 'c - d' == 'x'"),
        ("pkg/parse.py", 4, "ValueError: bad 0x7f3a at /tmp/abc/def"),
    ],
    "pytest-collect": [
        ("tests/test_imp.py", 1, "ModuleNotFoundError: No module named 'nosuchthing'"),
        ("tests/test_syn.py", 1, "SyntaxError: invalid syntax"),
    ],
    "unittest": [
        ("pkg/parse.py", 4, "ValueError: bad 0x7f3a at /tmp/abc/def"),
        ("test_unit.py", 13, "AssertionError: 0 != 9"),
        ("test_unit.py", 13, "AssertionError: 1 != 9"),
        ("test_unit.py", 6, "AssertionError: 2 != 5"),
    ],
    "traceback": [("pkg/parse.py", 4, "ValueError: bad 0x7f3a at /tmp/abc/def")],
    "syntax": [("tests/test_syn.py", 1, "SyntaxError: invalid syntax")],
    "ruff": [
        ("pkg/parse.py", 1, "I001 [*] Import block is un-sorted or un-formatted"),
        ("pkg/parse.py", 1, "F401 [*] `os` imported but unused"),
        (A, 1, "I001 [*] Import block is un-sorted or un-formatted"),
        ("tests/test_imp.py", 1, "F401 [*] `nosuchthing` imported but unused"),
        ("tests/test_syn.py", 1, "invalid-syntax: Expected a parameter or the end of the parameter list"),
        ("tests/test_syn.py", 1, "invalid-syntax: Expected `)`, found newline"),
    ],
    "gcc": [
        ("a.c", 2, "error: ‘y’ undeclared (first use in this function)"),
        ("a.c", 3, "error: expected ‘;’ before ‘}’ token"),
    ],
    "pyright": [("tests/test_imp.py", 1, 'error: Import "nosuchthing" could not be resolved (reportMissingImports)')],
    "mypy": [("pkg/parse.py", 3, 'error: Incompatible return value type (got "str", expected "int")  [return-value]')],
    "tsc": [
        ("src/app.ts", 3, "error TS2322: Type 'string' is not assignable to type 'number'."),
        ("src/app.ts", 9, "error TS2304: Cannot find name 'foo'."),
    ],
    "jest": [("src/app.test.ts", 5, "math › adds")],
    "node-own": [("b.js", 1, "Error: Cannot find module './nope'")],
    "node-test": [(None, None, "not ok 1 - adds")],
    "npm": [(None, None, 'npm error Missing script: "nope"')],
}
EXPECTED["pytest-short"] = EXPECTED["pytest-long"]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_recorded_output_gives_its_errors_with_their_places(name: str) -> None:
    found = sample(name)
    assert [place(each) for each in found.diagnostics] == EXPECTED[name]
    printed = (SAMPLES / f"{name}.txt").read_text().split("\n")
    for each in found.diagnostics:
        assert each.output_line and printed[each.output_line - 1].strip()
    assert found.signature


def test_the_output_line_is_where_the_message_stands() -> None:
    printed = (SAMPLES / "pytest-long.txt").read_text().split("\n")
    for each in sample("pytest-long").diagnostics:
        assert each.message in printed[(each.output_line or 0) - 1]


def test_pytest_cases_carry_verdict_place_and_signature() -> None:
    cases = {case.id: case for case in sample("pytest-verbose").cases}
    assert [case.status for case in cases.values()] == [CheckStatus.FAILED] * 5 + [CheckStatus.PASSED]
    assert cases[f"{A}::test_ok"].signature is None
    cases = {case.id: case for case in sample("pytest-long").cases}
    assert set(cases) == {
        f"{A}::TestP::test_one",
        f"{A}::test_param[a b]",
        f"{A}::test_param[c - d]",
        f"{A}::test_deep",
        f"{A}::test_fix",
    }
    one = cases[f"{A}::TestP::test_one"]
    assert (one.file, one.line, one.message) == (A, 6, "AssertionError: off by one")
    deep = cases[f"{A}::test_deep"]
    assert deep.file == A, "a case lives in its own file, wherever it broke"
    assert one.signature != deep.signature


def test_unittest_cases_are_named_by_module_class_and_method() -> None:
    cases = {case.id: case.status for case in sample("unittest").cases}
    assert cases == {
        "test_unit.T.test_e": CheckStatus.FAILED,
        "test_unit.T.test_sub": CheckStatus.FAILED,
        "test_unit.T.test_x": CheckStatus.FAILED,
        "test_unit.T.test_k": CheckStatus.PASSED,
    }


def test_an_old_unittest_names_the_class_only() -> None:
    text = f"FAIL: test_x (mod.T)\n-----\n{RAISED}AssertionError\n"
    found = read("", text)
    assert [case.id for case in found.cases] == ["mod.T.test_x"]
    assert [(each.stream, each.output_line) for each in found.diagnostics] == [("stderr", 5)]


@pytest.mark.parametrize(
    "text",
    [
        "12:30:45.123 INFO host.example:8080: connected",
        "a.c:2:1: warning: unused",
        "pkg/parse.py:3: note: see",
        "https://example.com:443/x",
        "/usr/include/stdio.h:33: see here",
        "everything is fine",
    ],
)
def test_what_is_no_error_gives_nothing(text: str) -> None:
    found = read(text)
    assert (found.diagnostics, found.cases, found.signature) == ((), (), None)


def test_a_command_that_changed_directory_still_names_the_file() -> None:
    tree = TreePaths.of({"/room"}, ["web/src/app.ts", "a/x.py", "b/x.py"])
    assert read("src/app.ts(3,5): error TS1: no", tree=tree).diagnostics[0].file == "web/src/app.ts"
    assert read("x.py:3: error: no", tree=tree).diagnostics[0].file == "x.py", "two files could be meant"


def test_frames_outside_of_the_tree_are_not_the_work() -> None:
    text = RAISED + '  File "/room/.venv/lib/x.py", line 9, in g\nOSError: no\n'
    assert [place(each) for each in read(text).diagnostics] == [("run.py", 3, "OSError: no")]


def test_a_chain_of_exceptions_gives_each_of_them() -> None:
    between = "\n\nDuring handling of the above exception, another exception occurred:\n\n"
    text = f"{RAISED}KeyError: 'a'{between}{RAISED}ValueError: b\n"
    assert [each.message for each in read(text).diagnostics] == ["KeyError: 'a'", "ValueError: b"]


def test_a_repeated_error_is_told_once_and_a_flood_is_cut() -> None:
    found = read("run.py:1: error: same\n" * 5 + "".join(f"run.py:{i}: error: e\n" for i in range(2, 200)))
    assert len(found.diagnostics) == MAX_DIAGNOSTICS
    assert sum(each.message == "error: same" for each in found.diagnostics) == 1


def test_colours_are_no_part_of_a_message() -> None:
    assert read("\x1b[1mrun.py:1: \x1b[31merror:\x1b[0m no\x1b[0m").diagnostics[0].message == "error: no"


def test_messages_are_masked_and_say_nothing_about_the_machine() -> None:
    found = read_findings(
        Level.L1,
        "L1/x",
        lines_of("run.py:1: error: hunter2 in /room/pkg/parse.py"),
        (),
        TREE,
        lambda s: s.replace("hunter2", "***"),
    )
    assert found.diagnostics[0].message == "error: *** in pkg/parse.py"


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("took 1.23s", "took 45.6s", True),
        ("at 0x7f3a", "at 0xdeadbeef", True),
        ("id 123", "id 4", True),
        ("/tmp/a1/x.py broke", "/tmp/b2/c/x.py broke", True),
        ("commit 3f2a9bc1 gone", "commit 77ab01ff gone", True),
        ("a  b", "a b", True),
        ("expected x", "expected y", False),
        ("x.py broke", "y.py broke", False),
    ],
)
def test_a_signature_forgets_noise_and_nothing_else(one: str, two: str, same: bool) -> None:
    assert (signature("c", one) == signature("c", two)) is same
    assert (normalised(one) == normalised(two)) is same


def test_the_same_failure_has_the_same_signature_on_other_lines_and_in_another_room() -> None:
    first = read("/room/run.py:3: error: no a")
    tree = TreePaths.of({"/elsewhere"}, TRACKED)
    second = read("\n\nsetting up\n/elsewhere/run.py:30: error: no a", tree=tree)
    assert first.signature == second.signature
    assert first.signature != read("/room/run.py:3: error: no b").signature
    assert first.signature != read("/room/b.js:3: error: no a").signature
