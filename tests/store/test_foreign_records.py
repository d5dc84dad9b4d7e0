"""The JSON of the original, read tolerantly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentgate_engine.errors import StoreError
from agentgate_engine.store.foreign.records import Fields, base_name, is_foreign_id, plain, read_fields


@pytest.mark.parametrize(
    ("value", "text", "whole", "flag"),
    [
        (None, None, None, None),
        ("", None, None, None),
        ("words", "words", None, None),
        (True, None, None, True),
        (12.6, None, 13, None),
        (-4, None, 0, None),
        (1e300, None, None, None),
        (float("inf"), None, None, None),
        ([1], None, None, None),
        ("half a \ud800 pair", "half a ? pair", None, None),
    ],
)
def test_a_value_of_another_type_counts_as_absent(
    value: object, text: str | None, whole: int | None, flag: bool | None
) -> None:
    """upstream.md section 6: readers tolerate what is not as the schema has it."""
    fields = Fields({"key": value})
    assert (fields.text("key"), fields.whole("key"), fields.flag("key")) == (text, whole, flag)
    assert Fields().text("key") is Fields().whole("key") is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-22T16:54:00.320Z", "2026-11-22T16:54:00.320Z"),
        ("2026-11-22T17:54:00+01:00", "2026-11-22T16:54:00.000Z"),
        ("2026-11-22T16:54:00", "2026-11-22T16:54:00.000Z"),
        ("yesterday", None),
        (1763830440, None),
        ("9999-12-31T23:59:59-12:00", None),
    ],
)
def test_times_become_our_stamps_or_nothing(written: object, read: str | None) -> None:
    """upstream.md section 6: dates are ISO with Z; one that is none is unknown."""
    assert Fields({"t": written}).stamp("t") == read


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ('{"id": "cut', "is no JSON"),
        ("[]", "holds no object"),
        ("[" * 200_000, "nested too deeply|is no JSON"),
        (b'{"id": "\xff"}', "is no JSON"),
    ],
)
def test_a_file_that_holds_no_object_says_why(tmp_path: Path, content: str | bytes, words: str) -> None:
    """upstream.md L9: corrupt JSON is listed as such, with its reason."""
    path = tmp_path / "run.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StoreError, match=words):
        read_fields(path)


def test_what_is_no_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "fifo.json")
    for name in ("link.json", "fifo.json"):
        with pytest.raises(StoreError):
            read_fields(tmp_path / name)
    (tmp_path / "huge.json").write_bytes(b" " * (2 << 20))
    with pytest.raises(StoreError, match="is 2 MB, and no more than 1 MB are read"):
        read_fields(tmp_path / "huge.json", 1 << 20)


@pytest.mark.parametrize(
    ("recorded", "name"),
    [
        ("agent-1.json", "agent-1.json"),
        ("/home/operator/.agentgate/runs/x/agent-1.json", "agent-1.json"),
        ("C:\\Users\\op\\.agentgate\\runs\\x\\agent-2.json", "agent-2.json"),
        ("../../etc/passwd", "passwd"),
        ("/", None),
        ("..", None),
        ("", None),
        (None, None),
    ],
)
def test_a_recorded_path_is_reduced_to_a_name(recorded: str | None, name: str | None) -> None:
    """upstream.md 3.4: bare names and absolute paths alike become a basename inside of the run."""
    assert base_name(recorded) == name


@pytest.mark.parametrize("name", ["-j-6xRIX3x_Y", "587d534a-9a9a-4bd2-a019-a08c39e7411a", "a", "x.1"])
def test_ids_of_the_original_are_held_to_path_safety_alone(name: str) -> None:
    """upstream.md L15: ids that begin with a dash are ids."""
    assert is_foreign_id(name)


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "a/b", "a\n", "a\x1b[2J", "é", "x" * 129])
def test_what_is_not_safe_as_a_name_is_no_id(name: str) -> None:
    assert not is_foreign_id(name)


def test_deep_and_odd_values_become_plain_json() -> None:
    deep: object = "end"
    for _ in range(80):
        deep = [deep]
    shown = str(plain(deep))
    assert "..." in shown
    assert "end" not in shown
    assert plain({"n": float("nan"), "big": 1 << 80, "\ud800": True}) == {"n": "nan", "big": str(1 << 80), "?": True}
