"""Every command: one JSON document with --json, ids by prefix, exit codes, and an answer to why for each end."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from agentgate_engine.models.ids import RunId
from agentgate_engine.models.work_order import Limits, WorkOrder

from .site import Site, agentgate_command, git, until

FAILING = "echo working; echo trouble >&2; touch wrong"


@pytest.fixture
def failed(small: Site) -> tuple[Site, RunId]:
    run_id = small.submit(FAILING, "--max-iterations", "1")
    small.work()
    return small, run_id


def test_json_of_every_command_is_one_document(failed: tuple[Site, RunId]) -> None:
    site, run_id = failed
    commands: dict[tuple[str, ...], int] = {
        ("status",): 0,
        ("show", run_id): 0,
        ("why", run_id): 0,
        ("log", run_id): 0,
        ("log", "--failed", run_id): 0,
        ("verify", run_id): 1,
        ("diff", run_id): 0,
        ("cancel", run_id): 0,
        ("submit", "-p", "x", "-a", "command", "--command", "touch done"): 0,
        ("serve", "--until-idle"): 0,
        ("run", "-p", "x", "-a", "command", "--command", "echo noise; touch done"): 0,
        ("run", "-p", "x", "-a", "command", "--command", "exit 3"): 1,
    }
    for arguments, code in commands.items():
        done = site.agentgate(*arguments, "--json")
        assert done.code == code, done
        assert done.document is not None
        assert "Traceback" not in done.err
    assert site.agentgate("doctor", "--json").document is not None


def test_options_that_leave_no_room_for_json_are_refused(failed: tuple[Site, RunId]) -> None:
    site, run_id = failed
    for options in (("--raw", "--json"), ("--raw", "--failed"), ("--follow", "--json")):
        done = site.agentgate("log", *options, run_id)
        assert (done.code, done.out) == (2, "")


def test_any_unique_prefix_names_a_run(failed: tuple[Site, RunId]) -> None:
    site, run_id = failed
    whole = site.agentgate("show", "--json", run_id).document["run"]["id"]
    for asked in (run_id[:1], run_id[:8], run_id.upper(), f"{run_id}/1", f"agentgate://{run_id[:5]}"):
        assert site.agentgate("show", "--json", asked).document["run"]["id"] == whole == run_id


def test_exit_codes_tell_what_became_of_a_run(small: Site) -> None:
    assert small.agentgate("run", "-p", "x", "-a", "command", "--command", "touch done").code == 0
    assert small.agentgate("run", "-p", "x", "-a", "command", "--command", "exit 1").code == 1
    assert small.agentgate("run", "-a", "command").code == 2
    (small.home / "VERSION").write_text("99")
    assert small.agentgate("status").code == 3


def test_a_log_can_be_followed_until_the_run_ends(small: Site) -> None:
    run_id = small.submit(
        'echo "now $AGENTGATE_ITERATION"; sleep 0.3; test -n "$AGENTGATE_FEEDBACK_FILE" && touch done; :'
    )
    follower = subprocess.Popen(
        [*agentgate_command(), "log", "--follow", run_id],
        env=small.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        small.work()
        out, err = follower.communicate(timeout=30)
    finally:
        follower.kill()
    assert follower.returncode == 0
    assert out == b"now 1\nnow 2\n"
    assert b"passed" in err


def test_two_runs_that_start_together_both_get_an_engine(small: Site) -> None:
    command = [*agentgate_command(), "run", "-p", "x", "-a", "command", "--command", "touch done"]
    runs = [
        subprocess.Popen(
            command,
            cwd=small.repository,
            env=small.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    try:
        for run in runs:
            out, err = run.communicate(timeout=60)
            assert run.returncode == 0, err.decode()
            assert b"passed" in out
    finally:
        for run in runs:
            run.kill()
    until(lambda: not list((small.home / "engines").glob("*.lock")), "the engines to end by themselves")


def test_diff_is_a_patch_that_git_applies(small: Site) -> None:
    run_id = small.submit("echo more >> README.md; touch done")
    small.work()
    patch = small.agentgate("diff", run_id)
    (small.root / "it.patch").write_text(patch.out)
    git(small.repository, "apply", "--check", str(small.root / "it.patch"))


def answer(site: Site, run_id: RunId) -> tuple[dict[str, Any], str]:
    """The build error, and the page for people, of a run that ended badly."""
    done = site.agentgate("why", run_id)
    assert done.code == 0, done.err
    error = site.agentgate("why", "--json", run_id).document["buildError"]
    assert error["message"]
    layout = site.layout(run_id)
    for log in error["logFiles"]:
        assert (layout.directory / log).is_file()
    for key in ("agentResultFile", "verificationFile"):
        assert error[key] is None or (layout.directory / error[key]).is_file()
    assert error["type"] in done.out
    assert json.loads(layout.summary.read_bytes())["buildError"]["type"] == error["type"]
    return error, done.out


def fail(site: Site, command: str, *options: str) -> RunId:
    run_id = site.submit(command, "--max-iterations", "1", *options)
    site.work()
    return run_id


def test_why_a_check_failed(failed: tuple[Site, RunId]) -> None:
    site, run_id = failed
    error, page = answer(site, run_id)
    assert error["type"] == "test_failed"
    assert "L1/done" in error["message"]
    assert error["exitCode"] == 1
    assert "the file done is missing" in error["stdout"]
    assert "the file done is missing" in page
    assert error["logFiles"] == ["processes/1-check-1-1/stdout.log", "processes/1-check-1-1/stderr.log"]
    site.assert_ended_well(run_id, "failed_verification")


def test_why_names_the_other_checks_that_failed(small: Site) -> None:
    tests = '{name: a, command: "exit 1"}, {name: b, command: "exit 127"}, {name: c, command: "kill -SEGV $$"}'
    small.commit({"verify.yaml": f"tests: [{tests}]\n"}, "three")
    run_id = small.submit("touch done", "--max-iterations", "1")
    small.work()
    assert f"ALSO     b exit 127, c SIGSEGV; agentgate verify {run_id} lists all" in small.agentgate("why", run_id).out


def test_a_pass_that_no_plan_judged_says_so(small: Site) -> None:
    git(small.repository, "rm", "-q", "verify.yaml")
    git(small.repository, "commit", "-qm", "no plan")
    done = small.agentgate("run", "-p", "x", "-a", "command", "--command", "touch done")
    assert done.code == 0
    assert "passed the default contracts only: no verify.yaml judged it; the branch" in done.out
    shown = small.agentgate("why", small.agentgate("status", "--json").document["runs"][0]["run_id"]).out
    assert "passed the default contracts only" in shown


def test_why_shows_the_end_of_a_long_log(small: Site) -> None:
    run_id = small.submit("seq 60000 >&2; echo 'Error: the real cause' >&2; exit 3", "--max-iterations", "1")
    small.work()
    told = small.agentgate("why", run_id).out
    assert "> 60001 Error: the real cause" in told
    assert "the agent did not succeed: crash" in told
    assert "counted as permanent: not tried again" in told
    assert "  command " in small.agentgate("show", run_id).out


def test_why_a_run_that_waits_names_no_iteration(small: Site) -> None:
    run_id = small.submit("touch done")
    assert small.agentgate("why", run_id).out.startswith(f"{run_id}  ")


def test_why_a_contract_failed(small: Site) -> None:
    small.commit({"verify.yaml": "contracts: {required_files: [CHANGES.md]}\n"}, "contract")
    run_id = fail(small, "touch done")
    error, page = answer(small, run_id)
    assert error["type"] == "contract_failed"
    assert "CHANGES.md" in page
    small.assert_ended_well(run_id, "failed_verification")


def test_why_an_agent_that_exits_with_an_error_failed(small: Site) -> None:
    run_id = fail(small, "echo said; echo last words >&2; exit 7")
    error, page = answer(small, run_id)
    assert (error["type"], error["exitCode"]) == ("agent_crash", 7)
    assert "last words" in error["stderr"]
    assert "last words" in page
    small.assert_ended_well(run_id, "failed_build")


def test_why_an_agent_that_was_killed_failed(small: Site) -> None:
    run_id = fail(small, "echo said; kill -SEGV $$; sleep 5")
    error, page = answer(small, run_id)
    assert error["type"] == "agent_crash"
    assert "SIGSEGV" in page
    small.assert_ended_well(run_id, "failed_build")


def test_why_an_agent_that_cannot_be_started_failed(small: Site) -> None:
    run_id = fail(small, "no-such-agent --now")
    error, page = answer(small, run_id)
    assert error["exitCode"] == 127
    assert "no-such-agent" in page
    small.assert_ended_well(run_id, "failed_build")


def test_why_an_agent_that_took_too_long_failed(small: Site) -> None:
    run_id = fail(small, "echo slow; exec sleep 600", "--iteration-time", "1", "--retry", "none")
    error, page = answer(small, run_id)
    assert error["type"] == "agent_timeout"
    assert "1 s" in error["message"]
    assert "slow" in error["stdout"]
    assert error["retryable"] is True
    assert "1-agent-1-1" in page
    small.assert_ended_well(run_id, "failed_timeout")


def test_why_a_run_that_used_up_its_time_failed(small: Site) -> None:
    run_id = fail(small, "echo slow; exec sleep 600", "--max-time", "2")
    error, _page = answer(small, run_id)
    assert error["type"] == "agent_timeout"
    assert "2 s" in error["message"], "the limit that was hit is the one that is named"
    assert "slow" in error["stdout"]
    assert error["retryable"] is False
    small.assert_ended_well(run_id, "failed_timeout")


def test_why_a_run_whose_time_ended_in_a_check_failed(small: Site) -> None:
    small.commit({"verify.yaml": "tests:\n  - {name: slow, command: exec sleep 600}\n"}, "slow")
    run_id = fail(small, "touch done", "--max-time", "2")
    error, page = answer(small, run_id)
    assert "2 s" in error["message"]
    assert "all that was left of the run's time" in page
    assert error["logFiles"] == ["processes/1-check-1-1/stdout.log", "processes/1-check-1-1/stderr.log"]
    small.assert_ended_well(run_id, "failed_timeout")


def test_why_a_canceled_run_ended(small: Site) -> None:
    run_id = small.submit("echo begun; exec sleep 600")
    engine = small.engine()
    until(lambda: small.seen(run_id, "agent:started"), "the agent to start")
    small.agentgate("cancel", run_id, "--reason", "wrong branch")
    small.ended(engine)
    done = small.agentgate("why", run_id)
    assert done.code == 0
    assert "wrong branch" in done.out
    small.assert_ended_well(run_id, "canceled")


def test_why_an_agent_that_printed_too_much_failed(small: Site) -> None:
    run_id = small.submit("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done", "--max-iterations", "1")
    path = small.home / "work-orders" / f"{run_id[:8]}.json"
    order = WorkOrder.from_json(path.read_bytes(), "order")
    capped = order.model_copy(update={"limits": Limits(max_iterations=1, output_cap_bytes=200_000)})
    path.write_bytes(capped.to_json())
    small.work()
    error, _page = answer(small, run_id)
    assert "200000" in error["message"].replace(",", "").replace(" ", "") or "output" in error["message"]
    assert "yyyy" in error["stdout"]
    small.assert_ended_well(run_id, "failed_build")


def test_why_a_repository_that_is_gone_failed_the_run(small: Site) -> None:
    run_id = small.submit("touch done")
    small.repository.rename(small.root / "moved")
    small.work()
    error, page = answer(small, run_id)
    assert error["type"] == "workspace_error"
    assert str(small.repository) in page
    small.assert_ended_well(run_id, "failed_error")


def test_why_a_delivery_that_met_a_conflict_failed_the_run(small: Site) -> None:
    run_id = small.submit("touch done")
    git(small.repository, "branch", "agentgate")
    small.work()
    error, page = answer(small, run_id)
    assert error["type"] == "workspace_error"
    assert "By hand: git -C" in page
    small.assert_ended_well(run_id, "failed_error")
    by_hand = error["message"].partition("By hand: ")[2]
    git(small.repository, "branch", "-m", "agentgate", "renamed")
    subprocess.run(by_hand, shell=True, check=True, capture_output=True)
    assert "done" in git(small.repository, "ls-tree", "--name-only", f"agentgate/{run_id}")
