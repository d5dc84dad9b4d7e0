"""Push and pull request against a real bare repository and a stub that is held to GitHub's own description."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_engine.delivery.token import Token
from agentgate_engine.errors import GitHubError
from agentgate_engine.models.delivery import GitHubSummary
from agentgate_engine.models.events import BranchPushed, PullRequestCreated, PullRequestMerged
from agentgate_engine.models.git_ops import GITHUB_RETRY, GitHubMode, GitMode

from ..tools.github_stub import Fault
from ..workspace.conftest import git
from .conftest import BRANCH, REPOSITORY, SECRET, Courier


async def test_a_pull_request_is_opened_from_exactly_the_verified_commit(courier: Courier) -> None:
    """upstream.md 6.3, 6.5, 8.2 (push, createPullRequest, getRepoInfo), 8.4 (pr:created follows the push)."""
    first = courier.desk.commit("a.txt", "a\n")
    courier.desk.commit("later.txt", "not verified\n")
    ops = courier.ops(labels=["agentgate"], reviewers=["olga", "octo/core"], body="Please look.")
    outcome = await courier.delivery(first, ops).deliver()
    (pull,) = courier.github.repositories[REPOSITORY].pulls
    assert courier.desk.remote_tip() == first == pull["head"]["sha"]
    assert (pull["title"], pull["draft"], pull["base"]["ref"]) == ("Repair the shop", True, "main")
    assert pull["body"].startswith("Please look.\n\n<!-- agentgate:report -->")
    assert courier.github.repositories[REPOSITORY].labels == {1: ["agentgate"]}
    assert courier.github.repositories[REPOSITORY].reviewers == {1: ["olga", "core"]}
    assert [each.operation for each in outcome.summary.operations] == ["push", "create_pr", "update_pr"]
    assert outcome.summary.all_succeeded and not outcome.summary.any_failed and outcome.fatal is None
    assert outcome.summary.pr_url == pull["html_url"] and outcome.summary.branch_name == BRANCH
    assert (outcome.pull_request, outcome.repository, outcome.warnings) == (1, REPOSITORY, ())
    assert courier.told == [
        BranchPushed(branch=BRANCH, commit=first, target=str(courier.desk.bare)),
        PullRequestCreated(url=pull["html_url"], number=1),
    ]
    told = courier.github.headers[0]
    assert told["x-github-api-version"] == "2022-11-28" and told["user-agent"].startswith("agentgate/")


async def test_a_lost_answer_after_the_creation_gives_one_pull_request(courier: Courier) -> None:
    """upstream.md 6.4: the create is tried again, and finds what the first try made."""
    courier.github.faults = [Fault("drop_after", "POST /repos/octo/shop/pulls")]
    outcome = await courier.delivery(courier.desk.commit("a.txt", "a\n")).deliver()
    assert len(courier.github.repositories[REPOSITORY].pulls) == 1
    created = outcome.summary.operations[1]
    assert (created.operation, created.success, created.retried) == ("create_pr", True, 1)
    assert courier.github.asked("POST /repos/octo/shop/pulls") == 1


async def test_github_that_finds_the_pull_request_too_late_for_the_list_is_asked_again(courier: Courier) -> None:
    """upstream.md 6.4: a 422 that says it exists is looked up, and tried again until it is listed."""
    courier.github.faults = [Fault("exists", "POST /repos/octo/shop/pulls", times=2)]
    outcome = await courier.delivery(courier.desk.commit("a.txt", "a\n")).deliver()
    assert outcome.fatal is None and outcome.summary.operations[1].retried == 2
    assert len(courier.github.repositories[REPOSITORY].pulls) == 1


async def test_delivering_again_after_a_crash_does_nothing_twice(courier: Courier) -> None:
    """upstream.md 6.3: each step can be entered again."""
    commit = courier.desk.commit("a.txt", "a\n")
    ops = courier.ops(labels=["agentgate"])
    first = await courier.delivery(commit, ops).deliver()
    again = await courier.delivery(commit, ops).deliver()
    assert first.summary.pr_url == again.summary.pr_url and again.summary.all_succeeded
    assert courier.github.asked("POST /repos/octo/shop/pulls") == 1
    assert courier.github.repositories[REPOSITORY].labels == {1: ["agentgate"]}


async def test_a_later_commit_updates_the_report_and_keeps_what_people_wrote(courier: Courier) -> None:
    """upstream.md 6.3 (update_pr): the report is made anew, the words around it and the labels are people's."""
    first = courier.desk.commit("a.txt", "a\n")
    ops = courier.ops(labels=["agentgate"])
    await courier.delivery(first, ops).deliver()
    shop = courier.github.repositories[REPOSITORY]
    shop.pulls[0]["body"] = "A person's words.\r\n" + shop.pulls[0]["body"].replace("2 iterations", "1 iteration")
    shop.labels[1] = ["taken over"]
    second = courier.desk.commit("b.txt", "b\n")
    outcome = await courier.delivery(second, ops, replaces=first, again=True).deliver()
    assert courier.desk.remote_tip() == second
    assert [each.operation for each in outcome.summary.operations] == ["push", "create_pr", "update_pr"]
    assert shop.pulls[0]["body"].startswith("A person's words.\n") and "2 iterations" in shop.pulls[0]["body"]
    assert len(shop.pulls) == 1 and shop.labels[1] == ["taken over"]


async def test_a_pull_request_that_was_merged_with_our_commit_counts(courier: Courier) -> None:
    """upstream.md 6.3: a crash between the merge and our record opens no second one."""
    commit = courier.desk.commit("a.txt", "a\n")
    await courier.delivery(commit).deliver()
    shop = courier.github.repositories[REPOSITORY]
    shop.pulls[0] |= {"state": "closed", "merged_at": "2026-01-01T00:00:00Z"}
    outcome = await courier.delivery(commit).deliver()
    assert outcome.pull_request == 1 and len(shop.pulls) == 1
    assert courier.told[-1] == PullRequestMerged(url=shop.pulls[0]["html_url"], commit=commit), "upstream.md 10.1"
    shop.pulls[0] |= {"merged_at": None}
    outcome = await courier.delivery(commit).deliver()
    assert outcome.pull_request == 2, "one that a person closed is not taken for delivered"


async def test_a_push_alone_needs_no_token(courier: Courier) -> None:
    """upstream.md 8.2: push; nothing is asked of GitHub."""
    commit = courier.desk.commit("a.txt", "a\n")
    outcome = await courier.delivery(commit, courier.ops(GitMode.PUSH), token=None).deliver()
    assert courier.desk.remote_tip() == commit and outcome.summary.all_succeeded
    assert courier.github.requests == [] and outcome.summary.pr_url is None


async def test_it_fails_twice_and_then_works(courier: Courier) -> None:
    """upstream.md 6.4: retried=2, with the waits of the policy."""
    courier.github.faults = [Fault("status", "POST /repos/octo/shop/pulls", times=2, status=502)]
    outcome = await courier.delivery(courier.desk.commit("a.txt", "a\n")).deliver()
    assert outcome.summary.operations[1].retried == 2 and outcome.summary.all_succeeded
    assert courier.retries.waits == [2.0, 4.0]


def test_the_policy_of_github() -> None:
    """upstream.md 6.4: three retries, 2000 ms initial, github_error only."""
    policy = (GITHUB_RETRY.max_attempts, GITHUB_RETRY.initial_backoff_ms, GITHUB_RETRY.retryable_errors)
    assert policy == (3, 2000, ["github_error"])


async def test_a_429_is_waited_for_as_long_as_github_asks(courier: Courier) -> None:
    """upstream.md 6.7: Retry-After is honoured."""
    courier.github.faults = [Fault("status", "POST /repos/octo/shop/pulls", status=429, retry_after="17")]
    outcome = await courier.delivery(courier.desk.commit("a.txt", "a\n")).deliver()
    assert outcome.summary.all_succeeded and courier.retries.waits == [17.0]


async def test_a_secondary_limit_without_a_header_is_waited_for_a_minute(courier: Courier) -> None:
    """upstream.md 6.7: a 403 that is a limit is no refusal."""
    courier.github.faults = [Fault("secondary", "POST /repos/octo/shop/pulls")]
    outcome = await courier.delivery(courier.desk.commit("a.txt", "a\n")).deliver()
    assert outcome.summary.all_succeeded and courier.retries.waits == [60.0]


@pytest.mark.parametrize("status", [401, 403, 404, 422])
async def test_a_refusal_is_tried_once(courier: Courier, status: int) -> None:
    """upstream.md 6.7, 6.6: 401, 403, 404 and 422 are never repeated; fail_fast hands the error back as fatal."""
    courier.github.faults = [
        Fault("status", "POST /repos/octo/shop/pulls", times=9, status=status, message="No \x1b[2J")
    ]
    outcome = await courier.delivery(courier.desk.commit("a.txt", "a\n")).deliver()
    assert courier.github.asked("POST /repos/octo/shop/pulls") == 1 and courier.retries.waits == []
    assert outcome.fatal is not None and outcome.fatal.status == status
    assert outcome.summary.any_failed and outcome.summary.pr_url is None and outcome.warnings == ()
    assert "\x1b" not in str(outcome.fatal) and "No" in str(outcome.fatal)
    assert outcome.summary.operations[0].success, "the push stays told"


async def test_best_effort_goes_on_with_a_warning(courier: Courier) -> None:
    """upstream.md 6.5: anyFailed, no prUrl, and a warning to show; nothing is fatal."""
    courier.github.faults = [Fault("status", "POST /repos/octo/shop/pulls", times=9, status=403)]
    ops = courier.ops(github_mode=GitHubMode.BEST_EFFORT)
    outcome = await courier.delivery(courier.desk.commit("a.txt", "a\n"), ops).deliver()
    summary = outcome.summary
    assert outcome.fatal is None and summary.any_failed and not summary.all_succeeded and summary.pr_url is None
    (warning,) = outcome.warnings
    assert "Pull requests, write" in warning
    assert GitHubSummary.from_json(summary.to_json(), "a test") == summary


async def test_best_effort_opens_nothing_after_a_failed_push(courier: Courier, tmp_path: Path) -> None:
    """upstream.md 6.5: the warning says what was left undone."""
    git(courier.desk.source, "remote", "set-url", "origin", str(tmp_path / "gone.git"))
    ops = courier.ops(github_mode=GitHubMode.BEST_EFFORT)
    outcome = await courier.delivery(courier.desk.commit("a.txt", "a\n"), ops).deliver()
    assert [each.operation for each in outcome.summary.operations] == ["push"]
    assert outcome.warnings[0].endswith("so no pull request was opened") and courier.github.requests == []


@pytest.mark.parametrize(
    ("mode", "operations"),
    [
        (GitMode.PUSH, ["push"]),
        (GitMode.PR, ["push", "create_pr"]),
        (GitMode.FORK, ["create_fork", "push", "create_pr"]),
    ],
)
async def test_disabled_calls_nothing(courier: Courier, mode: GitMode, operations: list[str]) -> None:
    """upstream.md 6.3: disabled records skipped and success, and never calls the function."""
    ops = courier.ops(mode, GitHubMode.DISABLED)
    outcome = await courier.delivery(courier.desk.commit("a.txt", "a\n"), ops).deliver()
    assert [each.operation for each in outcome.summary.operations] == operations
    assert all(
        each.skipped and each.success and each.mode is GitHubMode.DISABLED for each in outcome.summary.operations
    )
    assert outcome.summary.all_succeeded and not outcome.summary.any_failed
    assert courier.github.requests == [] and courier.told == []
    assert git(courier.desk.bare, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


async def test_without_a_token_nothing_is_published_before_it_is_said(courier: Courier) -> None:
    """upstream.md 6.6: the error names the variables, and the branch was not pushed for nothing."""
    outcome = await courier.delivery(courier.desk.commit("a.txt", "a\n"), token=None).deliver()
    assert outcome.fatal is not None and "AGENTGATE_GITHUB_TOKEN" in str(outcome.fatal)
    assert git(courier.desk.bare, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


async def test_the_base_is_the_branch_the_work_started_from_where_github_has_it(courier: Courier) -> None:
    """upstream.md 8.2 (getRepoInfo): else the default branch, with a note."""
    shop = courier.github.repositories[REPOSITORY]
    outcome = await courier.delivery(courier.desk.commit("a.txt", "a\n"), base_branch="only-here").deliver()
    assert shop.pulls[0]["base"]["ref"] == "main" and "only-here" in outcome.warnings[0]
    assert outcome.summary.all_succeeded
    git(courier.desk.bare, "branch", "release/1", "main")
    shop.pulls.clear()
    await courier.delivery(courier.desk.commit("b.txt", "b\n"), base_branch="release/1").deliver()
    assert shop.pulls[0]["base"]["ref"] == "release/1"
    shop.pulls.clear()
    await courier.delivery(courier.desk.commit("c.txt", "c\n"), courier.ops(base="release/1")).deliver()
    assert shop.pulls[0]["base"]["ref"] == "release/1"


@pytest.mark.parametrize(
    ("ops", "advice"),
    [
        ({"base": "nowhere"}, "--base"),
        ({"reviewers": ["stranger"]}, "collaborators"),
        ({"remote": "up"}, "git remote add"),
    ],
)
async def test_errors_say_what_to_do(courier: Courier, ops: dict[str, object], advice: str) -> None:
    """upstream.md 6.6: what is wrong with the order is said by name."""
    outcome = await courier.delivery(courier.desk.commit("a.txt", "a\n"), courier.ops(**ops)).deliver()
    assert advice in str(outcome.fatal)


async def test_a_fork_is_made_pushed_to_and_opened_from(courier: Courier) -> None:
    """upstream.md 6.2 (fork): the branch goes into the fork, the pull request to the repository."""
    courier.github.forks_ready_after = 2
    ops = courier.ops(GitMode.FORK)
    commit = courier.desk.commit("a.txt", "a\n")
    outcome = await courier.delivery(commit, ops).deliver()
    fork = courier.github.repositories["robot/shop"]
    assert courier.desk.remote_tip(bare=fork.git_dir) == commit
    assert git(courier.desk.bare, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert courier.github.repositories[REPOSITORY].pulls[0]["head"]["label"] == f"robot:{BRANCH}"
    assert [each.operation for each in outcome.summary.operations] == ["create_fork", "push", "create_pr"]
    assert courier.slept == [5.0, 5.0]
    await courier.delivery(commit, ops).deliver()
    assert courier.github.asked("POST /repos/octo/shop/forks") == 1, "the fork that is there is used"


async def test_nobody_forks_what_is_his_own(courier: Courier) -> None:
    """upstream.md 6.2 (fork): it says to use pr."""
    courier.github.login = "octo"
    outcome = await courier.delivery(courier.desk.commit("a.txt", "a\n"), courier.ops(GitMode.FORK)).deliver()
    assert "--deliver pr" in str(outcome.fatal) and courier.github.asked("POST") == 0


async def test_a_comment_is_made_once(courier: Courier) -> None:
    """upstream.md 6.3 (add_comment): a lost answer leaves one comment."""
    await courier.delivery(courier.desk.commit("a.txt", "a\n")).deliver()
    courier.github.faults = [Fault("drop_after", "POST /repos/octo/shop/issues/1/comments")]
    for _ in range(2):
        outcome = await courier.delivery("0" * 40).comment(REPOSITORY, 1, "ci-2", "Two checks failed.")
        assert outcome.summary.all_succeeded and outcome.summary.operations[0].operation == "add_comment"
    assert courier.github.repositories[REPOSITORY].comments[1] == ["Two checks failed.\n\n<!-- agentgate:ci-2 -->"]


async def test_a_branch_that_the_runs_repository_lost_is_pushed_from_the_operators(courier: Courier) -> None:
    """upstream.md 8.2 (push): a delivery by hand works after the workspace is gone."""
    commit = courier.desk.commit("a.txt", "a\n")
    git(courier.desk.source, "fetch", "-q", str(courier.desk.workspace.repository), f"{BRANCH}:{BRANCH}")
    courier.desk.workspace.repository.rename(courier.desk.workspace.root / "away.git")
    outcome = await courier.delivery(commit).deliver()
    assert outcome.summary.all_succeeded and courier.desk.remote_tip() == commit
    git(courier.desk.source, "branch", "-D", BRANCH)
    git(courier.desk.source, "reflog", "expire", "--all", "--expire=now")
    git(courier.desk.source, "gc", "-q", "--prune=now")
    outcome = await courier.delivery(commit).deliver()
    assert "requeue" in str(outcome.fatal)


async def test_what_is_published_is_masked(courier: Courier) -> None:
    """upstream.md L19: title and text go through the masker of the engine."""
    delivery = courier.delivery(courier.desk.commit("a.txt", "a\n"), courier.ops(title="Use hunter22", body="hunter22"))
    delivery.mask = lambda text: text.replace("hunter22", "[masked]")
    await delivery.deliver()
    pull = courier.github.repositories[REPOSITORY].pulls[0]
    assert pull["title"] == "Use [masked]" and "hunter22" not in pull["body"]


async def test_a_wrong_token_is_not_in_the_error(courier: Courier) -> None:
    """upstream.md L19: a server that echoes the token does not get it into a record."""
    courier.github.faults = [Fault("status", "GET /repos", times=9, status=403, message=f"bad token {SECRET}")]
    outcome = await courier.delivery(courier.desk.commit("a.txt", "a\n")).deliver()
    assert isinstance(outcome.fatal, GitHubError)
    assert SECRET not in str(outcome.fatal) and "[masked:GITHUB_TOKEN]" in str(outcome.fatal)
    assert SECRET not in repr(courier.delivery("0" * 40, token=Token(SECRET, "a test")))
