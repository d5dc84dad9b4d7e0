"""The pattern language, as its table promises it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_engine.verify.globs import pattern_fault, translate

CASES = [
    ("**/.env", ".env", True),
    ("**/.env", "a/.env", True),
    ("**/.env", "a/b/.env", True),
    ("**/.env", "a/.env/b", False),
    ("**/.env", ".envrc", False),
    ("**/.env", "x.env", False),
    ("**/.env.*", ".env.local", True),
    ("**/.env.*", "a/.env.local", True),
    ("**/.env.*", ".env", False),
    ("**/secrets/**", "secrets/a", True),
    ("**/secrets/**", "x/secrets/a/b", True),
    ("**/secrets/**", "secrets", False),
    ("**/secrets/**", "x/secrets", False),
    ("**/secrets/**", "my-secrets/a", False),
    ("**/*.pem", "a.pem", True),
    ("**/*.pem", "a/b/.pem", True),
    ("*.pem", "a.pem", True),
    ("*.pem", "a/b.pem", False),
    ("src/*", "src/a", True),
    ("src/*", "src/a/b", False),
    ("src/**", "src/a/b", True),
    ("src/**/x", "src/x", True),
    ("src/**/x", "src/a/b/x", True),
    ("src/**/x", "srcx", False),
    ("a/**/b/**/c", "a/b/x/b/c", True),
    ("a/**/b/**/c", "a/x/c", False),
    ("**", "anything/at/all", True),
    ("**/**", "a", True),
    ("src/", "src/a/b", True),
    ("src", "src/a", True),
    ("src", "src", True),
    ("src", "srcs/a", False),
    ("./src/a.py", "src/a.py", True),
    ("a?c", "abc", True),
    ("a?c", "a/c", False),
    ("[ab].py", "a.py", True),
    ("[!ab].py", "a.py", False),
    ("[^ab].py", "c.py", True),
    ("*.{js,ts}", "a.ts", True),
    ("*.{js,ts}", "a.tsx", False),
    ("{a/b,c}/d", "a/b/d", True),
    ("{a,{b,c}}.x", "c.x", True),
    ("app/[id]/page.tsx", "app/[id]/page.tsx", True),
    ("*.PEM", "a.pem", False),
    ("a**b", "axxb", True),
    ("a**b", "a/b", False),
    ("*.log", "new\nline.log", True),
    ("a.b", "axb", False),
]


@pytest.mark.parametrize(("pattern", "path", "expected"), CASES)
def test_a_pattern_matches_what_its_table_says(pattern: str, path: str, expected: bool) -> None:
    assert pattern_fault(pattern) is None
    assert translate(pattern).matches(path) is expected


@pytest.mark.parametrize(
    "pattern",
    ["/a", "../a", "a/../b", "a//b", ".", "", "!a", "@(a|b)", "!(a)", "a\\*", "[a/b]c", "{a,b}" * 7],
)
def test_what_cannot_be_honoured_is_refused(pattern: str) -> None:
    assert pattern_fault(pattern)


@given(st.lists(st.text("ab.[]*?{}", min_size=1, max_size=6), min_size=1, max_size=4))
def test_a_path_matches_its_own_spelling_and_everything_below_a_double_star(names: list[str]) -> None:
    path = "x" + "/".join(names)
    if pattern_fault(path) is None:
        assert translate(path).matches(path)
    assert translate("**").matches(path)
    assert translate("top/**").matches("top/" + path)
    assert not translate("top/**").matches("other/" + path)


def test_no_pattern_explodes() -> None:
    began = time.process_time()
    assert not translate("*a" * 30 + "b").matches("a" * 250)
    assert not translate("**/a/" * 30 + "b").matches("a/" * 250 + "c")
    assert time.process_time() - began < 2
