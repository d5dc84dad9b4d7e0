"""Waiting for continuous integration, on a clock that the waiting itself moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from agentgate_engine.clock import Clock
from agentgate_engine.delivery.ci_verdict import CiVerdict
from agentgate_engine.delivery.wait_for_ci import ci_summary, wait_for_ci
from agentgate_engine.errors import GitHubError
from agentgate_engine.models.events import CiPolled
from agentgate_engine.models.git_ops import GitHubMode, GitMode, GitOps

from ..tools.github_stub import Fault, GitHubStub
from .conftest import REPOSITORY, TOKEN

SHA = "5" * 40
BEGAN = 1_700_000_000.0

Script = Callable[["Watch"], None]


@dataclass
class Watch:
    """Moves time on with each sleep, and lets a test change the world then."""

    github: GitHubStub
    time: float = BEGAN
    slept: list[float] = field(default_factory=list)
    told: list[CiPolled] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        if self.scripts:
            self.scripts.pop(0)(self)

    async def hear(self, payload: CiPolled) -> None:
        self.told.append(payload)

    async def wait(self, **more: Any) -> CiVerdict:
        watch = self

        class Moved(Clock):
            def now(self) -> float:
                return watch.time

        ops = GitOps(
            mode=GitMode.PR,
            github_mode=GitHubMode.FAIL_FAST,
            api_url=self.github.api_url,
            wait_for_ci=True,
            **({"ci_poll_seconds": 30, "ci_timeout_seconds": 300} | more),
        )
        since = BEGAN
        return await wait_for_ci(
            ops, TOKEN, REPOSITORY, SHA, since=since, told=self.hear, sleep=self.sleep, clock=Moved()
        )


@pytest.fixture
def watch(github: GitHubStub) -> Watch:
    return Watch(github)


def check(name: str, conclusion: str | None, number: int = 1, **more: Any) -> dict[str, Any]:
    state = "completed" if conclusion else "in_progress"
    return {"id": number, "name": name, "status": state, "conclusion": conclusion, **more}


def world(*checks: dict[str, Any], statuses: tuple[dict[str, Any], ...] = ()) -> Script:
    def change(watch: Watch) -> None:
        watch.github.check_runs = list(checks)
        watch.github.statuses = list(statuses)

    return change


async def test_it_waits_until_all_passed_and_looks_once_more(watch: Watch) -> None:
    """upstream.md 6 (waitForCI): a service that reports late is not missed."""
    world(check("a", None))(watch)
    late = {"context": "slow-service", "state": "success"}
    watch.scripts = [world(check("a", "success")), world(check("a", "success"), statuses=(late,))]
    verdict = await watch.wait()
    assert verdict.state == "passed" and verdict.count("passed") == 2
    assert [each.state for each in watch.told] == ["pending", "passed", "passed"]
    assert watch.told[-1].passed == 2 and watch.slept == [30.0, 30.0, 30.0]
    record = ci_summary(verdict, since=BEGAN, now=watch.time)
    assert (record.state, record.commit, record.passed, record.failed) == ("passed", SHA, 2, 0)


async def test_a_failure_comes_with_its_places(watch: Watch) -> None:
    """upstream.md 6 (waitForCI): annotations of what failed, of nothing else."""
    world(check("a", "failure", 7), check("b", "success", 8))(watch)
    watch.github.annotations = {
        7: [{"path": "a.py", "start_line": 3, "annotation_level": "failure", "message": "boom"}]
    }
    verdict = await watch.wait()
    assert verdict.state == "failed" and watch.slept == []
    assert [(each.path, each.line, each.message) for each in verdict.failures[0].marks] == [("a.py", 3, "boom")]
    assert watch.github.asked("GET /repos/octo/shop/check-runs/") == 1


async def test_annotations_that_cannot_be_read_do_not_hide_the_failure(watch: Watch) -> None:
    """upstream.md 6 (waitForCI): it is said with the failure."""
    world(check("a", "failure", 7))(watch)
    watch.github.faults = [Fault("status", "annotations", status=404)]
    verdict = await watch.wait()
    assert verdict.state == "failed" and "annotations could not be read" in verdict.failures[0].output


async def test_no_check_within_the_grace_is_none_found(watch: Watch) -> None:
    """upstream.md 6 (waitForCI): said clearly, after a minute and not after the whole time."""
    verdict = await watch.wait()
    assert verdict.state == "none_found" and sum(watch.slept) == 60.0
    assert [each.state for each in watch.told] == ["none_found"]


async def test_the_time_ends(watch: Watch) -> None:
    """upstream.md 6 (waitForCI): a timeout, never longer than asked for."""
    world(check("a", None))(watch)
    verdict = await watch.wait(ci_timeout_seconds=70)
    assert verdict.state == "timeout" and sum(watch.slept) == 70.0 and "still open: a" in verdict.text


async def test_an_engine_that_takes_over_waits_only_the_rest(watch: Watch) -> None:
    """upstream.md 6 (waitForCI): time counts from when waiting began."""
    world(check("a", None))(watch)
    watch.time = BEGAN + 280
    assert (await watch.wait()).state == "timeout" and sum(watch.slept) == 20.0


async def test_limits_and_faults_are_waited_out(watch: Watch) -> None:
    """upstream.md 6.7: Retry-After counts while polling, and 5xx is no verdict."""
    world(check("a", "success"))(watch)
    watch.github.faults = [
        Fault("status", "check-runs", status=429, retry_after="95"),
        Fault("status", "/status", status=502),
    ]
    assert (await watch.wait()).state == "passed"
    assert watch.slept == [95.0, 30.0, 30.0]


async def test_what_may_not_be_seen_is_an_error_at_once(watch: Watch) -> None:
    """upstream.md 6.7: a 403 names the permission and is not repeated."""
    watch.github.faults = [Fault("status", "check-runs", times=9, status=403)]
    with pytest.raises(GitHubError, match="Checks"):
        await watch.wait()
    assert watch.slept == []


async def test_actions_that_are_turned_off_do_not_matter(watch: Watch) -> None:
    """upstream.md 6 (waitForCI): other services may still report."""
    watch.github.faults = [Fault("status", "actions/runs", times=99, status=404)]
    world(check("a", "success"))(watch)
    assert (await watch.wait()).state == "passed"


async def test_a_github_that_never_answers_is_an_error(watch: Watch) -> None:
    """upstream.md 6.4: once the time is over."""
    watch.github.faults = [Fault("status", "check-runs", times=99, status=503)]
    with pytest.raises(GitHubError, match="no word on the checks within 300 s"):
        await watch.wait()
    assert sum(watch.slept) == 300.0
