"""The assertions of a blackbox check, over outputs on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue

from agentgate_engine.models.gate_plan import Assertion, JsonSchema
from agentgate_engine.verify import assertions
from agentgate_engine.verify.assertions import Output, failed_assertions, holds, read_output
from agentgate_engine.verify.schemas import Broken
from agentgate_engine.verify.tree_readers import BaseFile

BASE = {"out.txt": b"one\ntwo\n", "s.json": b'{"type": "object", "required": ["a"]}'}


def at_base(path: str, limit: int) -> BaseFile | None:
    found = BASE.get(path)
    return None if found is None else BaseFile(len(found), found if len(found) <= limit else None)


def output(directory: Path, raw: bytes, limit: int = 1 << 20) -> Output:
    (directory / "stdout.log").write_bytes(raw)
    return read_output(directory / "stdout.log", limit)


def judge(directory: Path, raw: bytes, *asked: Assertion, limit: int = 1 << 20) -> list[Broken]:
    return failed_assertions(list(asked), 0, 0, output(directory, raw, limit), at_base)


@pytest.mark.parametrize(
    ("asked", "good", "bad"),
    [
        (Assertion(type="contains", value="b\nc"), b"ab\ncd", b"abc"),
        (Assertion(type="matches_regex", pattern=r"(?m)^id: \d+$"), b"x\nid: 42\n", b"id: x\n"),
        (Assertion(type="json_equals", expected={"a": 1, "b": [True]}), b'{"b": [true], "a": 1.0}', b'{"a": 1}'),
        (Assertion(type="json_schema", json_schema=JsonSchema(path="s.json")), b'{"a": 1}', b"[]"),
        (Assertion(type="json_schema", json_schema=JsonSchema(inline={"minItems": 1})), b"[1]", b"[]"),
        (Assertion(type="equals_file", file="out.txt"), b"one\ntwo\n", b"one\nTWO\n"),
    ],
    ids=lambda value: value.type if isinstance(value, Assertion) else None,
)
def test_each_assertion_holds_or_fails(tmp_path: Path, asked: Assertion, good: bytes, bad: bytes) -> None:
    """upstream.md 2.1: every assertion for real, json_schema and equals_file too."""
    assert judge(tmp_path, good, asked) == []
    (broken,) = judge(tmp_path, bad, asked)
    assert broken.message.startswith(f"{asked.type}: ")
    assert broken.expected and broken.actual


def test_the_exit_code_must_be_as_expected(tmp_path: Path) -> None:
    """upstream.md 2.1: exit_code."""
    there = output(tmp_path, b"")
    assert failed_assertions([Assertion(type="exit_code", expected=3)], 3, 3, there, at_base) == []
    (broken,) = failed_assertions([], 1, 0, there, at_base)
    assert broken == Broken("exit_code: expected 0, got 1", "exit 0", "exit 1")


@pytest.mark.parametrize(
    ("expected", "raw", "place", "wanted", "got"),
    [
        ({"a": {"b": [1, 2]}}, b'{"a": {"b": [1, 3]}}', "a.b[1] differs", "2", "3"),
        ({"a": 1}, b'{"a": true}', "a differs", "1", "true"),
        ({"a": None}, b"{}", "a differs", "null", "nothing"),
        ([], b"{}", "the document differs", "[]", "{}"),
    ],
)
def test_json_that_differs_is_told_by_its_first_place(
    tmp_path: Path, expected: JsonValue, raw: bytes, place: str, wanted: str, got: str
) -> None:
    """upstream.md 2.1: json_equals, whatever the order of keys."""
    (broken,) = judge(tmp_path, raw, Assertion(type="json_equals", expected=expected))
    assert broken == Broken(f"json_equals: {place}", wanted, got)


@pytest.mark.parametrize("raw", [b"", b"{", b"ok {}", b'{"a": NaN}', b"[" * 5000 + b"]" * 5000])
def test_output_that_is_no_json_fails_every_json_assertion(tmp_path: Path, raw: bytes) -> None:
    found = judge(
        tmp_path,
        raw,
        Assertion(type="json_equals", expected={}),
        Assertion(type="json_schema", json_schema=JsonSchema(inline=True)),
    )
    assert len(found) == 2 and all("the output " in each.message for each in found)


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"one\ntwo", "in the line breaks at its end"),
        (b"one\ntwo\n\n", "in the line breaks at its end"),
        (b"one\n", "in line 2"),
        (b"one\ntwo\nthree\n", "in line 3"),
        (b"", "in line 1"),
        (b"one\r\ntwo\n", "in line 1"),
    ],
)
def test_a_difference_from_a_file_is_told_by_its_line(tmp_path: Path, raw: bytes, place: str) -> None:
    """upstream.md 2.1: equals_file, to the byte (in the original it always passed)."""
    (broken,) = judge(tmp_path, raw, Assertion(type="equals_file", file="out.txt"))
    assert broken.message == f"equals_file: the output differs from out.txt {place}"


def test_a_file_that_the_base_does_not_have_fails(tmp_path: Path) -> None:
    for asked in (
        Assertion(type="equals_file", file="gone"),
        Assertion(type="json_schema", json_schema=JsonSchema(path="gone")),
    ):
        (broken,) = judge(tmp_path, b"{}", asked)
        assert "gone is not in the base commit" in broken.message


def test_what_needs_the_whole_output_fails_beyond_the_limit(tmp_path: Path) -> None:
    whole = [
        Assertion(type="json_equals", expected={}),
        Assertion(type="json_schema", json_schema=JsonSchema(inline=True)),
        Assertion(type="equals_file", file="out.txt"),
    ]
    found = judge(tmp_path, b"{}" + b" " * 100, *whole, limit=64)
    assert [each.actual for each in found] == ["102 bytes"] * 3
    assert all("are not compared" in each.message for each in found)


def test_a_needle_is_found_anywhere_in_a_large_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assertions, "_CHUNK", 16)
    log = tmp_path / "log"
    for at in range(14, 19):
        log.write_bytes(b"." * at + b"needle" + b"." * 40)
        assert holds(log, b"needle")
    log.write_bytes(b"needl" * 20)
    assert not holds(log, b"needle")
    (broken,) = judge(tmp_path, b"x" * 100, Assertion(type="matches_regex", pattern="y"), limit=64)
    assert "more is not searched" in broken.message


def test_a_pattern_that_explodes_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentgate_engine.verify.apart.LIMIT_S", 0.5)
    (broken,) = judge(tmp_path, b"a" * 64 + b"!", Assertion(type="matches_regex", pattern="(a+)+$"))
    assert "took longer than 0.5 s and was stopped" in broken.message


def test_no_log_is_no_output(tmp_path: Path) -> None:
    assert read_output(tmp_path / "none").excerpt == "no output"
    assert not holds(tmp_path / "none", b"x")
