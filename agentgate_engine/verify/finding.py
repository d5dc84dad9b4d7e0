"""What a parser of tool output found: an error with its place, or a test case with its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["passed", "failed", "skipped"]
FindingType = Literal["test_failed", "runtime_error", "build_error", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`output_line` counts from 1 in the log that was parsed; `case` is the id of the test it belongs to, if any."""

    type: FindingType
    message: str
    output_line: int
    file: str | None = None
    line: int | None = None
    column: int | None = None
    case: str | None = None


@dataclass(frozen=True, slots=True)
class CaseSeen:
    """A test that a runner named with its verdict."""

    id: str
    verdict: Verdict
    file: str | None = None
