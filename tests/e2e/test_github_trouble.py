"""Acceptance 4, when things go wrong around it: engines that are killed, operators who cancel, and secrets."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from agentgate_engine.clock import from_stamp
from agentgate_engine.models.delivery import DeliveryRecord
from agentgate_engine.models.events import RetryScheduled, parse_payload

from ..tools.github_description import Description
from ..tools.github_stub import Fault
from .github_hub import AGENT, TOKEN, Hub, check, description, make_site, profile, slow
from .site import Site, git, until

__all__ = ["description"]


@pytest.fixture
def hub(site_with_remote: Site, description: Description | None) -> Iterator[Hub]:
    """A machine of the test's own."""
    hub = Hub(site_with_remote, description)
    with hub.running():
        yield hub


@pytest.fixture
def site_with_remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = make_site(tmp_path_factory.mktemp("github") / "site")
    yield site
    site.close()


def test_engines_killed_on_the_way_leave_one_branch_and_one_pull_request(hub: Hub) -> None:
    """Issue 3, 5: killed between push and pull request, after the creation, in a backoff, and while polling."""
    site = hub.site
    quick = profile(site, "quick", ciPollSeconds=0.2)
    run = site.submit(*hub.order("shop", "--wait-for-ci", *quick))
    hub.faults = [Fault("status", "GET /repos/octo/shop/pulls", status=429, retry_after="3")]
    hub.checks["shop"] = slow
    looks = "GET /repos/octo/shop/pulls"

    def die(when: str, place: dict[str, Callable[[], object]]) -> None:
        engine = site.engine()
        place[when] = engine.kill
        assert engine.wait(60) == -9, site.log()

    die("GET /repos/octo/shop", hub.before)
    engine = site.engine()
    until(lambda: site.seen(run, "retry:scheduled"), "the backoff")
    engine.kill()
    engine.wait()
    assert hub.asked(looks) == 1
    die("POST /repos/octo/shop/pulls", hub.after)
    assert len(hub.pulls("shop")) == 1 and not site.seen(run, "pr:created")
    engine = site.engine()
    until(lambda: site.run(run).state == "ci_polling", "the wait for the checks")
    looked = hub.asked("GET /repos/octo/shop/commits")
    until(lambda: hub.asked("GET /repos/octo/shop/commits") > looked + 3, "another look or two")
    engine.kill()
    engine.wait()
    began = next(e.t for e in site.events(run) if e.type == "ci:polled")
    hub.checks["shop"] = lambda _: [check("build", "success")]
    site.work()
    site.assert_ended_well(run)
    events = site.events(run)
    kinds = [event.type.value for event in events]
    assert kinds.count("retry:scheduled") == kinds.count("retry:started") == kinds.count("pr:created") == 1
    scheduled = next(p for p in map(parse_payload, events) if isinstance(p, RetryScheduled))
    begun = next(event for event in events if event.type == "retry:started")
    assert scheduled.delay_ms == 3000 and from_stamp(begun.t) >= from_stamp(scheduled.until)
    assert len(hub.pulls("shop")) == 1 and hub.asked("POST /repos/octo/shop/pulls") == 1
    assert git(hub.bare, "for-each-ref", "--format=%(refname)", "refs/heads/agentgate") == f"refs/heads/agentgate/{run}"
    record = DeliveryRecord.from_json(site.layout(run).delivery.read_bytes(), "delivery.json")
    assert record.ci is not None and (record.ci.state, record.ci.started_at) == ("passed", began)
    assert record.github is not None and record.github.operations[1].operation == "create_pr"


def test_a_cancel_ends_a_backoff_a_hanging_request_a_hanging_push_and_a_wait_for_checks_at_once(hub: Hub) -> None:
    """upstream.md 5.9, L2: none of the four waits is waited for."""
    site, deaf = hub.site, socket.create_server(("127.0.0.1", 0))
    nowhere = f"http://127.0.0.1:{deaf.getsockname()[1]}/octo/shop.git"
    hub.faults = [
        Fault("status", "GET /repos/octo/backoff/pulls", times=9, status=429, retry_after="60"),
        Fault("slow", "GET /repos/octo/hang/pulls", seconds=25),
    ]
    hub.checks["checks"] = slow
    runs = {
        "backoff": site.submit(*hub.order("backoff")),
        "hang": site.submit(*hub.order("hang")),
        "checks": site.submit(*hub.order("checks", "--wait-for-ci")),
        "push": site.submit(AGENT, "--deliver", "push", "--remote", nowhere),
    }
    engine = site.engine("--slots", "4")
    deaf.settimeout(30)
    connection, _ = deaf.accept()
    until(lambda: site.seen(runs["backoff"], "retry:scheduled"), "the backoff")
    until(lambda: hub.asked("GET /repos/octo/hang/pulls"), "the request that hangs")
    until(lambda: site.run(runs["checks"]).state == "ci_polling", "the wait for the checks")
    assert "retry in" in site.agentgate("status").out
    for run in runs.values():
        assert site.agentgate("cancel", run).code == 0, "its engine ended it while the command waited"
    site.ended(engine)
    for run in runs.values():
        site.assert_ended_well(run, "canceled")
    connection.close()
    deaf.close()
    assert not site.seen(runs["backoff"], "retry:started") and hub.pulls("hang") == []


def test_the_token_is_nowhere(hub: Hub) -> None:
    """upstream.md L19: not in the store, not in an argument of any process, not in what any command says, though
    `gh` keeps it outside of our environment, the agent prints its own, and GitHub echoes it."""
    site = hub.site
    del site.environment["AGENTGATE_GITHUB_TOKEN"]
    tools = site.root / "tools"
    tools.mkdir()
    (tools / "gh").write_text(f"#!/bin/sh\ntest \"$*\" = 'auth token --hostname 127.0.0.1' && echo {TOKEN}\n")
    (tools / "gh").chmod(0o755)
    site.environment["PATH"] = f"{tools}:{site.environment['PATH']}"
    git(site.repository, "remote", "set-url", "origin", f"{hub.git_http.base}/octo/shop.git")
    echo = f"bad token {TOKEN}"
    hub.add("octo/shop", hub.bare)
    hub.faults = [
        Fault("status", "GET /repos/octo/shop/pulls", status=502, message=echo),
        Fault("status", "POST /repos/octo/shop/pulls", status=403, message=echo),
        Fault("status", "POST /repos/octo/fast/pulls", status=403, message=echo),
    ]
    hub.checks["judged"] = lambda _: [check("build", "failure", output={"title": echo, "summary": echo, "text": None})]
    once = profile(site, "once", ciPollSeconds=0.2, maxCiIterations=1)
    agent = "env; touch done"
    mode = ("--deliver", "pr", "--github-mode", "best_effort", "--github-api", hub.api_url)
    best = site.submit(agent, *mode)
    fast = site.submit(*hub.order("fast", command=agent))
    judged = site.submit(*hub.order("judged", "--wait-for-ci", *once, command=agent))
    site.work("--slots", "3")
    site.assert_ended_well(best)
    site.assert_ended_well(fast, "failed_github")
    site.assert_ended_well(judged, "failed_verification")
    assert hub.git_http.offered == [f"x-access-token:{TOKEN}"] * len(hub.git_http.offered) != []
    assert any("git" in line and "push" in line for line in hub.git_http.seen)
    assert not [line for line in hub.git_http.seen if TOKEN in line]
    said = [site.log()]
    for run in (best, fast, judged):
        for command in ("show", "why", "verify", "log"):
            said += [(done := site.agentgate(command, run)).out + done.err]
        said.append(site.agentgate("show", run, "--json").out)
    assert all(TOKEN not in text for text in said)
    assert any("[masked:GITHUB_TOKEN]" in text for text in said), "it was echoed, and masked"
    files = [path for path in (*site.home.rglob("*"), *(site.repository / ".git").rglob("*")) if path.is_file()]
    assert len(files) > 50
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []


def test_a_token_that_cannot_be_one_is_githubs_error_and_no_crash(hub: Hub) -> None:
    """upstream.md 6.5, 6.6: told by its variable's name, never by its value; nothing is published."""
    site = hub.site
    site.environment["AGENTGATE_GITHUB_TOKEN"] = "two words"
    fast, best = (site.submit(*hub.order("shop", "--github-mode", mode)) for mode in ("fail_fast", "best_effort"))
    site.work()
    site.assert_ended_well(fast, "failed_github")
    site.assert_ended_well(best)
    error, (warning,) = site.run(fast).build_error, site.run(best).warnings
    assert error is not None and error.type == "github_error"
    for text in (error.message, warning.message):
        assert "AGENTGATE_GITHUB_TOKEN has spaces" in text and "two words" not in text
    assert hub.requests == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--wait-for-ci",), "--wait-for-ci needs a pull request"),
        (("--deliver", "pr", "--github-repo", "shop"), "--github-repo"),
        (("--deliver", "pr", "--github-api", "http://github.example.org"), "--github-api"),
        (("--deliver", "push", "--remote", "https://olga:secret@example.org/x"), "--remote"),
    ],
)
def test_what_could_only_fail_later_is_refused_at_submit(small: Site, options: tuple[str, ...], named: str) -> None:
    """upstream.md L3, L17: nothing is queued, and the option is named."""
    done = small.agentgate("submit", "-p", "x", "-a", "command", "--command", "true", *options)
    assert done.code == 2 and named in done.err and "secret" not in done.err
    assert not list(small.home.glob("work-orders/*"))
