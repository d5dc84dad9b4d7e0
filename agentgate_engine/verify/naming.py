"""How files must be named (`contracts.naming_conventions`). Pure, over paths.

What is judged is the name up to its first dot, without underscores or a dot around it: `my-part` of `my-part.test.ts`,
`init` of `__init__.py`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from agentgate_engine.models.gate_plan import NamingContract, NamingRule
from agentgate_engine.verify.globs import translate

_SHAPES: dict[NamingRule, re.Pattern[str]] = {
    "kebab-case": re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z"),
    "snake_case": re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*\Z"),
    "camelCase": re.compile(r"[a-z][a-zA-Z0-9]*\Z"),
    "PascalCase": re.compile(r"[A-Z][a-zA-Z0-9]*\Z"),
}


def follows(rule: NamingRule, path: str) -> bool:
    """Whether the name of the file at `path` has the shape that `rule` asks for."""
    stem = posixpath.basename(path).lstrip(".").partition(".")[0].strip("_")
    return _SHAPES[rule].match(stem) is not None


def misnamed(contract: NamingContract, tracked: Sequence[str]) -> tuple[int, list[str]]:
    """(how many files the pattern means, those of them that are named otherwise)."""
    glob = translate(contract.pattern)
    meant = [path for path in tracked if glob.matches(path)]
    return len(meant), [path for path in meant if not follows(contract.rule, path)]
