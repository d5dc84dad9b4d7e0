"""Git modes, GitHub modes, and what an order may ask of a delivery."""

from __future__ import annotations

import pytest

from agentgate_engine.errors import UsageError
from agentgate_engine.models.delivery import DeliveryRecord, GitHubOperation, GitHubSummary
from agentgate_engine.models.git_ops import (
    GitHubMode,
    GitMode,
    GitOps,
    checked_git_ops,
    default_github_mode,
    git_mode_of,
)


def test_the_three_modes() -> None:
    """upstream.md 6.1: fail_fast, best_effort, disabled."""
    assert [mode.value for mode in GitHubMode] == ["fail_fast", "best_effort", "disabled"]


@pytest.mark.parametrize(
    ("name", "mode", "default"),
    [
        ("pr", GitMode.PR, GitHubMode.FAIL_FAST),
        ("github_pr", GitMode.PR, GitHubMode.FAIL_FAST),
        ("fork", GitMode.FORK, GitHubMode.FAIL_FAST),
        ("branch", GitMode.PUSH, GitHubMode.BEST_EFFORT),
        ("push_only", GitMode.PUSH, GitHubMode.BEST_EFFORT),
        ("push", GitMode.PUSH, GitHubMode.BEST_EFFORT),
        ("direct", GitMode.LOCAL, GitHubMode.DISABLED),
        ("local", GitMode.LOCAL, GitHubMode.DISABLED),
        ("something else", None, GitHubMode.BEST_EFFORT),
    ],
)
def test_the_default_by_git_mode(name: str, mode: GitMode | None, default: GitHubMode) -> None:
    """upstream.md 6.2: in the words of the guide and in those of the code."""
    assert default_github_mode(name) is default
    if mode is None:
        with pytest.raises(UsageError, match="github_pr"):
            git_mode_of(name)
    else:
        assert git_mode_of(name) is mode


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"remote": "--exec=id"}, "--remote"),
        ({"remote": ""}, "--remote"),
        ({"remote": "https://olga:pw@github.com/o/r"}, "--remote"),
        ({"remote": "https://ghp_x@github.com/o/r"}, "--remote"),
        ({"api_url": "github.com"}, "--github-api"),
        ({"api_url": "http://github.example.org/api/v3"}, "--github-api"),
        ({"api_url": "https://u:p@github.example.org/api/v3"}, "--github-api"),
        ({"repository": "shop"}, "--github-repo"),
        ({"repository": "a/b/c"}, "--github-repo"),
        ({"base": "a..b"}, "--base"),
        ({"base": "-x"}, "--base"),
        ({"base": "with space"}, "--base"),
        ({"labels": [" "]}, "--label"),
        ({"labels": ["x" * 51]}, "--label"),
        ({"reviewers": ["a b"]}, "--reviewer"),
        ({"wait_for_ci": True, "mode": GitMode.PUSH}, "--wait-for-ci"),
        ({"wait_for_ci": True, "mode": GitMode.PR, "github_mode": GitHubMode.DISABLED}, "--wait-for-ci"),
    ],
)
def test_what_can_only_fail_later_is_refused_at_once(given: dict[str, object], named: str) -> None:
    """upstream.md L19: among it tokens in URLs, and a server that would get one in the open."""
    with pytest.raises(UsageError, match=named) as refused:
        checked_git_ops(GitOps.model_validate(given))
    assert ":pw" not in str(refused.value) and "ghp_x" not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"remote": "git@github.com:o/r.git", "base": "release/1.0", "repository": "o-1/r.x", "mode": GitMode.PR},
        {
            "api_url": "http://127.0.0.1:8080/api/v3",
            "labels": ["good first issue"],
            "reviewers": ["olga", "o/core_team"],
        },
        {"mode": GitMode.FORK, "github_mode": GitHubMode.FAIL_FAST, "wait_for_ci": True, "remote": "https://h/o/r"},
    ],
)
def test_what_is_fine_passes(given: dict[str, object]) -> None:
    """upstream.md 6.2: the words of real orders."""
    ops = GitOps.model_validate(given)
    assert checked_git_ops(ops) is ops


def test_the_summary_draws_its_verdicts() -> None:
    """upstream.md 6.5: allSucceeded and anyFailed follow from the operations; camelCase on disk."""
    good = GitHubOperation(operation="push", success=True, mode=GitHubMode.BEST_EFFORT, retried=1, url="u")
    bad = GitHubOperation(operation="create_pr", success=False, mode=GitHubMode.BEST_EFFORT, error="no")
    summary = GitHubSummary.of(GitHubMode.BEST_EFFORT, "b", [good, bad])
    assert summary.model_dump(by_alias=True) == {
        "mode": "best_effort",
        "operations": [
            {
                "operation": "push",
                "success": True,
                "url": "u",
                "error": None,
                "retried": 1,
                "mode": "best_effort",
                "skipped": False,
            },
            {
                "operation": "create_pr",
                "success": False,
                "url": None,
                "error": "no",
                "retried": 0,
                "mode": "best_effort",
                "skipped": False,
            },
        ],
        "allSucceeded": False,
        "anyFailed": True,
        "prUrl": None,
        "branchName": "b",
    }
    assert GitHubSummary.of(GitHubMode.FAIL_FAST, "b", [good], "url").all_succeeded


def test_a_delivery_of_the_first_version_is_read() -> None:
    """upstream.md 6.5: files without GitHub in them stay readable."""
    old = (
        b'{"runId": "abcd2345.1", "mode": "branch", "state": "delivered", "branch": "agentgate/abcd2345.1",'
        b' "commit": "c", "target": "/x", "error": null, "nextStep": "git merge",'
        b' "updatedAt": "2026-01-01T00:00:00.000Z"}'
    )
    record = DeliveryRecord.from_json(old, "delivery.json")
    assert record.mode == "branch" and record.github is None and record.ci is None and record.warnings == []
    assert DeliveryRecord.from_json(record.to_json(), "delivery.json") == record
