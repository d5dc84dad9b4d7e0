"""JSON and YAML as plain values, and the paths into them."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from agentgate_engine.verify.documents import DocumentFault, difference, format_of, read_document_as
from agentgate_engine.verify.field_path import Found, look_up, path_fault

BOMB = b"a: &a [x, x, x, x, x, x, x, x]\n" + b"".join(
    f"{c}: &{c} [{', '.join([f'*{p}'] * 8)}]\n".encode() for p, c in zip("abcdefg", "bcdefgh", strict=True)
)


def test_yaml_is_read_as_json_would_hold_it() -> None:
    raw = b"on: {push: ~}\n1: yes\nwhen: 2024-01-01\nbase: &b {x: 1}\nall: {<<: *b, y: 0x10}\nhalf: 5.0e-1\n"
    assert read_document_as("yaml", raw) == {
        "on": {"push": None},
        "1": True,
        "when": "2024-01-01",
        "base": {"x": 1},
        "all": {"x": 1, "y": 16},
        "half": 0.5,
    }
    assert read_document_as("yaml", b"") is None


@pytest.mark.parametrize(
    ("form", "raw", "why"),
    [
        ("json", b"{", "is not valid JSON: Expecting property name"),
        ("json", b"", "is not valid JSON"),
        ("json", b'{"a": NaN}', "holds NaN"),
        ("json", b"1" * 5000, "a number that is too long"),
        ("json", b"[" * 100_000, "is nested too deep"),
        ("json", b'"a\n\xff"', "is not UTF-8 text in line 2"),
        ("yaml", b"a: b: c", "is not valid YAML: mapping values are not allowed here in line 1"),
        ("yaml", b"a\n---\nb", "another document in line 2"),
        ("yaml", b"\x07", "a control character"),
        ("yaml", b"[" * 5000, "is nested too deep"),
        ("yaml", b"a: &a [*a]", "is nested deeper than 100 levels"),
        ("yaml", BOMB, "values with its aliases written out"),
        ("yaml", b"? [a]\n: b", "has a key that is no text in line 1"),
        ("yaml", b"a: .inf", "holds .inf"),
        ("yaml", b"#" * (600 * 1024), "bytes of YAML are not read"),
        ("yaml", b"!!python/object:os.system {a: 1}\n---\n", "another document"),
    ],
)
def test_what_is_no_document_says_why(form: str, raw: bytes, why: str) -> None:
    with pytest.raises(DocumentFault, match=why):
        read_document_as(form, raw)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [
        ({"a": 1, "b": [1, {"c": None}]}, {"b": [1.0, {"c": None}], "a": 1}, None),
        ({"a": True}, {"a": 1}, ("a", "true", "1")),
        ({"a": 0}, {"a": False}, ("a", "0", "false")),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, ("a.b[1]", "2", "3")),
        ({"a": 1}, {}, ("a", "1", "nothing")),
        ({}, {"a": 1}, ("a", "nothing", "1")),
        ([1, 2], [1], ("", "2 entries", "1 entries")),
        ("1", 1, ("", '"1"', "1")),
        (None, {}, ("", "null", "{}")),
    ],
)
def test_documents_are_compared_as_json(one: JsonValue, other: JsonValue, place: tuple[str, str, str] | None) -> None:
    """upstream.md 2.1: json_equals does not mind the order of keys (the original did)."""
    assert difference(one, other) == place


DOCUMENT: JsonValue = {"a": {"b": [{"c": 1}, [2, 3]]}, "1": "one", "n": None}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b[0].c", Found(1)),
        ("a.b.0.c", Found(1)),
        ("a.b[1][0]", Found(2)),
        ("1", Found("one")),
        ("n", Found(None)),
        ("n.x", None),
        ("a.b[2]", None),
        ("a.b.x", None),
        ("a.c", None),
    ],
)
def test_a_path_leads_to_a_field(path: str, found: Found | None) -> None:
    """upstream.md 2.1: dotted paths."""
    assert path_fault(path) is None
    assert look_up(DOCUMENT, path) == found


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a[x]", "a[1", "a[1]b", "a.[0]", "a]"])
def test_what_is_no_path_is_told(path: str) -> None:
    assert path_fault(path)


def test_a_schema_file_is_read_by_its_name() -> None:
    assert [format_of(name) for name in ("a.yaml", "a.YML", "a.json", "a")] == ["yaml", "yaml", "json", "json"]
