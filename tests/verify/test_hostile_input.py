"""Whatever a repository or a command brings: a plan is refused in one sentence, and output is read in bounded time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentgate_engine.errors import UsageError
from agentgate_engine.models.verification import Level
from agentgate_engine.verify.diagnostics import read_findings
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.tree_paths import TreePaths
from agentgate_engine.verify.verify_yaml import parse_verify_yaml

WORDS = [
    "name",
    "tests",
    "setup",
    "policy",
    "contracts",
    ":",
    "-",
    " ",
    "\n",
    "{",
    "}",
    "[",
    "]",
    "&a",
    "*a",
    "<<",
    "'",
    '"',
]
WORDS += ["!!", "|", ">", "%", "@", "\t", "#", "1", "0x1", "~", "?", "---", "...", "é", "\u2028", "\x00"]
SAMPLES = sorted(path for path in (Path(__file__).parent / "samples").rglob("*") if path.is_file())
LINES = [path.read_text() for path in SAMPLES]
TREE = TreePaths.of({"/room"}, ["pkg/parse.py", "a.c"])


@given(st.lists(st.sampled_from(WORDS), max_size=40).map("".join) | st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_a_plan_is_read_or_refused_in_one_sentence(text: str) -> None:
    try:
        parse_verify_yaml(text.encode(errors="replace"), "verify.yaml")
    except UsageError as fault:
        assert str(fault).startswith("verify.yaml:") and "\n" not in str(fault)


@given(st.lists(st.sampled_from("".join(LINES).split("\n")) | st.text(max_size=30), max_size=40))
@settings(max_examples=150, deadline=None)
def test_any_mixture_of_outputs_is_read(lines: list[str]) -> None:
    numbered = tuple(OutputLine(i, line) for i, line in enumerate(lines, 1))
    found = read_findings(Level.L1, "L1/x", numbered, numbered, TREE, str)
    assert all(1 <= (each.output_line or 0) <= len(lines) for each in found.diagnostics)


@pytest.mark.parametrize(
    "unit",
    [
        *("a.b:", "(", "/", "a.py:1:1: ", "E   ", "____ ", "FAILED a.py::x[ - ", "0x", "error", "at (", "\x1b["),
        *("_ a", "= a =", "FAILED a.py::x[]", "a.py::b PASSED", "[gw0] [ 1%] PASSED a.py::", '  File "'),
        *("❯ a:1:1 ", "--- FAIL: ", "    a.go:1: ", "thread 'a' panicked at ", "---- a stdout ----"),
        *("not ok 1 - a # time=", "● › ", " FAIL  a.js > ", "  1) a", "::error a=b,", "##vso[task.logissue "),
        *("{", "[", '{"severity":', "> 1 | ", "1:1  ", "In file included from ", ">>> referenced by "),
        *("make: *** [a:1: ", "#0 0x1 in ", "error: ", "Error: ", "  \t", "\x1b(", "1 failed, ", " in 1.0s"),
        *("failures=1, ", "-packages/", "../", "\\", "C:\\a"),
    ],
)
def test_no_line_makes_the_readers_slow(unit: str) -> None:
    lines = tuple(OutputLine(i, (unit * 4000)[:4000]) for i in range(1, 129))
    began = time.process_time()
    read_findings(Level.L1, "L1/x", lines, (), TREE, str)
    assert time.process_time() - began < 3
