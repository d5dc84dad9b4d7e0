"""The filter language, term by term."""

from __future__ import annotations

import pytest

from agentgate_engine.errors import UsageError
from agentgate_engine.views.row_filter import parse_filter

ROW = {"title": "Fix the crash in parse", "agent": "claude-code", "level": "L1", "repo": "/home/me/src"}
KNOWN = tuple(ROW)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("crash", True),
        ("Crash", False),
        ("!crash", False),
        ("/the crash/", True),
        ("/crash the/", False),
        ("!/the crash/", False),
        ("!/no such/ claude", True),
        ("/^Fix .* parse$/ level:L1", True),
        ("/home/me", True),
        ("/a/b/", False),
        ('"the crash"', True),
        ('"crash the"', False),
        ('!"the crash"', False),
        ('title:"crash in"', True),
        ('agent:"crash in"', False),
        ("level:L1", True),
        ("level:L0", False),
        ("", True),
    ],
)
def test_terms(text: str, fits: bool) -> None:
    assert parse_filter(text, KNOWN).matches(ROW) is fits


@pytest.mark.parametrize("text", ["nope:x", "/(/", "!/a (/"])
def test_what_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(UsageError):
        parse_filter(text, KNOWN)
