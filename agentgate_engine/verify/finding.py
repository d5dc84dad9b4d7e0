"""What a parser of tool output found: an error with its place, or a test case with its verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agentgate_engine.verify.output_window import OutputLine

Verdict = Literal["passed", "failed", "skipped"]
FindingType = Literal["test_failed", "runtime_error", "build_error", "error", "warning"]
Strength = Literal["strong", "weak", "warning"]
"""`weak`: a consequence, a repetition or a guess, told only where nothing strong was found; `warning`: only where
nothing speaks of an error at all (a linter told to fail on warnings)."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file of the tree. Lines and columns count from 1."""

    file: str
    line: int
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """`output_line` counts from 1 in the log that was parsed; `case` is the id of the test it belongs to, if any.

    `frames` are the places of its stack that lie in the tree, outermost first. `late` is what is told after everything
    else, wherever it was printed: what broke while cleaning up, or only gathers what others say.
    """

    type: FindingType
    message: str
    output_line: int
    file: str | None = None
    line: int | None = None
    column: int | None = None
    case: str | None = None
    frames: tuple[Place, ...] = ()
    strength: Strength = "strong"
    late: bool = False


@dataclass(frozen=True, slots=True)
class CaseSeen:
    """A test that a runner named with its verdict."""

    id: str
    verdict: Verdict
    file: str | None = None


@dataclass(slots=True)
class Parsed:
    """What one parser read. `claimed` are the numbers of its own lines, which no other parser should read."""

    findings: list[Finding] = field(default_factory=list[Finding])
    cases: dict[str, CaseSeen] = field(default_factory=dict[str, CaseSeen])
    claimed: set[int] = field(default_factory=set[int])

    def saw(self, case: str, verdict: Verdict, file: str | None = None) -> None:
        """A failure is never taken back: a test that failed and whose teardown passed has failed."""
        before = self.cases.get(case)
        if before is None or before.verdict != "failed":
            self.cases[case] = CaseSeen(case, verdict, file or (before.file if before else None))

    def add(self, other: Parsed) -> None:
        self.findings += other.findings
        for case in other.cases.values():
            self.saw(case.id, case.verdict, case.file)
        self.claimed |= other.claimed

    def unclaimed(self, lines: Iterable[OutputLine]) -> Sequence[OutputLine]:
        return [line for line in lines if line.number not in self.claimed] if self.claimed else list(lines)


def placed(
    kind: FindingType,
    message: str,
    output_line: int,
    frames: Sequence[Place],
    *,
    case: str | None = None,
    otherwise: str | None = None,
    strength: Strength = "strong",
) -> Finding:
    """A finding at the innermost of `frames` (outermost first); without any, in the file `otherwise`."""
    at = frames[-1] if frames else None
    return Finding(
        kind,
        message,
        output_line,
        at.file if at else otherwise,
        at.line if at else None,
        at.column if at else None,
        case=case,
        frames=tuple(frames),
        strength=strength,
    )
