"""L3: what a reviewer would ask about a change that passed its checks. All of it is about what the snapshot has and the
base has not; only a file that is too large fails, everything else is a warning. Pure, over what the readers tell."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from agentgate_engine.models.gate_plan import GatePlan, SanityName
from agentgate_engine.models.verification import Check, CheckStatus, Diagnostic, Level
from agentgate_engine.verify.error_lines import plain
from agentgate_engine.verify.signature import signature
from agentgate_engine.verify.test_files import is_test_file
from agentgate_engine.verify.tree_readers import AddedLine, TreeChange, TreeReaders

LARGE_FILES = "L3/large-files"
MEGABYTE = 1 << 20
WARN_MB = 10

_NAMED = 5
_MAX_DIAGNOSTICS = 50
_MAX_TEXT = 200

_ARTIFACT = re.compile(
    r"""
    .*\.(?:log|tmp|temp|bak|orig|rej|sw[op]|pyc|pyo|class|stackdump|dmp|heapsnapshot|cpuprofile|prof|pid)
    | .*~ | \.DS_Store | Thumbs\.db | core(?:\.\d+)? | vgcore\.\d+ | nohup\.out | \.coverage | a\.out
    """,
    re.VERBOSE,
)
_ARTIFACT_FOLDERS = frozenset(("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".nyc_output"))
_SCRIPTS = (".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte", ".html")
_MISTAKES: tuple[tuple[str, re.Pattern[str], tuple[str, ...]], ...] = (
    ("TODO", re.compile(r"\bTODO\b"), ()),
    ("FIXME", re.compile(r"\bFIXME\b"), ()),
    ("XXX", re.compile(r"\bXXX\b"), ()),
    ("console.log", re.compile(r"\bconsole\.log\s*\("), _SCRIPTS),
    ("debugger", re.compile(r"(?:^|[;{}\s])debugger\s*(?:;|$)"), _SCRIPTS),
    ("breakpoint()", re.compile(r"\bbreakpoint\s*\(|\bi?pdb\.set_trace\s*\("), (".py", ".pyi")),
)
"""(what it is called, how it looks, in which files; none means all)."""
_SOURCES = frozenset(
    (
        *_SCRIPTS[:-1],
        *(".py", ".go", ".rs", ".java", ".kt", ".scala", ".rb", ".php", ".cs", ".swift", ".dart", ".ex", ".clj"),
        *(".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".m", ".mm", ".zig", ".lua", ".pl", ".sh", ".hs", ".ml"),
    )
)


@dataclass(frozen=True, slots=True)
class _Finding:
    message: str
    file: str | None = None
    line: int | None = None
    fails: bool = False
    expected: str | None = None
    actual: str | None = None


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the checks look at, each read once and only when a check asks."""

    readers: TreeReaders
    max_disk_mb: float
    changes: Sequence[TreeChange]

    @property
    def present(self) -> list[TreeChange]:
        return [change for change in self.changes if change.status != "deleted"]


def sanity_checks(plan: GatePlan) -> list[str]:
    """The ids of the checks of L3, in the order they run."""
    return [f"L3/{name}" for name in plan.sanity]


def check_sanity(
    plan: GatePlan, readers: TreeReaders, mask: Callable[[str], str], *, tree_hash: str, now: str
) -> list[Check]:
    """Look at the change. Blocking: git is asked."""
    facts = _Facts(readers, plan.max_disk_mb, readers.changes() if plan.sanity else ())
    return [_check(name, facts, mask, tree_hash, plan.hash, now) for name in plan.sanity]


def _check(
    name: SanityName, facts: _Facts, mask: Callable[[str], str], tree_hash: str, plan_hash: str, now: str
) -> Check:
    check_id = f"L3/{name}"
    fine, found = _JUDGES[name](facts)
    fails = any(each.fails for each in found)
    status = CheckStatus.FAILED if fails else CheckStatus.WARNING if found else CheckStatus.PASSED
    diagnostics = [
        Diagnostic(
            level=Level.L3,
            check=check_id,
            type="resource_exceeded" if each.fails else "warning",
            message=plain(mask(each.message))[: 2 * _MAX_TEXT],
            file=each.file,
            line=each.line,
            expected=each.expected,
            actual=each.actual,
        )
        for each in sorted(found, key=lambda each: not each.fails)[:_MAX_DIAGNOSTICS]
    ]
    return Check(
        id=check_id,
        name=name,
        level=Level.L3,
        status=status,
        passed=status is CheckStatus.PASSED,
        message=_message(diagnostics, len(found)) if found else fine,
        started_at=now,
        diagnostics=diagnostics,
        signature=signature(check_id, *(each.file or each.message for each in diagnostics)) if fails else None,
        tree_hash=tree_hash,
        plan_hash=plan_hash,
    )


def _message(diagnostics: Sequence[Diagnostic], count: int) -> str:
    """The first finding with its place, and how many more there are."""
    first = diagnostics[0]
    place = f"{first.file}:{first.line}: " if first.file and first.line else f"{first.file}: " if first.file else ""
    return f"{place}{first.message}" + (f" and {count - 1} more" if count > 1 else "")


def _debug_artifacts(facts: _Facts) -> tuple[str, list[_Finding]]:
    found = [
        _Finding("looks like something left over from debugging", change.path)
        for change in facts.changes
        if change.status == "added" and _is_artifact(change.path)
    ]
    return "no file looks left over", found


def _is_artifact(path: str) -> bool:
    *folders, name = path.split("/")
    return not _ARTIFACT_FOLDERS.isdisjoint(folders) or _ARTIFACT.fullmatch(name) is not None


def _large_files(facts: _Facts) -> tuple[str, list[_Finding]]:
    found: list[_Finding] = []
    for change in facts.present:
        actual = f"{change.size / MEGABYTE:.1f} MB"
        for limit, fails in ((facts.max_disk_mb, True), (WARN_MB, False)):
            if change.size > limit * MEGABYTE:
                said = f"has {actual}; more than {limit:g} MB {'are not allowed' if fails else 'are much for git'}"
                found.append(_Finding(said, change.path, None, fails, f"at most {limit:g} MB", actual))
                break
    return f"none of {len(facts.present)} changed files is above {min(WARN_MB, facts.max_disk_mb):g} MB", found


def _common_mistakes(facts: _Facts) -> tuple[str, list[_Finding]]:
    lines = facts.readers.added_lines()
    return f"none in {len(lines)} added lines", [each for line in lines for each in _mistakes_in(line)]


def _mistakes_in(line: AddedLine) -> list[_Finding]:
    suffix = posixpath.splitext(line.path)[1].lower()
    named = [name for name, look, where in _MISTAKES if (not where or suffix in where) and look.search(line.text)]
    said = " ".join(line.text.split())[:_MAX_TEXT]
    return [_Finding(f"{', '.join(named)} in a new line: {said}", line.path, line.number)] if named else []


def _clean_state(facts: _Facts) -> tuple[str, list[_Finding]]:
    left = facts.readers.left_behind()
    found = [_Finding("was left or changed by the checks; let git ignore it, or let them clean up", p) for p in left]
    return "the checks left the tree as it was", found


def _test_coverage(facts: _Facts) -> tuple[str, list[_Finding]]:
    paths = [change.path for change in facts.changes]
    sources = [path for path in paths if _is_source(path)]
    if not sources:
        return "no source file was changed", []
    if any(is_test_file(path) for path in paths):
        return "source and tests were changed", []
    named = _named(sources)
    return "", [_Finding(f"{len(sources)} source file{'s' * (len(sources) > 1)} changed and no test: {named}")]


def _is_source(path: str) -> bool:
    return posixpath.splitext(path)[1].lower() in _SOURCES and not is_test_file(path)


def _named(paths: Collection[str]) -> str:
    more = len(paths) - _NAMED
    return ", ".join(list(paths)[:_NAMED]) + (f" and {more} more" if more > 0 else "")


_JUDGES: dict[SanityName, Callable[[_Facts], tuple[str, list[_Finding]]]] = {
    "debug-artifacts": _debug_artifacts,
    "large-files": _large_files,
    "common-mistakes": _common_mistakes,
    "clean-state": _clean_state,
    "test-coverage": _test_coverage,
}
"""Each check: what it says when nothing is found, and what it found."""
