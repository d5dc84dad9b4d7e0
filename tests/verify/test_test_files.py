"""Which files are tests."""

from __future__ import annotations

import pytest

from agentgate_engine.verify.test_files import is_test_file


@pytest.mark.parametrize(
    ("path", "is_test"),
    [
        ("tests/helpers.py", True),
        ("pkg/test_parse.py", True),
        ("pkg/parse_test.py", True),
        ("conftest.py", True),
        ("web/src/app.test.ts", True),
        ("web/src/app.spec.tsx", True),
        ("web/src/__tests__/app.js", True),
        ("calc/calc_test.go", True),
        ("src/main/CartTest.java", True),
        ("spec/cart_spec.rb", True),
        ("src/tests.rs", True),
        ("pkg/parse.py", False),
        ("pkg/testing_tools.py", False),
        ("src/contest.ts", False),
        ("latest/app.py", False),
        ("src/attest.go", False),
    ],
)
def test_a_test_is_told_by_its_name_or_its_folder(path: str, is_test: bool) -> None:
    assert is_test_file(path) is is_test
