"""What a run published before, and what its record keeps of a delivery."""

from __future__ import annotations

import pytest

from agentgate_engine.delivery.delivery_request import DeliveryOutcome
from agentgate_engine.errors import GitHubError
from agentgate_engine.models.delivery import DeliveryRecord, GitHubOperation, GitHubSummary
from agentgate_engine.models.events import BranchPushed, DeliveryComplete, Event, Payload
from agentgate_engine.models.git_ops import GitHubMode
from agentgate_engine.phases.run_facts import published_before, with_outcome

RUN, BRANCH, NOW = "abcd2345.1", "agentgate/abcd2345.1", "2026-01-01T00:00:00.000Z"


def events(*payloads: Payload) -> list[Event]:
    return [
        Event(
            seq=n,
            t=NOW,
            type=payload.type,
            run_id=RUN,
            work_order_id="abcd2345",
            fence=1,
            data=payload.model_dump(mode="json", by_alias=True),
        )
        for n, payload in enumerate(payloads)
    ]


def pushed(commit: str, target: str) -> BranchPushed:
    return BranchPushed(branch=BRANCH, commit=commit, target=target)


def ended(error: str | None = None, url: str | None = None) -> DeliveryComplete:
    return DeliveryComplete(file="delivery.json", branch=BRANCH, error=error, pr_url=url)


@pytest.mark.parametrize(
    ("payloads", "commit", "opened"),
    [
        ((), None, False),
        ((pushed("a", "/project"),), None, False),
        ((pushed("a", "/project"), pushed("a", "https://hub/x")), "a", False),
        ((pushed("a", "https://hub/x"), pushed("b", "/project"), ended(url="https://hub/1")), "a", True),
        ((pushed("a", "https://hub/x"), pushed("b", "https://hub/x"), ended()), "b", False),
        ((ended(error="no", url="https://hub/1"),), None, False),
    ],
)
def test_what_was_published_before(payloads: tuple[Payload, ...], commit: str | None, opened: bool) -> None:
    """upstream.md 6.3: a branch that was fetched was not pushed, and a pull request that failed was not opened."""
    found = published_before(events(*payloads), "/project")
    assert (found.pushed, found.opened) == (commit, opened)


def outcome(*operations: GitHubOperation, fatal: GitHubError | None = None, url: str | None = None) -> DeliveryOutcome:
    summary = GitHubSummary.of(GitHubMode.FAIL_FAST, BRANCH, list(operations), url)
    return DeliveryOutcome(summary, fatal, ("a secret warning",), "https://hub/x", "o/x", 1 if url else None)


def operation(success: bool, error: str | None = None) -> GitHubOperation:
    return GitHubOperation(operation="create_pr", success=success, error=error, mode=GitHubMode.FAIL_FAST)


@pytest.mark.parametrize(
    ("found", "state", "next_step"),
    [
        (outcome(operation(True), url="https://hub/1"), "delivered", "review https://hub/1"),
        (outcome(operation(True)), "delivered", None),
        (outcome(operation(False, "no")), "delivered", f"agentgate deliver {RUN}"),
        (outcome(operation(False, "no"), fatal=GitHubError("no")), "failed", f"agentgate deliver {RUN}"),
    ],
)
def test_the_record_says_what_to_do_next(found: DeliveryOutcome, state: str, next_step: str | None) -> None:
    """upstream.md 6.5: the summary is on the run, with where it was published."""
    intended = DeliveryRecord(
        run_id=RUN, mode="pr", state="intended", branch=BRANCH, commit="a", target="/project", updated_at=NOW
    )
    record = with_outcome(intended, found)
    assert (record.state, record.next_step, record.github) == (state, next_step, found.summary)
    assert (record.remote_url, record.repository) == ("https://hub/x", "o/x")
    assert record.error == (str(found.fatal) if found.fatal else None)


def test_everything_of_an_outcome_that_people_wrote_is_masked() -> None:
    """upstream.md L19: errors of operations, warnings, and the fatal one, whose status stays."""
    fatal = GitHubError("a secret", status=403, retryable=True, retry_after_s=2.0)
    found = outcome(operation(False, "a secret"), fatal=fatal).masked(lambda text: text.replace("secret", "*"))
    assert "secret" not in f"{found.summary}{found.fatal}{found.warnings}"
    assert found.fatal is not None
    assert (found.fatal.status, found.fatal.retryable, found.fatal.retry_after_s) == (403, True, 2.0)
