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
    "jest": [("src/app.test.ts", 5, "expect(received).toBe(expected): expected 3, received 2")],
    "node-own": [("b.js", 1, "Error: Cannot find module './nope'")],
    "node-test": [(None, None, "AssertionError: Expected values to be strictly equal:")],
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
    assert read("../src/app.ts:3:5: error: no", tree=tree).diagnostics[0].file == "web/src/app.ts"


@pytest.mark.parametrize(
    ("printed", "file"),
    [
        ("pkg\\parse.py:3: error: no", "pkg/parse.py"),
        ("C:\\work\\copy\\pkg\\parse.py:3: error: no", "pkg/parse.py"),
        ("D:/a/src/app.ts(3,5): error TS1: no", "src/app.ts"),
        ("/room/pkg/../pkg/parse.py:3: error: no", "pkg/parse.py"),
        ("/elsewhere/pkg/parse.py:3: error: no", None),
        ("C:\\lib\\other.py:3: error: no", None),
        ("../../other.py:3: error: no", None),
    ],
)
def test_a_path_is_reduced_to_the_tree_where_it_lies_in_it(printed: str, file: str | None) -> None:
    assert read(printed).diagnostics[0].file == file


def test_an_installed_copy_of_the_project_stands_for_the_project() -> None:
    frames = '  File "/opt/venv/lib/python3.11/site-packages/pkg/parse.py", line 7, in parse\n'
    frames += '  File "/opt/venv/lib/python3.11/site-packages/json/decoder.py", line 9, in g\n'
    assert [place(each) for each in read(RAISED + frames + "OSError: no\n").diagnostics] == [
        ("pkg/parse.py", 7, "OSError: no")
    ]


def test_warnings_are_told_only_where_nothing_speaks_of_an_error() -> None:
    warning = "a.c:2:1: warning: unused"
    assert [(each.type, each.line) for each in read(warning).diagnostics] == [("warning", 2)]
    assert [each.message for each in read(f"{warning}\nmake: *** [x] Error 1").diagnostics] == ["make: *** [x] Error 1"]
    assert [each.message for each in read(f"{warning}\na.c:9:1: error: no").diagnostics] == ["error: no"]


@pytest.mark.parametrize(
    ("printed", "failed"),
    [
        ("=== 3 failed, 10 passed in 0.52s ===", 3),
        ("3 failed, 10 passed, 2 errors in 61.20s (0:01:01)", 5),
        ("10 passed in 0.5s", 0),
        ("FAILED (failures=3, errors=1, skipped=2)", 4),
        ("Tests:       5 failed, 1 skipped, 1 passed, 7 total", 5),
        ("      Tests  1 passed | 2 skipped | 5 failed (7)", 5),
        ("  3 failing", 3),
        ("# fail 3", 3),
        ("test result: FAILED. 1 passed; 4 failed; 1 ignored; 0 measured\ntest result: FAILED. 0 passed; 2 failed;", 6),
        ("3 failed attempts, retrying", None),
        ("all good", None),
    ],
)
def test_the_runner_s_own_count_is_read(printed: str, failed: int | None) -> None:
    """upstream.md 4.6: "3 failed, 10 passed" gives failedTests=3."""
    assert read(printed).failed == failed


def test_two_errors_of_tsc_in_one_file_are_two_of_one_file() -> None:
    """upstream.md 4.6: two TS errors in one file give 2/1."""
    found = sample("tsc").diagnostics
    assert (len(found), len({each.file for each in found})) == (2, 1)


def test_a_test_of_go_is_found_in_the_folder_of_its_package() -> None:
    tree = TreePaths.of({"/room"}, ["a/x_test.go", "b/x_test.go"])
    text = "--- FAIL: TestA (0.00s)\n    x_test.go:3: got 1, want 2\nFAIL\nFAIL\texample.org/m/b\t0.1s\n"
    found = read(text, tree=tree)
    assert [place(each) for each in found.diagnostics] == [("b/x_test.go", 3, "got 1, want 2")]
    assert [case.id for case in found.cases] == ["example.org/m/b.TestA"]


def test_what_testify_says_below_the_place_is_the_message() -> None:
    text = "--- FAIL: TestA (0.00s)\n    x_test.go:3: \n        \tError Trace:\tx_test.go:3\n"
    text += "        \tError:      \tNot equal: \n        \t            \texpected: 1\nFAIL\n"
    found = read(text, tree=TreePaths.of({"/room"}, ["x_test.go"]))
    assert [place(each) for each in found.diagnostics] == [("x_test.go", 3, "Not equal: ")]


def test_a_report_below_the_words_of_a_script_runner_is_read() -> None:
    document = '[{"filePath": "/room/b.js", "messages": [{"severity": 2, "message": "no", "line": 4, "column": 2}]}]'
    text = f"> lint\n> eslint -f json .\n\n{document}\nnpm notice"
    found = read_findings(Level.L1, "L1/x", lines_of(text), (), TREE, str, whole=(text, ""))
    assert [(*place(each), each.output_line) for each in found.diagnostics] == [("b.js", 4, "no", 4)]


@pytest.mark.parametrize("deep", ["[" * 50_000, '{"a":' * 50_000, '[{"messages": [' * 1000])
def test_json_nested_without_end_hurts_nobody(deep: str) -> None:
    read_findings(Level.L1, "L1/x", lines_of(deep), (), TREE, str, whole=(deep, ""))


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
