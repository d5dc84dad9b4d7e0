"""What sort of check a name speaks of. The same rule for errors and for feedback (upstream.md 4.4)."""

from __future__ import annotations

import re
from typing import Literal

from agentgate_engine.models.verification import Check, Level
from agentgate_engine.verify.verify_yaml import SETUP_PREFIX

CheckKind = Literal["contract", "setup", "typecheck", "lint", "build", "test", "blackbox", "sanity"]

_WORDS: tuple[tuple[CheckKind, frozenset[str]], ...] = (
    ("typecheck", frozenset(["typecheck", "typechecking", "typing", "types", "tsc", "mypy", "pyright", "pyre"])),
    ("lint", frozenset(["lint", "linting", "linter", "eslint", "ruff", "flake8", "pylint", "clippy", "biome"])),
    ("build", frozenset(["build", "compile", "compilation"])),
)


def check_kind(check: Check) -> CheckKind:
    """By level, then by the words of its name; a command with no telling name is a test."""
    if check.level is Level.L0:
        return "contract"
    if check.level in (Level.L2, Level.L3):
        return "blackbox" if check.level is Level.L2 else "sanity"
    if check.name.startswith(SETUP_PREFIX):
        return "setup"
    words = re.findall(r"[a-z0-9]+", re.sub(r"type[-_ ]check", "typecheck", check.name.lower()))
    for kind, known in _WORDS:
        if known.intersection(words):
            return kind
    return "test"
