"""The checks that a repository's own project files show, when nobody wrote a plan and no CI can be imported.

Only what the files say is asked for: pytest where it is configured or a tests directory stands, ruff and mypy where
they are configured, the scripts that a package.json has. Only the top of the repository is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentgate_engine.errors import UsageError
from agentgate_engine.verify.derived import LINT_TIMEOUT, Derived
from agentgate_engine.verify.language_node import NODE_FILE, node_defaults
from agentgate_engine.verify.language_python import PYTHON_FILES, python_defaults

Reader = Callable[[str], bytes | None]

COMPILING_TIMEOUT = 600.0
"""Seconds for a check that compiles everything first."""

LANGUAGE_FILES = (*PYTHON_FILES, NODE_FILE, "go.mod", "Cargo.toml")


def language_defaults(read: Reader, paths: Sequence[str], *, strict: bool = False) -> Derived:
    """The checks of every language whose project file stands at the top.

    Raises:
        UsageError: `strict`, and a project file cannot be read; `file:line: what is wrong`. Otherwise it is a warning.
    """
    found = Derived()
    for language in (python_defaults, node_defaults, _go_defaults, _rust_defaults):
        try:
            language(read, paths, found)
        except UsageError as fault:
            if strict:
                raise
            found.warnings.append(f"{fault} (no checks are derived from it)")
    return found


def _go_defaults(_read: Reader, paths: Sequence[str], found: Derived) -> None:
    if "go.mod" in paths:
        found.files.append("go.mod")
        found.add_test("go vet", "go vet ./...", "go.mod:1", LINT_TIMEOUT)
        found.add_test("go test", "go test ./...", "go.mod:1")


def _rust_defaults(_read: Reader, paths: Sequence[str], found: Derived) -> None:
    if "Cargo.toml" in paths:
        found.files.append("Cargo.toml")
        locked = " --locked" if "Cargo.lock" in paths else ""
        found.add_test("cargo test", f"cargo test{locked}", "Cargo.toml:1", COMPILING_TIMEOUT)
