"""Telling a missing set-up from wrong work, on what the tools really print."""

from __future__ import annotations

import pytest

from agentgate_engine.verify.setup_hints import setup_hint

NAMES = {"pkg", "parse", "tests", "e2"}

HINTED = [
    (127, "sh: 1: nosuch: not found", "nosuch is not installed here"),
    (127, "bash: line 1: nosuch: command not found", "nosuch is not installed here"),
    (2, "/bin/sh: 1: pytest: not found\nmake: *** [Makefile:2: test] Error 127", "pytest is not installed here"),
    (1, 'exec: "docker": executable file not found in $PATH', "docker is not installed here"),
    (127, "", "a program is not installed here"),
    (127, "sh: 1: ./nosuch.sh: not found", "./nosuch.sh does not exist in this tree"),
    (127, "sh: 1: ./e2.sh: not found", "the interpreter that ./e2.sh names in its first line"),
    (127, "/usr/bin/env: ‘nosuchinterp’: No such file or directory", "the interpreter nosuchinterp is not on"),
    (126, "sh: 1: ./e.sh: Permission denied", "may not be executed"),
    (1, "/usr/bin/python3: No module named pytest", "pytest is not installed here"),
    (1, "ModuleNotFoundError: No module named 'ruff'", "pip install ruff"),
    (1, "ModuleNotFoundError: No module named 'requests'", "the module requests is neither"),
    (1, 'npm error Missing script: "nope"', 'package.json has no script "nope"'),
    (1, "Error: Cannot find module 'left-pad'", "the package left-pad is not installed"),
    (1, "Cannot find package 'vitest' imported from /room/a.js", "the package vitest is not installed"),
]
REAL = [
    (1, "E   assert 1 == 2"),
    (1, "ModuleNotFoundError: No module named 'pkg.gone'"),
    (1, "Error: Cannot find module './nope'"),
    (1, "page.html: not found"),
    (2, "GET /x: not found"),
    (0, ""),
    (None, ""),
]


@pytest.mark.parametrize(("code", "output", "expected"), HINTED)
def test_a_missing_set_up_is_explained(code: int, output: str, expected: str) -> None:
    assert expected in (setup_hint(code, output, NAMES, has_setup=False) or "")


@pytest.mark.parametrize(("code", "output"), REAL)
def test_a_real_failure_has_no_excuse(code: int | None, output: str) -> None:
    assert setup_hint(code, output, NAMES, has_setup=False) is None


def test_a_missing_dependency_is_the_work_s_own_when_the_plan_does_install_things() -> None:
    output = "ModuleNotFoundError: No module named 'requests'"
    assert setup_hint(1, output, NAMES, has_setup=True) is None
    assert setup_hint(1, "Error: Cannot find module 'left-pad'", NAMES, has_setup=True) is None
    assert setup_hint(1, "No module named pytest", NAMES, has_setup=True)
