"""Reading git's machine formats."""

from __future__ import annotations

from agentgate_engine.workspace.changes import parse_hunks, parse_raw_numstat

_ZERO = "0" * 40


def test_raw_and_counts_are_joined_in_order() -> None:
    listing = (
        f":100644 100644 {_ZERO} {_ZERO} M\0a\tb\nc\0"
        f":100644 100644 {_ZERO} {_ZERO} R087\0old\0new\0"
        f":000000 100644 {_ZERO} {_ZERO} A\0blob\0"
        "3\t1\ta\tb\nc\0"
        "2\t0\t\0old\0new\0"
        "-\t-\tblob\0"
    ).encode()
    first, second, third = parse_raw_numstat(listing)
    assert (first.path, first.status, first.insertions, first.deletions) == ("a\tb\nc", "modified", 3, 1)
    assert (second.path, second.previous_path, second.status, second.insertions) == ("new", "old", "renamed", 2)
    assert (third.status, third.binary, third.insertions) == ("added", True, None)


def test_nothing_differs() -> None:
    assert parse_raw_numstat(b"") == []


def test_a_name_that_is_not_utf8_is_spelled_out() -> None:
    listing = f":000000 100644 {_ZERO} {_ZERO} A\0".encode() + b"\xff\0" + b"1\t0\t\xff\0"
    assert parse_raw_numstat(listing)[0].path == "\\xff"


def test_hunks_belong_to_files_and_content_cannot_pass_for_a_header() -> None:
    patch = (
        b"diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1 +1 @@ def f\n-a\n+@@ -1 +9 @@\n"
        b"@@ -5,0 +6,3 @@\n+diff --git a/z b/z\n+2\n+3\n"
        b"diff --git a/y b/y\nBinary files a/y and b/y differ\n"
        b"diff --git a/z b/z\n@@ -3,2 +2,0 @@\n-q\n-r\n"
    )
    assert parse_hunks(patch) == [((1, 1), (6, 3)), (), ((2, 0),)]
