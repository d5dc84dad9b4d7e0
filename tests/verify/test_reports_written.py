"""The reports that a command leaves in files: found by name or by custom, read within bounds, told with the output."""

from __future__ import annotations

import io
import json
import os
import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentgate_engine.models.verification import Case, CheckStatus, Level
from agentgate_engine.verify.diagnostics import OutputFindings, read_findings
from agentgate_engine.verify.output_window import OutputLine, read_window
from agentgate_engine.verify.parse_junit import NotJUnit, read_junit
from agentgate_engine.verify.reports_written import WrittenReports, reports_written
from tests.verify.shop_tree import SAMPLES, TREE
from tests.verify.test_verifier import Room, plan_of

SINCE = 1_000_000_000.0
SMALL = '<testsuite><testcase classname="a" name="b"><failure message="no"/></testcase></testsuite>'


def written(room: Path, command: str = "") -> WrittenReports:
    return reports_written(room, command, SINCE, TREE)


def read(reports: WrittenReports, stdout: str = "") -> OutputFindings:
    lines = tuple(OutputLine(i, text) for i, text in enumerate(stdout.split("\n"), 1))
    return read_findings(Level.L1, "L1/x", lines, (), TREE, str, written=reports)


def put(room: Path, path: str, content: str) -> Path:
    file = room / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


def failed(found: OutputFindings) -> dict[str, Case]:
    return {case.id: case for case in found.cases if case.status is CheckStatus.FAILED}


VITEST = "web/tests/cart.test.js > cart > total > refuses what is no text"


@pytest.mark.parametrize(
    ("sample", "count", "case", "place", "cause"),
    [
        ("pytest", 9, "tests/test_cart.py::test_too_much", "tests/test_cart.py:25", "shop/price.py:12"),
        ("pytest", 9, "tests/test_cart.py::TestJson::test_decode", "tests/test_cart.py:44", None),
        ("vitest", 5, VITEST, "web/tests/cart.test.js:9", "web/js-src/price.js:2"),
        ("jest", 5, "cart total refuses what is no text", "web/tests/cart.test.js:9", "web/js-src/price.js:2"),
    ],
)
def test_a_junit_report_gives_the_cases(
    tmp_path: Path, sample: str, count: int, case: str, place: str, cause: str | None
) -> None:
    """issue 3, build item 3: JUnit XML where a check writes it."""
    shutil.copy(SAMPLES / "junit" / f"{sample}.xml", tmp_path / "out.xml")
    found = read(written(tmp_path, "run --junitxml=out.xml"))
    assert found.failed == len(failed(found)) == count
    one = failed(found)[case]
    assert f"{one.file}:{one.line}" == place
    assert (f"{one.cause_file}:{one.cause_line}" if one.cause_file else None) == cause
    assert one.message and one.signature
    assert {(each.report, each.output_line) for each in found.diagnostics} == {("out.xml", None)}


def test_a_report_names_the_tests_as_the_output_does(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "junit" / "pytest.xml", tmp_path / "junit.xml")
    window = read_window(SAMPLES / "pytest" / "default.out")
    both = read_findings(Level.L1, "L1/x", window.lines, (), TREE, str, written=written(tmp_path))
    printed = read_findings(Level.L1, "L1/x", window.lines, (), TREE, str)
    assert both.diagnostics == printed.diagnostics, "the output has the lines"
    assert failed(both) == failed(printed)
    assert len(both.cases) == 13 and len(printed.cases) == 9, "the report is complete"


@pytest.mark.parametrize("sample", ["eslint", "ruff"])
def test_sarif_gives_errors_with_their_places(tmp_path: Path, sample: str) -> None:
    """issue 3, build item 3: SARIF where a check writes it."""
    shutil.copy(SAMPLES / "sarif" / f"{sample}.sarif", tmp_path / "lint.sarif")
    first = read(written(tmp_path, "lint -o lint.sarif")).diagnostics[0]
    place, message = {
        "eslint": (("web/lint/cart.js", 1, 5), "'unused' is assigned a value but never used.  [no-unused-vars]"),
        "ruff": (("shop/typed.py", 1, 1), "Import block is un-sorted or un-formatted  [I001]"),
    }[sample]
    assert ((first.file, first.line, first.column), first.message) == (place, message)
    assert first.type == "build_error" and first.report == "lint.sarif"


def test_a_linter_s_report_names_no_tests(tmp_path: Path) -> None:
    for name in ("ruff", "eslint"):
        shutil.copy(SAMPLES / "junit" / f"{name}.xml", tmp_path / f"{name}.xml")
    found = read(written(tmp_path, "lint > ruff.xml && lint --output-file eslint.xml"))
    assert not found.cases and found.failed is None
    assert (found.diagnostics[0].file, found.diagnostics[0].line) == ("shop/typed.py", 1)


RESULT = {"level": "error", "message": {"text": "no"}, "ruleId": "R"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ["no  [R]"]),
        ({"kind": "pass"}, []),
        ({"suppressions": [{"kind": "inSource"}]}, []),
        ({"baselineState": "absent"}, []),
        ({"level": "note"}, []),
        ({"level": "warning"}, ["no  [R]"]),
        ({"message": {}}, ["R"]),
        ({"message": 7, "ruleId": None}, []),
        ({"locations": [{"physicalLocation": {"region": {"startLine": -1}}}]}, ["no  [R]"]),
        ({"locations": {"physicalLocation": []}}, ["no  [R]"]),
    ],
)
def test_a_result_of_sarif_counts_only_when_it_speaks_of_an_error(
    tmp_path: Path, change: dict[str, object], expected: list[str]
) -> None:
    put(tmp_path, "a.sarif", json.dumps({"runs": [{"results": [{**RESULT, **change}]}]}))
    assert [each.message for each in read(written(tmp_path)).diagnostics] == expected


def test_a_result_without_a_level_has_that_of_its_rule(tmp_path: Path) -> None:
    rules = [{"id": "R", "defaultConfiguration": {"level": "error"}}]
    result = {key: value for key, value in RESULT.items() if key != "level"}
    document = {"runs": [{"tool": {"driver": {"rules": rules}}, "results": [{**result, "ruleId": "S"}, result]}]}
    put(tmp_path, "a.sarif", json.dumps(document))
    assert [each.message for each in read(written(tmp_path)).diagnostics] == ["no  [R]"]


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("pytest --junitxml=out/x.xml", "out/x.xml"),
        ("pytest --junit-xml out/x.xml", "out/x.xml"),
        ("cd web && vitest --reporter=junit --outputFile=x.xml", "web/x.xml"),
        ("cd web; vitest --outputFile.junit='my x.xml'", "web/my x.xml"),
        ("JEST_JUNIT_OUTPUT_FILE=./x.xml jest", "x.xml"),
        ("eslint -f junit -o x.xml 'unbalanced", "x.xml"),
        ("true", "junit.xml"),
        ("true", "TEST-shop.xml"),
        ("true", "test-results/deep/er/x.xml"),
        ("true", "target/surefire-reports/TEST-a.xml"),
        ("true", "reports/junit-1.xml"),
    ],
)
def test_a_report_is_found_by_its_name_or_by_custom(tmp_path: Path, command: str, path: str) -> None:
    put(tmp_path, path, SMALL)
    assert [report.path for report in written(tmp_path, command).reports] == [path]


def test_a_report_of_an_earlier_check_says_nothing_of_this_one(tmp_path: Path) -> None:
    os.utime(put(tmp_path, "junit.xml", SMALL), (SINCE - 1, SINCE - 1))
    assert written(tmp_path, "pytest --junitxml=junit.xml") == WrittenReports()


def test_a_report_that_the_command_names_outside_of_the_clean_room_is_not_read(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    put(tmp_path, "junit.xml", SMALL)
    for command in ("x --junitxml=../junit.xml", f"x --junitxml={tmp_path}/junit.xml", "cd .. && x -o junit.xml"):
        assert written(room, command) == WrittenReports()


def test_links_are_not_followed(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    put(tmp_path, "secret/junit.xml", SMALL)
    (room / "junit.xml").symlink_to(tmp_path / "secret" / "junit.xml")
    (room / "out").symlink_to(tmp_path / "secret")
    (room / "test-results").symlink_to(tmp_path / "secret")
    os.mkfifo(room / "report.xml")
    found = written(room, "x --junitxml=junit.xml -o out/junit.xml report.xml")
    assert not found.reports
    assert len(found.notes) == 3 and "outside of the clean room" in "".join(found.notes)


BOMB = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><testsuite name="&b;"/>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&a;"/></testsuite>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        ("", "it is broken"),
        ("no xml at all", "it is broken"),
        ("<coverage/>", "its root is <coverage>"),
        ("<testsuite>" * 40, "nested too deeply"),
        ("<testsuite><testcase", "it is broken"),
    ],
)
def test_a_report_that_cannot_be_read_is_a_note(tmp_path: Path, content: str, said: str) -> None:
    put(tmp_path, "junit.xml", content)
    found = written(tmp_path, "pytest --junitxml=junit.xml")
    assert not found.reports
    assert len(found.notes) == 1 and found.notes[0].startswith("the report junit.xml was not read: ")
    assert said in found.notes[0]
    assert written(tmp_path, "true") == WrittenReports(), "found by custom, it may be anything"


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"runs": ' + "9" * 10_000 + "}", "{}", "[]", '{"runs": 7}', "\xff"]
)
def test_sarif_that_cannot_be_read_hurts_nobody(tmp_path: Path, content: str) -> None:
    put(tmp_path, "a.sarif", content)
    found = written(tmp_path, "lint -o a.sarif")
    assert not read(found).diagnostics
    assert bool(found.notes) == (content != '{"runs": 7}')


def test_what_came_before_a_break_is_kept(tmp_path: Path) -> None:
    put(tmp_path, "junit.xml", SMALL.removesuffix("</testsuite>"))
    found = written(tmp_path)
    assert list(failed(read(found))) == ["a.b"]
    assert found.notes and "broken after 1 tests" in found.notes[0]


class _Endless(io.RawIOBase):
    """A report of any size that is made as it is read."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.body = self._parts()
        self.held = b""

    def _parts(self) -> Iterator[bytes]:
        yield b"<testsuite>"
        while True:
            yield b'<testcase classname="a" name="b"><failure message="no">' + b"x" * 100_000 + b"</failure></testcase>"

    def read(self, size: int = -1) -> bytes:
        size = min(size, self.left)
        while len(self.held) < size:
            self.held += next(self.body)
        given, self.held = self.held[:size], self.held[size:]
        self.left -= len(given)
        return given


def test_a_report_of_a_hundred_megabytes_takes_bounded_memory() -> None:
    tracemalloc.start()
    try:
        parsed, note = read_junit(_Endless(100_000_000), TREE, max_bytes=20_000_000)  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert note == "only the first 20000000 bytes were read"
    assert list(parsed.cases) == ["a.b"]
    assert peak < 10_000_000


def test_cases_beyond_the_limit_are_counted_in_the_note() -> None:
    many = "".join(f'<testcase name="t{i}"><error/></testcase>' for i in range(1500))
    parsed, note = read_junit(io.BytesIO(f"<testsuite>{many}</testsuite>".encode()), TREE)
    assert len(parsed.cases) == 1000 and note == "500 of its tests were left out"


def test_text_in_a_report_is_as_hostile_as_output(tmp_path: Path) -> None:
    said = "hunter2 in /room/shop/cart.py"
    put(tmp_path, "a.sarif", json.dumps({"runs": [{"results": [{**RESULT, "message": {"text": f"\x1b[31m{said}"}}]}]}))
    put(tmp_path, "junit.xml", SMALL.replace('"no"', f'"{said}"'))
    found = read_findings(
        Level.L1, "L1/x", (), (), TREE, lambda text: text.replace("hunter2", "***"), written=written(tmp_path)
    )
    assert sorted(each.message for each in found.diagnostics) == ["*** in shop/cart.py", "*** in shop/cart.py  [R]"]


def test_not_junit_is_an_error_of_its_own() -> None:
    with pytest.raises(NotJUnit):
        read_junit(io.BytesIO(b"<html/>"), TREE)


async def test_a_check_carries_what_its_report_says(tmp_path: Path) -> None:
    """issue 3, build item 3, through the verifier: a report, its count, and what could not be read of it."""
    path = tmp_path / "room"
    put(path, "shop/price.py", "")
    put(path, "kept.txt", (SAMPLES / "junit" / "pytest.xml").read_text())
    room = Room(path, tracked=["shop/price.py", "tests/test_cart.py"])
    plan = plan_of(
        ("unit", "cp kept.txt unit.xml; exit 1 --junitxml=unit.xml"),
        ("broken", "echo no > broken.xml; false --junitxml=broken.xml"),
    )
    unit, broken = (await room.judge(plan)).l1_result.checks
    assert unit.failed_tests == 9 and len(unit.cases) == 13 and not unit.report_notes
    assert (unit.diagnostics[0].report, unit.diagnostics[0].file) == ("unit.xml", "tests/test_cart.py")
    assert broken.report_notes and broken.report_notes[0].startswith("the report broken.xml was not read: it is broken")
    assert broken.failed_tests is None and not broken.cases
