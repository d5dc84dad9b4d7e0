"""Telling "nothing was set up" from "the work is wrong".

Checks run in a clean room: a fresh clone in which nothing is installed but what the plan's setup installs. A missing
tool there says nothing about the agent's work, and an agent that is told "tests failed" would go looking for a bug.
A hint never changes a verdict; it explains it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection

_RUNNERS = frozenset(
    (
        *("pytest", "tox", "nox", "nose2", "behave", "coverage"),
        *("ruff", "mypy", "pyright", "flake8", "pylint", "black", "isort"),
        *("hatch", "build", "poetry", "pipenv", "uv"),
    )
)
_PROGRAM = r"(?P<program>[\w./@+-]+)"

_NOT_FOUND = re.compile(rf"(?:^|: ){_PROGRAM}: (?:command )?not found\s*$", re.MULTILINE)
_SHELL_NOT_FOUND = re.compile(
    rf"^\S*sh: (?:line )?\d+: {_PROGRAM}: (?:command )?not found\s*$"
    r"|command not found: (?P<zsh>\S+)$"
    r'|exec: "(?P<go>[^"]+)": executable file not found',
    re.MULTILINE,
)
_INTERPRETER = re.compile(
    r"env: [‘'\"]?(?P<env>[\w.+-]+)[’'\"]?: No such file or directory|(?<!\S)(?P<bad>\S{1,300}): bad interpreter",
    re.MULTILINE,
)
_MODULE = re.compile(r"No module named [‘'\"]?(?P<module>[\w.]+)")
_NPM_SCRIPT = re.compile(r"(?i)missing script: [\"']?(?P<script>[\w:.-]+)")
_NODE_MODULE = re.compile(r"Cannot find (?:module|package) [\"'](?P<module>[^\"'\s]+)[\"']")

_NO_INTERPRETER = "the interpreter {} is not on this machine: install it, or name another."
_CLEAN_ROOM = "Checks run in a fresh clone, where only the setup of verify.yaml installs anything"


def setup_hint(exit_code: int | None, output: str, names: Collection[str], has_setup: bool) -> str | None:
    """Why a failed command may have failed for want of set-up, with what to do; `None` when nothing says so.

    `output` is both streams' ends as plain text, `names` the file and directory names of the tree (without suffix): a
    Python module of the project's own that cannot be imported is the work's fault, not the set-up's.
    """
    return _missing_program(exit_code, output, names) or _missing_module(output, names, has_setup)


def _missing_program(exit_code: int | None, output: str, names: Collection[str]) -> str | None:
    """Exit 127 is the shell's word for it; under make or a script, only the shell's own sentence counts."""
    if found := _INTERPRETER.search(output):
        return _NO_INTERPRETER.format(found["env"] or found["bad"])
    found = _SHELL_NOT_FOUND.search(output) or (_NOT_FOUND.search(output) if exit_code == 127 else None)
    if found or exit_code == 127:
        program = next((name for name in found.groups() if name), None) if found else None
        if program and "/" in program:
            if posixpath.splitext(posixpath.basename(program))[0] in names:
                return _NO_INTERPRETER.format(f"that {program} names in its first line")
            return f"{program} does not exist in this tree: correct the command in verify.yaml, or let setup make it."
        return (
            f"{program or 'a program'} is not installed here. {_CLEAN_ROOM}: add a step that installs it, "
            "or install it on this machine."
        )
    if exit_code == 126:
        return "the program may not be executed: set its executable bit (git add --chmod=+x), or name its interpreter."
    return None


def _missing_module(output: str, names: Collection[str], has_setup: bool) -> str | None:
    if found := _MODULE.search(output):
        module = found["module"].partition(".")[0]
        if module in _RUNNERS and module not in names:
            return f"{module} is not installed here. {_CLEAN_ROOM}: add a step such as `pip install {module}`."
        if module not in names and not has_setup:
            return (
                f"the module {module} is neither in this tree nor installed, and the plan has no setup. {_CLEAN_ROOM}: "
                "if the project depends on it, add a step that installs its dependencies."
            )
    if found := _NPM_SCRIPT.search(output):
        return f'package.json has no script "{found["script"]}": correct the command in verify.yaml, or add the script.'
    found = _NODE_MODULE.search(output)
    if found and not found["module"].startswith((".", "/")) and not has_setup:
        return (
            f"the package {found['module']} is not installed here, and the plan has no setup. {_CLEAN_ROOM}: "
            "add a step such as `npm ci`."
        )
    return None
