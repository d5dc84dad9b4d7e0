"""L3 over what readers tell."""

from __future__ import annotations

import pytest

from agentgate_engine.models.gate_plan import ALL_SANITY, GatePlan
from agentgate_engine.models.verification import Check, CheckStatus
from agentgate_engine.verify.sanity import MEGABYTE, check_sanity, sanity_checks
from agentgate_engine.verify.tree_readers import AddedLine, TreeChange, TreeReaders


def judge(
    *changes: TreeChange,
    lines: tuple[AddedLine, ...] = (),
    left: tuple[str, ...] = (),
    only: str | None = None,
    max_disk_mb: float = 100,
) -> dict[str, Check]:
    wanted = [name for name in ALL_SANITY if only in (None, name)]
    plan = GatePlan(source="s", source_commit="c", name="n", sanity=wanted, max_disk_mb=max_disk_mb)
    readers = TreeReaders(changes=lambda: changes, added_lines=lambda: lines, left_behind=lambda: left)
    checks = check_sanity(plan, readers, str, tree_hash="t", now="2026-01-01T00:00:00.000Z")
    assert [check.id for check in checks] == sanity_checks(plan)
    return {check.name: check for check in checks}


def change(path: str, status: str = "added", size: int = 10) -> TreeChange:
    return TreeChange(path, status, size)  # type: ignore[arg-type]


def test_a_clean_change_passes_every_check() -> None:
    """upstream.md 2.1: L3 checks debug-artifacts, large-files, common-mistakes, clean-state, test-coverage."""
    found = judge(change("src/a.py", "modified"), change("tests/test_a.py"), lines=(AddedLine("src/a.py", 1, "x = 1"),))
    assert list(found) == ["debug-artifacts", "large-files", "common-mistakes", "clean-state", "test-coverage"]
    assert all(check.status is CheckStatus.PASSED and check.passed for check in found.values())


@pytest.mark.parametrize("path", ["a.log", "x/b.tmp", "c.orig", "__pycache__/d.txt", ".DS_Store", "core.123", "e.py~"])
def test_a_new_left_over_file_is_a_warning(path: str) -> None:
    """upstream.md 2.1: warnings have their own status, neither passed nor failed."""
    check = judge(change(path), only="debug-artifacts")["debug-artifacts"]
    assert check.status is CheckStatus.WARNING and not check.passed
    assert [each.file for each in check.diagnostics] == [path]
    assert judge(change(path, "modified"), only="debug-artifacts")["debug-artifacts"].passed
    assert judge(change("src/core.py"), change("catalog.md"), only="debug-artifacts")["debug-artifacts"].passed


@pytest.mark.parametrize(
    ("size", "limit", "status"),
    [
        (10 * MEGABYTE, 100, "passed"),
        (10 * MEGABYTE + 1, 100, "warning"),
        (100 * MEGABYTE, 100, "warning"),
        (100 * MEGABYTE + 1, 100, "failed"),
        (2 * MEGABYTE, 1, "failed"),
        (MEGABYTE // 2, 1, "passed"),
    ],
)
def test_only_a_file_that_is_too_large_fails(size: int, limit: float, status: str) -> None:
    """upstream.md 2.1: above 10 MB a warning, above max_disk_mb (100 MB) a failure."""
    check = judge(change("a.bin", size=size), only="large-files", max_disk_mb=limit)["large-files"]
    assert check.status.value == status
    if status == "failed":
        assert check.diagnostics[0].type == "resource_exceeded" and check.signature
        assert check.diagnostics[0].expected == f"at most {limit:g} MB"


def test_a_deleted_large_file_is_no_large_file() -> None:
    assert judge(change("a.bin", "deleted", 0), only="large-files")["large-files"].passed


@pytest.mark.parametrize(
    ("path", "text", "named"),
    [
        ("a.py", "# TODO: later", "TODO"),
        ("a.txt", "FIXME and XXX", "FIXME, XXX"),
        ("a.ts", "  console.log(x)", "console.log"),
        ("a.js", "if (x) debugger;", "debugger"),
        ("a.tsx", "debugger", "debugger"),
        ("a.py", "    breakpoint()", "breakpoint()"),
        ("a.py", "import pdb; pdb.set_trace()", "breakpoint()"),
        ("a.py", "print('console.log(1)')", None),
        ("a.md", "use a debugger;", None),
        ("a.sh", "mktemp /tmp/XXXXXX", None),
        ("a.py", "todo = TODOS", None),
    ],
)
def test_a_common_mistake_is_found_in_new_lines(path: str, text: str, named: str | None) -> None:
    """upstream.md 2.1: TODO, FIXME, XXX, console.log, debugger, on added lines only."""
    check = judge(lines=(AddedLine(path, 7, text),), only="common-mistakes")["common-mistakes"]
    if named is None:
        assert check.passed
    else:
        assert check.status is CheckStatus.WARNING
        assert (check.diagnostics[0].file, check.diagnostics[0].line) == (path, 7)
        assert check.diagnostics[0].message.startswith(f"{named} in a new line: ")


def test_what_checks_leave_behind_is_a_warning() -> None:
    check = judge(left=("build/", "a.py"), only="clean-state")["clean-state"]
    assert check.status is CheckStatus.WARNING
    assert (check.message or "").endswith("and 1 more")


@pytest.mark.parametrize(
    ("paths", "status"),
    [
        (["src/a.py"], "warning"),
        (["src/a.py", "tests/test_a.py"], "passed"),
        (["src/a.ts", "src/a.test.ts"], "passed"),
        (["README.md", "a.json"], "passed"),
        (["tests/test_a.py"], "passed"),
        ([], "passed"),
    ],
)
def test_source_without_a_test_is_a_warning(paths: list[str], status: str) -> None:
    """upstream.md 2.1: test-coverage warns when source changed and no test did."""
    found = judge(*(change(path, "modified") for path in paths), only="test-coverage")["test-coverage"]
    assert found.status.value == status


def test_what_was_not_asked_for_is_not_read() -> None:
    def never() -> tuple[()]:
        raise AssertionError("nobody asked")

    plan = GatePlan(source="s", source_commit="c", name="n", sanity=["large-files"])
    readers = TreeReaders(added_lines=never, left_behind=never)
    assert [check.name for check in check_sanity(plan, readers, str, tree_hash="t", now="n")] == ["large-files"]
    silent = plan.model_copy(update={"sanity": []})
    assert check_sanity(silent, TreeReaders(changes=never), str, tree_hash="t", now="n") == []
