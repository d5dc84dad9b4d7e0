"""How files are named."""

from __future__ import annotations

import pytest

from agentgate_engine.models.gate_plan import NamingContract, NamingRule
from agentgate_engine.verify.naming import follows, misnamed


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (
            "kebab-case",
            ["a.ts", "my-part.test.ts", "x/2fa-code.js"],
            ["myPart.ts", "my_part.ts", "My-part.ts", "a--b.ts"],
        ),
        ("snake_case", ["a.py", "my_part.py", "__init__.py", "_private.py", "0001_first.py"], ["myPart.py", "a-b.py"]),
        ("camelCase", ["a.ts", "myPart.ts", "myPart2.spec.ts"], ["MyPart.ts", "my-part.ts", "my_part.ts"]),
        ("PascalCase", ["A.tsx", "MyPart.tsx", "x/MyPart.module.css"], ["myPart.tsx", "My-Part.tsx", "my.tsx"]),
    ],
)
def test_a_rule_judges_the_stem(rule: NamingRule, good: list[str], bad: list[str]) -> None:
    """upstream.md 2.1: naming rules kebab-case, snake_case, camelCase, PascalCase."""
    assert [path for path in good if not follows(rule, path)] == []
    assert [path for path in bad if follows(rule, path)] == []


def test_only_what_the_pattern_means_is_judged() -> None:
    contract = NamingContract(pattern="src/**/*.ts", rule="kebab-case")
    assert misnamed(contract, ["src/a.ts", "src/x/B.ts", "Other.ts", "src/C.js"]) == (2, ["src/x/B.ts"])
