"""Inheritance: what wins, where each value came from, and what follows from it."""

from __future__ import annotations

import re

import pytest

from agentgate_engine.errors import UsageError
from agentgate_engine.models.git_ops import GitHubMode, GitMode
from agentgate_engine.models.retry import AGGRESSIVE, DEFAULT, NO_RETRY
from agentgate_engine.models.work_order import ResolvedProfile
from agentgate_engine.profiles.order_settings import to_order_fields
from agentgate_engine.profiles.resolve import resolve_profile

from .conftest import Shelf

BASE = """\
version: "1.0"
loopStrategy:
  mode: hybrid
  baseIterations: 6
  bonusIterations: 4
executionLimits:
  maxWallClockSeconds: 7200
gitOps:
  labels: [one, two]
"""


def test_inherited_values_survive_a_child_that_does_not_name_them(shelf: Shelf) -> None:
    """upstream.md 2.7: base hybrid 6+4 for 7200 s stays so in its child, in either spelling of extends."""
    shelf.put("base", BASE)
    shelf.put("top", "extends: base\nagentDriver:\n  model: m\n")
    shelf.put("meta", "metadata:\n  extends: base\nagentDriver:\n  model: m\n")
    for name in ("top", "meta"):
        resolved = shelf.resolve(name)
        settings = to_order_fields(resolved)
        assert (settings.loop_strategy.mode, settings.loop_strategy.base_iterations) == ("hybrid", 6)
        assert settings.loop_strategy.bonus_iterations == 4
        assert settings.limits.max_iterations == settings.loop_strategy.max_iterations == 10
        assert settings.limits.max_wall_clock_seconds == 7200
        assert settings.agent.model == "m"
        assert resolved.chain == ("base", name)


def test_defaults_then_root_then_child_then_command_line(shelf: Shelf) -> None:
    """upstream.md 2.7: the order, maps merged, lists replaced; every value tells where it came from."""
    shelf.put(
        "root", "executionLimits:\n  maxWallClockSeconds: 1000\n  maxIterationSeconds: 100\ngitOps:\n  labels: [a, b]\n"
    )
    shelf.put("mid", "extends: root\nexecutionLimits:\n  maxIterationSeconds: 50\n")
    shelf.put("leaf", "extends: mid\ngitOps:\n  labels: [c]\nretry:\n  maxRetries: 1\n")
    resolved = shelf.resolve("leaf", executionLimits__maxCostUsd=2.5, retry__maxAttempts=4)
    shown = {path: (resolved.settings[path], resolved.origins[path]) for path in resolved.settings}
    assert shown["executionLimits.maxWallClockSeconds"] == (1000, "profile root (root.yaml:2)")
    assert shown["executionLimits.maxIterationSeconds"] == (50, "profile mid (mid.yaml:3)")
    assert shown["gitOps.labels"] == (["c"], "profile leaf (leaf.yaml:3)")
    assert shown["retry.maxAttempts"] == (4, "command line")
    assert shown["executionLimits.maxCostUsd"] == (2.5, "command line")
    assert shown["retry.initialBackoffMs"] == (5000, "default")
    assert resolved.chain == ("root", "mid", "leaf")


def test_the_record_for_the_run_holds_settings_origins_chain_and_hash(shelf: Shelf) -> None:
    """upstream.md 2.7: resolved config, chain and hash are stored with the run; L16: they are what the file says."""
    shelf.put("base", BASE)
    shelf.put("x", "extends: base\n")
    record = ResolvedProfile.from_json(shelf.resolve("x").record.to_json(), "profile.json")
    assert record.chain == ["base", "x"] and record.name == "x"
    assert set(record.origins) == set(record.settings)
    assert re.fullmatch(r"[0-9a-f]{16}", record.hash)
    assert record.settings["loopStrategy.baseIterations"] == 6
    shelf.put("base", BASE.replace("6", "7"))
    assert shelf.resolve("x").hash != record.hash


def test_the_hash_speaks_of_values_and_not_of_where_they_stand(shelf: Shelf) -> None:
    """upstream.md 2.7: the hash of the configuration."""
    shelf.put("a", "executionLimits:\n  maxWallClockSeconds: 100\n")
    shelf.put("b", "# a comment\n\nexecutionLimits: {maxWallClockSeconds: 100.0}\n")
    assert shelf.resolve("a").hash == shelf.resolve("b").hash


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        (
            {"x": "extends: bas\n", "base": BASE},
            "x.yaml:1: extends: there is no profile 'bas' in DIR; did you mean base?",
        ),
        ({"x": "\nmetadata:\n  extends: gone\n"}, "x.yaml:3: metadata.extends: there is no profile 'gone'"),
        (
            {"x": "extends: y\n", "y": "extends: z\n", "z": "extends: x\n"},
            "z.yaml:1: extends: the profiles extend each other in a circle: x -> y -> z -> x",
        ),
        ({"x": "extends: x\n"}, "x.yaml:1: extends: the profiles extend each other in a circle: x -> x"),
        (
            {"x": "extends: y\n", "y": "gitOps:\n  moed: pr\n"},
            'y.yaml:2: gitOps: unknown key "moed"; did you mean mode?',
        ),
        ({"x": "extends: ../y\n"}, "x.yaml:1: extends: '../y' is no name for a profile"),
    ],
)
def test_a_parent_that_cannot_be_used_is_named(shelf: Shelf, files: dict[str, str], fault: str) -> None:
    """upstream.md 2.7: missing parent, cycle and faults in an ancestor each stop the submit with the offending name."""
    for name, text in files.items():
        shelf.put(name, text)
    assert shelf.fault("x").startswith(fault)


def test_a_missing_profile_is_named_with_those_there_are(shelf: Shelf) -> None:
    """upstream.md 2.7: a missing profile stops the submit by its name."""
    assert shelf.fault("quik") == "there is no profile 'quik' in DIR; `agentgate profile create` makes one"
    shelf.put("quick", BASE)
    assert shelf.fault("quik") == "there is no profile 'quik' in DIR; did you mean quick?"
    (shelf.directory / "old.yml").write_text(BASE)
    assert shelf.fault("old").endswith("rename old.yml to old.yaml")


def test_at_most_ten_extend_each_other(shelf: Shelf) -> None:
    """upstream.md 2.7: max depth 10."""
    shelf.put("p1", BASE)
    for n in range(2, 12):
        shelf.put(f"p{n}", f"extends: p{n - 1}\n")
    assert shelf.resolve("p10").chain == tuple(f"p{n}" for n in range(1, 11))
    assert "more than 10 profiles extend each other: p11 -> p10" in shelf.fault("p11")


@pytest.mark.parametrize(
    ("text", "mode", "github"),
    [
        ("version: 1.0\n", GitMode.LOCAL, GitHubMode.DISABLED),
        ("gitOps: {mode: direct}\n", GitMode.LOCAL, GitHubMode.DISABLED),
        ("gitOps: {mode: push_only}\n", GitMode.PUSH, GitHubMode.BEST_EFFORT),
        ("gitOps: {mode: branch}\n", GitMode.PUSH, GitHubMode.BEST_EFFORT),
        ("gitOps: {mode: github_pr}\n", GitMode.PR, GitHubMode.FAIL_FAST),
        ("gitOps: {mode: fork}\n", GitMode.FORK, GitHubMode.FAIL_FAST),
        ("gitOps: {mode: pr, githubMode: best_effort}\n", GitMode.PR, GitHubMode.BEST_EFFORT),
        ("gitOps: {createPR: true, autoPush: true}\n", GitMode.PR, GitHubMode.FAIL_FAST),
        ("gitOps: {autoPush: true}\n", GitMode.PUSH, GitHubMode.BEST_EFFORT),
        ("gitOps: {autoPush: false, createPR: false}\n", GitMode.LOCAL, GitHubMode.DISABLED),
    ],
)
def test_the_github_mode_follows_from_the_git_mode(shelf: Shelf, text: str, mode: GitMode, github: GitHubMode) -> None:
    """upstream.md 6.2: the default by git mode, in both vocabularies, unless it is set."""
    shelf.put("x", text)
    git_ops = shelf.resolve("x").profile.git_ops
    assert (git_ops.mode, git_ops.github_mode) == (mode, github)


def test_a_retry_block_overrides_and_a_policy_is_its_base(shelf: Shelf) -> None:
    """upstream.md 5.10 and 5.3: the retry block of a profile overrides, over the named policy of the same file."""
    shelf.put("none", "retry:\n  policy: none\n")
    shelf.put("eager", "extends: none\nretry:\n  maxBackoffMs: 9\n  policy: aggressive\n")
    shelf.put("leaf", "extends: eager\nretry:\n  backoffMs: 3\n")
    assert to_order_fields(shelf.resolve(None)).retry == DEFAULT
    assert to_order_fields(shelf.resolve("none")).retry == NO_RETRY
    assert to_order_fields(shelf.resolve("eager")).retry == AGGRESSIVE.model_copy(update={"max_backoff_ms": 9})
    leaf = shelf.resolve("leaf", retry__policy="none", retry__maxAttempts=1)
    assert to_order_fields(leaf).retry == NO_RETRY.model_copy(update={"max_attempts": 1})
    assert leaf.origins["retry.jitter"] == "command line, retry.policy none"


def test_skips_become_levels_and_kinds(shelf: Shelf) -> None:
    """upstream.md 2.7 and L3: skipLevels in both vocabularies reach the order."""
    shelf.put("x", "verification:\n  skipLevels: [lint, typecheck, contracts, L0, blackbox]\n")
    settings = to_order_fields(shelf.resolve("x"))
    assert [level.value for level in settings.skip_levels] == ["L0", "L2"]
    assert settings.skip_kinds == ("lint", "typecheck")


@pytest.mark.parametrize(
    ("text", "retries"),
    [
        ("verification: {pristine: true}\n", 0),
        ("verification: {retryFlaky: true}\n", 1),
        ("verification: {maxRetries: 3}\n", 3),
        ("verification: {retryFlaky: true, maxRetries: 2}\n", 2),
        ("verification: {retryFlaky: false, maxRetries: 2}\n", 0),
    ],
)
def test_how_often_a_check_is_run_again(shelf: Shelf, text: str, retries: int) -> None:
    """upstream.md 2.7: verification.retryFlaky and maxRetries."""
    shelf.put("x", text)
    assert to_order_fields(shelf.resolve("x")).check_retries == retries


@pytest.mark.parametrize(
    ("text", "iterations"),
    [
        ("loopStrategy: {mode: fixed}\n", 3),
        ("loopStrategy: {mode: hybrid}\n", 5),
        ("loopStrategy: {mode: hybrid, maxIterations: 4}\n", 4),
        ("loopStrategy: {mode: ralph}\n", 10),
        ("loopStrategy: {mode: ralph, minIterations: 12}\n", 12),
        ("loopStrategy: {mode: custom, strategyName: mine}\n", 10),
    ],
)
def test_the_bound_follows_from_the_strategy(shelf: Shelf, text: str, iterations: int) -> None:
    """upstream.md 2.3: the bound of each mode, unless it is set; it always wins."""
    shelf.put("x", text)
    settings = to_order_fields(shelf.resolve("x"))
    assert settings.limits.max_iterations == settings.loop_strategy.max_iterations == iterations


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (
            "loopStrategy: {baseIterations: 5}\n",
            "loopStrategy.baseIterations (profile x (x.yaml:1)) does nothing while",
        ),
        ("loopStrategy: {mode: hybrid, maxIterations: 4}\n", "ends the loop before the 5 iterations"),
        (
            "loopStrategy: {mode: hybrid, maxIterations: 9}\n",
            "does nothing: baseIterations and bonusIterations grant 5",
        ),
        ("agentDriver: {command: x}\n", "agentDriver.command (profile x (x.yaml:1)) does nothing for the agent"),
        ("gitOps: {labels: [a]}\n", "gitOps.labels (profile x (x.yaml:1)) does nothing while gitOps.mode is local"),
        ("gitOps: {mode: pr, ciPollSeconds: 9}\n", "does nothing while gitOps.waitForCI is false"),
        ("verification: {retryFlaky: false, maxRetries: 2}\n", "does nothing while verification.retryFlaky is false"),
    ],
)
def test_a_key_that_does_nothing_as_the_others_stand_is_told(shelf: Shelf, text: str, note: str) -> None:
    """upstream.md L17: nothing is swallowed; the note becomes a warning of the run."""
    shelf.put("x", text)
    (told,) = shelf.resolve("x").notes
    assert note in told
    assert shelf.resolve("x").record.notes == [told]


def test_parameters_of_a_custom_strategy_merge(shelf: Shelf) -> None:
    """upstream.md 2.7: maps deep-merge, lists replace."""
    head = "loopStrategy:\n  mode: custom\n  name: mine\n  params:\n"
    shelf.put("base", head + "    a: {x: 1, y: [1, 2]}\n    b: text\n    gone: {deep: 1}\n")
    shelf.put("x", "extends: base\nloopStrategy:\n  params:\n    a: {y: [3]}\n    c: 0.5\n    gone: null\n")
    params = to_order_fields(shelf.resolve("x")).loop_strategy.params
    assert params == {"a": {"x": 1, "y": [3]}, "b": "text", "c": 0.5, "gone": None}


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("loopStrategy.maxIterations", 500, "command line: loopStrategy.maxIterations: must be a whole number from 1"),
        ("gitOps.mode", "nope", "command line: gitOps.mode: must be one of local"),
        ("nope", 1, "nope is no setting that the command line can give"),
    ],
)
def test_the_command_line_is_judged_as_a_file_is(shelf: Shelf, path: str, value: object, fault: str) -> None:
    with pytest.raises(UsageError, match=re.escape(fault)):
        resolve_profile(None, {path: value}, shelf.directory)  # type: ignore[dict-item]


def test_what_is_for_another_agent_does_not_reach_the_order(shelf: Shelf) -> None:
    shelf.put("x", "agentDriver:\n  type: scripted\n  script: play.yaml\n  command: run me\n")
    agent = to_order_fields(shelf.resolve("x")).agent
    assert (agent.script, agent.command) == (str(shelf.directory / "play.yaml"), None)
