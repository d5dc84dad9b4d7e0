"""Where the console's error jump stops."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agentgate_engine.verify.error_lines import is_error_line, plain

ERRORS = [
    "E   assert 1 == 2",
    "E       AssertionError: no",
    "FAILED tests/test_a.py::test_x - boom",
    "ERROR tests/test_a.py",
    "a.c:2:11: error: 'y' undeclared",
    "src/a.ts(3,5): error TS2322: no",
    "error[E0425]: cannot find value `x`",
    "Traceback (most recent call last):",
    "ValueError: bad",
    "requests.exceptions.ConnectionError: refused",
    "KeyboardInterruptError",
    "  ✗ parses CRLF",
    "not ok 3 - parses",
    "--- FAIL: TestX (0.00s)",
    "npm ERR! code 1",
    'npm error Missing script: "nope"',
    "sh: 1: nosuch: not found: command not found",
    "bash: line 1: nosuch: command not found",
    "make: *** [Makefile:2: all] Error 2",
    "Segmentation fault (core dumped)",
    "panic: runtime error: index out of range",
    "thread 'main' panicked at src/main.rs:2:5:",
    "3 passed, 1 failed, 0 errors",
    "========= 1 failed, 2 passed in 0.1s =========",
    "FAILED (failures=3, errors=1)",
    "\x1b[31mError: red\x1b[0m",
    "fatal: not a git repository",
    "Found 6 errors.",
    "Build failed",
]
OTHERS = [
    "",
    "all good",
    "0 errors, 0 warnings",
    "3 passed, 0 failed",
    "No errors found",
    "errors: 0",
    "tests/test_errors.py::test_error_path PASSED",
    "test_error (t.T.test_error) ... ok",
    "✓ reports an error: yes",
    "ok 3 - fails with error: x",
    "compiling src/error.rs",
    "GET /error/404 200",
    "on_error=continue",
    "import errors_lib",
    "def handle_failure(x):",
    "a warning: deprecated",
]


@pytest.mark.parametrize("line", ERRORS)
def test_an_error_line_is_a_stop(line: str) -> None:
    assert is_error_line(line)


@pytest.mark.parametrize("line", OTHERS)
def test_another_line_is_none(line: str) -> None:
    assert not is_error_line(line)


def test_plain_takes_out_what_a_terminal_would_act_on() -> None:
    assert plain("\x1b]0;title\x07a\x1b[1;31mb\x1b[0m\x08\tc\x9b") == "ab\tc"


def test_the_console_can_ask_without_loading_pydantic() -> None:
    code = "import sys, agentgate_engine.verify.error_lines; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0


def test_a_very_long_line_takes_no_time() -> None:
    assert not is_error_line("x" * 1_000_000)
