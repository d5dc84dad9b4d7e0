"""Acceptance 4: a push and a pull request by the installed command, against a bare repository and GitHub's stub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from agentgate_engine.models.delivery import DeliveryRecord
from agentgate_engine.models.events import CiPolled, Payload, RetryScheduled, RunWarned, parse_payload
from agentgate_engine.models.ids import RunId
from agentgate_engine.models.verification import PersistedVerificationReport

from ..tools.github_description import Description
from ..tools.github_stub import Fault
from .github_hub import AGENT, Hub, Json, Judge, check, description, make_site, profile, slow
from .site import Site, git
from .terminal import Tmux

__all__ = ["description"]


@dataclass
class Day:
    """Many orders, worked by one engine."""

    site: Site
    hub: Hub
    runs: dict[str, RunId] = field(default_factory=dict[str, RunId])

    def order(self, name: str, *options: str) -> None:
        self.runs[name] = self.site.submit(*self.hub.order(name, *options), prompt=f"order {name}")

    def delivery(self, name: str) -> DeliveryRecord:
        file = self.site.layout(self.runs[name]).delivery
        return DeliveryRecord.from_json(file.read_bytes(), file.name)

    def told(self, name: str, kind: type[Payload]) -> list[Payload]:
        told = [parse_payload(event) for event in self.site.events(self.runs[name])]
        return [payload for payload in told if isinstance(payload, kind)]

    def report(self, name: str, iteration: int) -> PersistedVerificationReport:
        file = self.site.layout(self.runs[name]).verification(iteration)
        return PersistedVerificationReport.from_json(file.read_bytes(), file.name)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, description: Description | None) -> Iterator[Day]:
    """Every order that needs no kill and no cancel."""
    site = make_site(tmp_path_factory.mktemp("github") / "site")
    hub = Hub(site, description)
    try:
        with hub.running():
            day = Day(site, hub)
            order_them(day)
            site.work("--slots", "6")
            yield day
    finally:
        site.close()


def order_them(day: Day) -> None:
    site, hub = day.site, day.hub
    hub.faults = [
        Fault("drop_after", "POST /repos/octo/lost/pulls"),
        Fault("status", "POST /repos/octo/limit/pulls", status=429, retry_after="4"),
        Fault("status", "POST /repos/octo/gone/pulls", times=99, status=404),
        Fault("status", "POST /repos/octo/best/pulls", times=99, status=403),
        Fault("status", "GET /repos/octo/hour/pulls", times=99, status=429, retry_after="9000"),
        Fault("status", "GET /repos/octo/single/pulls", times=99, status=502),
    ]
    quick = profile(site, "quick", ciPollSeconds=0.2)
    brief = profile(site, "brief", ciPollSeconds=0.2, ciTimeoutSeconds=1)
    once = profile(site, "once", ciPollSeconds=0.2, maxCiIterations=1)
    hub.checks = {"mend": mended(hub), "never": mended(hub, "nowhere"), "slow": slow, "late": slow}
    day.runs["push"] = site.submit(AGENT, "--deliver", "push", prompt="order push")
    there = f"file://{hub.bare}"
    day.runs["elsewhere"] = site.submit(AGENT, "--git-url", there, "--deliver", "push", prompt="order elsewhere")
    day.order("forked", "--deliver", "fork")
    day.order("off", "--github-mode", "disabled")
    day.order("lost", "--label", "agentgate", "--reviewer", "olga")
    day.order("limit")
    day.order("gone")
    day.order("best", "--github-mode", "best_effort")
    day.order("hour")
    day.order("single", "--retry", "none")
    day.order("mend", "--wait-for-ci", *quick)
    day.order("never", "--wait-for-ci", *once)
    day.order("slow", "--wait-for-ci", *brief)
    day.order("late", "--wait-for-ci", "--github-mode", "best_effort", *brief)
    day.order("none", "--wait-for-ci", *brief)


def mended(hub: Hub, wanted: str = "mended") -> Judge:
    """A check that fails until the file is there, and points at a line."""

    def judge(commit: str) -> list[Json]:
        good = hub.has(commit, wanted)
        output = {"title": "1 test failed", "summary": f"error: the file {wanted} is missing", "text": None}
        return [check("build", "success" if good else "failure", output=output), check("lint", "success", id=2)]

    return judge


def test_a_push_brings_exactly_the_verified_commit(day: Day) -> None:
    """upstream.md 8.2, 6.3, 6.5: one branch, the commit that was judged, and nothing asked of GitHub's interface."""
    run = day.runs["push"]
    day.site.assert_ended_well(run)
    summary, record = day.site.run(run), day.delivery("push")
    assert day.hub.tip(f"agentgate/{run}") == summary.snapshot_after_sha == record.commit
    assert record.github is not None
    assert [(each.operation, each.success, each.retried) for each in record.github.operations] == [("push", True, 0)]
    assert (record.state, record.remote_url, record.github.mode) == ("delivered", str(day.hub.bare), "best_effort")
    shown = day.site.agentgate("show", run).out
    assert f"pushed to {day.hub.bare}" in shown


def test_work_on_a_repository_elsewhere_is_pushed_to_where_it_came_from(day: Day) -> None:
    """upstream.md 8.2: no checkout of the operator's is needed for it."""
    run = day.runs["elsewhere"]
    day.site.assert_ended_well(run)
    assert day.hub.tip(f"agentgate/{run}") == day.site.run(run).snapshot_after_sha
    assert day.delivery("elsewhere").remote_url == f"file://{day.hub.bare}"


def test_a_fork_is_made_and_the_pull_request_opened_from_it(day: Day) -> None:
    """upstream.md 6.2, 6.3 (fork): the branch goes into the fork alone."""
    run = day.runs["forked"]
    day.site.assert_ended_well(run)
    (pull,) = day.hub.pulls("forked")
    assert pull["head"]["label"] == f"robot:agentgate/{run}"
    fork = day.hub.repositories["robot/forked"].git_dir
    assert git(fork, "rev-parse", f"agentgate/{run}") == day.site.run(run).snapshot_after_sha
    assert git(day.hub.bare, "for-each-ref", f"refs/heads/agentgate/{run}") == ""


def test_disabled_calls_nothing(day: Day) -> None:
    """upstream.md 6.3: recorded as skipped and successful; no branch, no request."""
    run = day.runs["off"]
    day.site.assert_ended_well(run)
    record = day.delivery("off")
    assert record.github is not None
    assert [(each.skipped, each.success) for each in record.github.operations] == [(True, True)] * 2
    assert day.hub.asked("GET /repos/octo/off") == day.hub.asked("POST /repos/octo/off") == 0
    assert git(day.hub.bare, "for-each-ref", f"refs/heads/agentgate/{run}") == ""
    assert git(day.site.repository, "rev-parse", f"agentgate/{run}") == record.commit


def test_a_lost_answer_after_the_creation_gives_one_pull_request(day: Day) -> None:
    """upstream.md 6.4, 6.5, 8.4: tried again, found, completed with label and reviewer; pr:created follows the push."""
    run = day.runs["lost"]
    day.site.assert_ended_well(run)
    (pull,) = day.hub.pulls("lost")
    record = day.delivery("lost")
    assert day.hub.asked("POST /repos/octo/lost/pulls") == 2, "the creation, and the reviewer"
    assert pull["head"]["sha"] == record.commit == day.hub.tip(f"agentgate/{run}")
    assert (pull["title"], pull["draft"], pull["base"]["ref"]) == ("order lost", True, "main")
    assert record.github is not None
    told = {each.operation: (each.success, each.retried) for each in record.github.operations}
    assert told == {"push": (True, 0), "create_pr": (True, 1), "update_pr": (True, 0)}
    assert day.hub.repositories["octo/lost"].labels == {1: ["agentgate"]}
    assert day.hub.repositories["octo/lost"].reviewers == {1: ["olga"]}
    kinds = [event.type.value for event in day.site.events(run)]
    order = ["delivery:started", "branch:pushed", "retry:scheduled", "retry:started", "pr:created", "delivery:complete"]
    assert sorted(order, key=kinds.index) == order and kinds.count("branch:pushed") == 2
    assert day.site.run(run).pr_url == pull["html_url"]
    shown = day.site.agentgate("show", run).out
    assert pull["html_url"] in shown and "1 retry" in shown


def test_a_429_is_waited_for_as_long_as_github_asks(day: Day) -> None:
    """upstream.md 6.7: Retry-After is the least wait, told before it begins."""
    day.site.assert_ended_well(day.runs["limit"])
    (scheduled,) = day.told("limit", RetryScheduled)
    assert isinstance(scheduled, RetryScheduled)
    assert (scheduled.operation, scheduled.error_type, scheduled.delay_ms) == ("create_pr", "github_error", 4000)
    assert len(day.hub.pulls("limit")) == 1


def test_nothing_is_tried_again_where_nobody_may_wait_for_it(day: Day) -> None:
    """upstream.md 5.3, 6.4: GitHub asks for longer than the run has; and the order retries nothing at all."""
    for name, words in (("hour", "asks to wait 9000 s"), ("single", "GitHub is at fault")):
        day.site.assert_ended_well(day.runs[name], "failed_github")
        assert day.hub.asked(f"GET /repos/octo/{name}/pulls") == 1 and not day.told(name, RetryScheduled)
        assert words in day.site.agentgate("why", day.runs[name]).out


def test_fail_fast_ends_failed_and_a_later_delivery_opens_it(day: Day) -> None:
    """upstream.md 6.6, 6.7, L17: a 404 is tried once; `why` says what to do; doing that works, also twice."""
    site, run = day.site, day.runs["gone"]
    site.assert_ended_well(run, "failed_github")
    error = site.run(run).build_error
    assert error is not None and error.type == "github_error" and error.context["status"] == 404
    assert day.hub.asked("POST /repos/octo/gone/pulls") == 1 and not day.told("gone", RetryScheduled)
    why = site.agentgate("why", run).out
    assert "github_error" in why and "it needs" in why and f"agentgate deliver {run}" in why
    assert "GitHub refused" in why.splitlines()[1]
    assert day.delivery("gone").state == "failed"
    assert git(site.repository, "rev-parse", f"agentgate/{run}") == site.run(run).snapshot_after_sha
    assert site.agentgate("deliver", run).code == 1, "the fault is still there"
    for fault in day.hub.faults:
        fault.times = 0 if "gone" in fault.match else fault.times
    for _ in range(2):
        done = site.agentgate("deliver", run, "--json")
        assert done.code == 0, done.err
        assert done.document["github"]["prUrl"] == day.hub.pulls("gone")[0]["html_url"]
    assert len(day.hub.pulls("gone")) == 1
    site.assert_ended_well(run, "failed_github")
    assert day.hub.pulls("gone")[0]["html_url"] in site.agentgate("show", run).out


def test_a_local_result_is_pushed_later_and_an_unverified_one_never(day: Day) -> None:
    """upstream.md 8.2: `deliver` publishes what passed, as asked for now."""
    site, run = day.site, day.runs["off"]
    done = site.agentgate("deliver", run, "--deliver", "push")
    assert done.code == 0 and day.hub.tip(f"agentgate/{run}") == day.delivery("off").commit
    refused = site.agentgate("deliver", day.runs["never"])
    assert refused.code == 2 and "only a verified result" in refused.err


def test_best_effort_passes_with_a_warning_that_everything_shows(day: Day) -> None:
    """upstream.md 6.5, L17: anyFailed and no prUrl on record; `show`, `status`, the JSON and `why` tell it."""
    site, run = day.site, day.runs["best"]
    site.assert_ended_well(run)
    record, (warning,) = day.delivery("best"), day.told("best", RunWarned)
    assert isinstance(warning, RunWarned) and warning.warning == "github" and "pull request" in warning.message
    assert record.github is not None and record.state == "delivered"
    assert record.github.any_failed and not record.github.all_succeeded and record.github.pr_url is None
    assert record.next_step == f"agentgate deliver {run}"
    assert day.hub.tip(f"agentgate/{run}") == record.commit, "the push stays"
    shown = site.agentgate("show", run)
    assert "warning: it 1: cannot open a pull request" in shown.out
    told = site.agentgate("show", run, "--json").document["run"]["warnings"]
    assert [(each["type"], each["iteration"], bool(each["timestamp"])) for each in told] == [("github", 1, True)]
    (line,) = [line for line in site.agentgate("status").out.splitlines() if run in line]
    assert "(1 warning)" in line
    rows = site.agentgate("status", "--json").document["runs"]
    assert {row["warnings"] for row in rows if row["run_id"] == run} == {1}


def test_the_console_shows_the_warning(day: Day, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Acceptance 4: in the list and, readable, on the order screen."""
    tmux = Tmux(tmp_path_factory.mktemp("tmux") / "tmux", 100, 30)
    try:
        tmux.start("agentgate", day.site.environment)
        tmux.wait("order best.*1 warning")
        tmux.keys("/")
        tmux.keys(*"title:best", "Enter", "Enter")
        tmux.wait("1 to read, i")
        tmux.keys("i", "End")
        tmux.wait("cannot open a pull request")
    finally:
        tmux.close()


def test_failed_checks_become_feedback_and_the_next_iteration_passes_on_the_same_pull_request(day: Day) -> None:
    """upstream.md 2.6: CI-fail then retry runs a 2nd iteration; the checks stand in the report, `verify` and `show`."""
    site, run = day.site, day.runs["mend"]
    site.assert_ended_well(run)
    assert site.run(run).iteration == 2
    (pull,) = day.hub.pulls("mend")
    tips = [event.data["snapshot"]["afterSha"] for event in site.events(run) if event.type == "snapshot:created"]  # pyright: ignore
    assert day.hub.tip(f"agentgate/{run}") == tips[1] and pull["head"]["sha"] == tips[0]
    assert "2 iterations" in pull["body"]
    first, second = day.report("mend", 1), day.report("mend", 2)
    assert [(check.id, check.status.value) for check in first.l1_result.checks] == [
        ("L1/done", "passed"),
        ("L1/ci:build", "failed"),
        ("L1/ci:lint", "passed"),
    ]
    assert not first.passed and second.passed and first.harness_config.wait_for_ci
    assert [check.status for check in second.l1_result.checks] == ["passed"] * 3
    fed = site.layout(run).feedback(1).read_text()
    assert "L1/ci:build" in fed and "the file mended is missing" in fed
    assert git(day.hub.bare, "show", f"{tips[1]}:mended").startswith("# Verification failed")
    verified = site.agentgate("verify", f"{run}/1")
    assert verified.code == 1 and "ci:build" in verified.out and "x ci:build" in verified.out
    states = [payload.state for payload in day.told("mend", CiPolled) if isinstance(payload, CiPolled)]
    assert "failed" in states and states[-1] == "passed"
    record = day.delivery("mend")
    assert record.ci is not None and (record.ci.state, record.ci.passed, record.ci.commit) == ("passed", 2, tips[1])
    assert "every check of continuous integration passed" in site.agentgate("show", run).out


def test_failed_checks_cause_only_so_many_iterations(day: Day) -> None:
    """upstream.md 2.6, 2.8 (3 CI iterations): at the limit the run fails for its checks and says so."""
    site, run = day.site, day.runs["never"]
    site.assert_ended_well(run, "failed_verification")
    summary = site.run(run)
    assert summary.iteration == 1 and summary.build_error is not None and summary.build_error.type == "ci_failed"
    why = site.agentgate("why", run).out
    assert "ci:build" in why and "the file nowhere is missing" in why and "the limit" in why


def test_checks_that_never_end_are_a_timeout_or_a_warning(day: Day) -> None:
    """upstream.md 2.6 (ci_timeout): failed_timeout under fail_fast, passed with a warning under best_effort."""
    site = day.site
    site.assert_ended_well(day.runs["slow"], "failed_timeout")
    why = site.agentgate("why", day.runs["slow"]).out
    assert "not done after 1 s" in why and "ciTimeoutSeconds" in why and day.hub.pulls("slow")[0]["html_url"] in why
    site.assert_ended_well(day.runs["late"])
    (warning,) = day.told("late", RunWarned)
    assert isinstance(warning, RunWarned) and warning.warning == "ci" and "still open: build" in warning.message


def test_no_checks_at_all_pass_with_a_warning(day: Day) -> None:
    """upstream.md 6 (waitForCI): nobody is told that continuous integration passed where there is none."""
    day.site.assert_ended_well(day.runs["none"])
    (warning,) = day.told("none", RunWarned)
    assert isinstance(warning, RunWarned) and "no check of continuous integration was found" in warning.message
    record = day.delivery("none")
    assert record.ci is not None and record.ci.state == "none_found"
