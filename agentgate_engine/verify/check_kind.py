"""What sort of check a name speaks of. The same rule for errors and for feedback (upstream.md 4.4)."""

from __future__ import annotations

import re
from typing import Literal

from agentgate_engine.models.verification import Check, Level

CheckKind = Literal["contract", "setup", "typecheck", "lint", "build", "ci", "test", "blackbox", "sanity"]

SETUP_PREFIX = "setup:"
CI_PREFIX = "ci:"
"""How a check of continuous integration is named, whatever it checks."""

_WORDS: tuple[tuple[CheckKind, frozenset[str]], ...] = (
    ("typecheck", frozenset(["typecheck", "typechecking", "typing", "types", "tsc", "mypy", "pyright", "pyre"])),
    ("lint", frozenset(["lint", "linting", "linter", "eslint", "ruff", "flake8", "pylint", "clippy", "biome"])),
    ("test", frozenset(["test", "tests", "vitest", "jest", "pytest", "unittest"])),
    ("build", frozenset(["build", "compile", "compilation"])),
    ("ci", frozenset(["ci"])),
)


def check_kind(check: Check) -> CheckKind:
    """What a check of a report speaks of."""
    return kind_of(check.level, check.name)


def kind_of(level: Level, name: str) -> CheckKind:
    """By level, then by the words of the name; a command with no telling name is a test."""
    if level is Level.L0:
        return "contract"
    if level in (Level.L2, Level.L3):
        return "blackbox" if level is Level.L2 else "sanity"
    if name.startswith(SETUP_PREFIX):
        return "setup"
    if name.startswith(CI_PREFIX):
        return "ci"
    words = re.findall(r"[a-z0-9]+", re.sub(r"type[-_ ]check", "typecheck", name.lower()))
    for kind, known in _WORDS:
        if known.intersection(words):
            return kind
    return "test"
