"""The words of a pull request."""

from __future__ import annotations

from dataclasses import replace

from agentgate_engine.delivery.pull_request_text import PullRequestFacts, body_of, body_with_report, title_of

FACTS = PullRequestFacts(
    run_id="abcd2345.1",
    title="Repair the shop",
    agent="claude-code",
    iterations=2,
    checks=(("L0/required", "passed"), ("L1/pytest", "passed"), ("L3/size", "warning"), ("L2/web", "skipped")),
    model="m",
    files_changed=3,
    duration_ms=3_725_000,
    cost_usd=0.456,
)


def test_the_report_says_what_was_done() -> None:
    """upstream.md 8.2 (createPullRequest): checks that passed, iterations, time and cost; no path of the machine."""
    assert body_of(FACTS) == (
        "<!-- agentgate:report -->\n---\n"
        "Made by `claude-code` (`m`) in AgentGate run `abcd2345.1`:"
        " 2 iterations, 3 files changed, 1 h 2 min, 0.46 USD.\n"
        "\n| Check | Result |\n| --- | --- |\n| `L0/required` | passed |\n| `L1/pytest` | passed |\n"
        "| `L3/size` | passed with a warning |\n<!-- agentgate:end -->"
    )


def test_what_is_not_known_is_not_said() -> None:
    """upstream.md 8.2: no zero where there is no figure."""
    bare = PullRequestFacts("abcd2345.1", "T", "scripted", 1)
    assert "run `abcd2345.1`: 1 iteration.\n" in body_of(bare) and "Check" not in body_of(bare)


def test_names_cannot_leave_their_code_spans() -> None:
    """upstream.md L19: a check's name mentions nobody, closes no issue and breaks no table."""
    facts = replace(FACTS, checks=(("L1/`@octo/core` | fixes #1\n# x <!-- agentgate:end -->", "passed"),))
    body = body_of(facts)
    assert "| `L1/'@octo/core' / fixes #1 # x <!-- agentgate:end -->` | passed |" in body


def test_many_checks_are_counted() -> None:
    """upstream.md 8.2: the text stays readable."""
    body = body_of(replace(FACTS, checks=tuple((f"L1/{n}", "passed") for n in range(45))))
    assert body.count("| passed |") == 40 and "| and 5 more | |" in body


def test_the_title_is_one_line() -> None:
    """upstream.md 8.2: that of the order, or what was asked for."""
    assert title_of(replace(FACTS, title="a\nb\x1b[2J " + "x" * 200)) == "a b " + "x" * 115 + "…"
    assert title_of(FACTS, "Mine") == "Mine"
    assert title_of(replace(FACTS, title=" ")) == "AgentGate run abcd2345.1"


def test_a_new_report_takes_the_place_of_the_old_one_alone() -> None:
    """upstream.md 6.3 (update_pr): what people wrote around it stays, backslashes and all."""
    old = "before\r\n" + body_of(FACTS, "asked") + "\nafter \\1"
    new = body_with_report(old, replace(FACTS, iterations=3))
    assert new.startswith("before\nasked\n\n<!--") and new.endswith("\nafter \\1")
    assert "3 iterations" in new and "2 iterations" not in new
    assert body_with_report("somebody took the report out", FACTS) == "somebody took the report out"
