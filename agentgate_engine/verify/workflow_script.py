"""A step of a workflow as one command for `/bin/sh -c`, with the meaning that GitHub gives it.

A script is run whole by the shell that GitHub would use, never line by line: loops, `cd` and continued lines survive.
Expressions are worked out where their value stands in the file; any other is a reason to leave the step out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from agentgate_engine.verify.derived import quoted

VENV = ".git/ci-python"
"""Where commands of a Python job install: what GitHub's own set-up keeps outside of the checkout, no tool finds here.
The `.git` of a clean room is made anew for each verification, and so is this."""

_SHELLS = {
    "": ("bash", "-e", "-c"),
    "bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"),
    "sh": ("sh", "-e", "-c"),
    "python": ("python", "-c"),
}
_PLAIN = re.compile(r"[\w@%+=:,./ *-]+\Z")
_NEEDS_BASH = re.compile(
    r"(?:source|pushd|popd|shopt|declare|local|time|set|export|cd|test|readonly|let|mapfile|\.)(?:\s|\Z)"
)
_EXPRESSION = re.compile(r"\$\{\{(.{0,500}?)\}\}", re.DOTALL)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_GITHUBS = re.compile(r"\b(?:GITHUB|RUNNER|ACTIONS)_[A-Z_]+\b")
_PLACE = "\0"
_GIVEN = {
    "GITHUB_WORKSPACE": '"$PWD"',
    "GITHUB_STEP_SUMMARY": "/dev/null",
    "RUNNER_OS": "Linux",
    "RUNNER_TEMP": '"${TMPDIR:-/tmp}"',
}
_UNSET_HERE = ("GITHUB_ACTIONS",)


class NotImportable(Exception):
    """A step cannot be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class StepScript:
    """What a step says about its command. `environment` is that of workflow, job and step, laid over each other."""

    script: str
    shell: str
    directory: str
    environment: Mapping[str, str]
    unknown: frozenset[str]
    python: bool


def compose(step: StepScript) -> str:
    """The command.

    Raises:
        NotImportable: it needs something that only GitHub has.
    """
    if step.shell not in _SHELLS:
        raise NotImportable(f"it runs by the shell {step.shell}")
    environment = {name: _resolved(value, step) for name, value in step.environment.items()}
    script = _script(step)
    directory = _resolved(step.directory, step).replace(f"{_PLACE}/", "").replace(_PLACE, ".")
    if directory.startswith(("/", "~")) or ".." in directory.split("/"):
        raise NotImportable(f"it works outside of the repository ({directory})")
    missing = sorted(name for name in step.unknown if re.search(rf"\b{re.escape(name)}\b", script))
    if missing:
        raise NotImportable(f"it uses {missing[0]}, whose value is not written in the file")
    parts: list[str] = []
    if step.python or step.shell == "python":
        parts.append(f'PATH="$PWD/{VENV}/bin:$PATH"')
    parts += [f"export {name}={value}" for name, value in _given(script, environment)]
    if directory not in ("", "."):
        parts.append(f"cd {quoted(directory)}")
    assigned = [f"{name}={_quoted_with_place(value)}" for name, value in environment.items()]
    parts.append(" ".join([*assigned, _run(script, step.shell)]))
    return " && ".join(parts)


def expression_in(text: str) -> bool:
    """Whether GitHub would work something out in `text`."""
    return _EXPRESSION.search(text) is not None


def resolve(text: str, environment: Mapping[str, str]) -> str:
    """`text` with every expression replaced by its value.

    Raises:
        NotImportable: a value is not in the file.
    """

    if _PLACE in text:
        raise NotImportable("it holds a NUL character")

    def value(found: re.Match[str]) -> str:
        name = found[1].strip()
        if name == "github.workspace":
            return _PLACE
        if name == "runner.os":
            return "Linux"
        if name.startswith("env.") and (known := environment.get(name[4:])) is not None and not expression_in(known):
            return known
        if "secrets." in name:
            raise NotImportable(f"it needs a secret ({name})")
        if "matrix." in name:
            raise NotImportable(f"it depends on the matrix ({name})")
        raise NotImportable(f"only GitHub can work out ${{{{ {' '.join(name.split())[:60]} }}}}")

    return _EXPRESSION.sub(value, text)


def _resolved(text: str, step: StepScript) -> str:
    return resolve(text, step.environment)


def _script(step: StepScript) -> str:
    """The script with its expressions worked out. The workspace becomes a variable, where a shell would see one."""
    lines: list[str] = []
    for line in resolve(step.script.strip(), step.environment).split("\n"):
        if _PLACE in line and (step.shell == "python" or "'" in line):
            raise NotImportable("it puts github.workspace where a shell does not replace variables")
        lines.append(line.replace(_PLACE, "${GITHUB_WORKSPACE}"))
    return "\n".join(lines)


def _given(script: str, environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """The variables of GitHub's that the step uses, as they are here."""
    used = {found for found in _GITHUBS.findall(script) if found not in environment}
    if any(_PLACE in value for value in environment.values()):
        used.add("GITHUB_WORKSPACE")
    unknown = sorted(used - _GIVEN.keys() - set(_UNSET_HERE))
    if unknown:
        raise NotImportable(f"it uses {unknown[0]}, which only GitHub sets")
    return [(name, value) for name, value in _GIVEN.items() if name in used]


def _run(script: str, shell: str) -> str:
    """The script under its shell; a plain command, which every shell runs alike, as it stands."""
    if shell != "python" and _PLAIN.match(script) and not _NEEDS_BASH.match(script):
        return script
    return " ".join([*_SHELLS[shell], quoted(script)])


def _quoted_with_place(value: str) -> str:
    return '"$GITHUB_WORKSPACE"'.join(quoted(part) if part else "" for part in value.split(_PLACE)) or "''"


def is_variable(name: str) -> bool:
    """Whether a shell takes `name` for a variable, and not one that would lead its commands astray."""
    return _VARIABLE.match(name) is not None and name not in ("PATH", "HOME", "IFS", "PWD", "BASH_ENV", "ENV")
