"""What may stand in a profile: every key works or is refused, by file, line and key."""

from __future__ import annotations

import json

import pytest

from agentgate_engine.models.profile import HarnessProfile
from agentgate_engine.profiles.fixed_keys import FIXED, Fixed
from agentgate_engine.profiles.profile_file import parse_profile
from agentgate_engine.profiles.profile_keys import KEYS
from agentgate_engine.profiles.resolve import DEFAULTS

from .conftest import Shelf


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "loopStrategy:\n  maxItertions: 3\n",
            '2: loopStrategy: unknown key "maxItertions"; did you mean maxIterations?',
        ),
        ("lopStrategy:\n  mode: fixed\n", '1: unknown key "lopStrategy"; did you mean loopStrategy?'),
        ("loop_strategy: {}\n", '1: unknown key "loop_strategy"; write loopStrategy'),
        ("gitOps:\n\n  wait_for_ci: true\n", '3: gitOps: unknown key "wait_for_ci"; write waitForCI'),
        ("metadata:\n  nmae: x\n", '2: metadata: unknown key "nmae"; did you mean name?'),
        (
            "loopStrategy:\n  maxIterations: many\n",
            "2: loopStrategy.maxIterations: must be a whole number from 1 to 100",
        ),
        (
            "loopStrategy:\n  maxIterations: 101\n",
            "2: loopStrategy.maxIterations: must be a whole number from 1 to 100",
        ),
        ("loopStrategy:\n  progressThreshold: 2\n", "2: loopStrategy.progressThreshold: must be a number from 0 to 1"),
        ("loopStrategy: fixed\n", "1: loopStrategy: must be a mapping of keys to values"),
        ("loopStrategy:\n  mode: hybird\n", "2: loopStrategy.mode: must be one of fixed, hybrid, ralph, custom"),
        ("verification:\n  pristine: maybe\n", "2: verification.pristine: must be true or false"),
        ("verification:\n  skipLevels: lint\n", "2: verification.skipLevels: must be a list"),
        ("verification:\n  skipLevels: [lint, lnt]\n", "2: verification.skipLevels[1]: must be one of lint"),
        ("gitOps:\n  labels: [a, a]\n", '2: gitOps.labels[1]: "a" stands twice'),
        ("gitOps:\n  remote: https://me:secret@host/x\n", "2: gitOps.remote: must not hold a password"),
        ("gitOps:\n  repository: x\n", "2: gitOps.repository: must be owner/name"),
        ("agentDriver:\n  passEnv: [A=b]\n", "2: agentDriver.passEnv[0]: must be the name of a variable"),
        ("retry:\n  retryableErrors: [agent_crsh]\n", "2: retry.retryableErrors[0]: must be one of agent_crash"),
        ("retry:\n  maxRetries: 1\n  maxAttempts: 2\n", "3: retry.maxAttempts: says the same as maxRetries"),
        (
            "executionLimits:\n  maxIterationSeconds: 0\n",
            "2: executionLimits.maxIterationSeconds: must be a number from 1",
        ),
        ('version: "2.0"\n', '1: version: must be "1.0", not "2.0"'),
        ("metadata:\n  name: other\n", "2: metadata.name: must be 'x', the name of the file"),
        ("extends: a\nmetadata:\n  extends: a\n", "1: extends: stands beside metadata.extends on line 3: keep one"),
        ("# nothing\n\n", "1: is empty; a profile needs at least version"),
        ("loopStrategy: [\n", "is not valid YAML"),
        ("loopStrategy:\n  mode: custom\n", "2: loopStrategy.mode: custom needs loopStrategy.name"),
        (
            "gitOps:\n  mode: local\n  createPR: true\n",
            "3: gitOps.createPR: is true, but gitOps.mode is local, set by profile x (x.yaml:2)",
        ),
    ],
)
def test_a_fault_names_file_line_and_key(shelf: Shelf, text: str, fault: str) -> None:
    """upstream.md 2.7: misspelt keys and wrong values stop the submit with the offending name; L3: none is dropped."""
    shelf.put("x", text)
    assert shelf.fault("x").startswith("x.yaml:")
    assert fault in shelf.fault("x")


@pytest.mark.parametrize("rule", FIXED, ids=lambda rule: rule.path)
def test_a_key_that_cannot_be_honoured_is_refused_and_says_what_to_do(shelf: Shelf, rule: Fixed) -> None:
    """upstream.md 2.7: a key works or is refused; a value that says what happens anyway is fine."""
    section, _, name = rule.path.partition(".")
    shelf.put("x", f"{section}:\n  {name}: 77\n")
    assert f"x.yaml:2: {rule.path}: is no setting here: " in shelf.fault("x")
    for value in rule.allowed:
        shelf.put("x", f"{section}:\n  {name}: {json.dumps(value)}\n")
        assert shelf.resolve("x").hash == shelf.resolve(None).hash


def test_every_key_is_read_and_reaches_the_typed_profile(shelf: Shelf) -> None:
    """upstream.md 2.7 and L3: each key that may be written changes what is in force."""
    other = {
        "loopStrategy.mode": "hybrid",
        "agentDriver.type": "command",
        "agentDriver.permissionMode": "bypass",
        "verification.pristine": "true",
        "verification.retryFlaky": "true",
        "verification.maxRetries": "3",
        "verification.skipLevels": "[lint, contracts]",
        "verification.gatePlanSource": "default",
        "gitOps.mode": "push_only",
        "gitOps.githubMode": "fail_fast",
        "gitOps.remote": "upstream",
        "gitOps.apiUrl": "https://github.example/api/v3",
        "gitOps.prDraft": "false",
        "gitOps.labels": "[one]",
        "gitOps.reviewers": "[you]",
        "gitOps.waitForCI": "true",
        "retry.policy": "none",
        "retry.retryableErrors": "[agent_crash]",
        "retry.retryOnTimeout": "false",
        "retry.jitter": "false",
        "gitOps.autoPush": "true",
        "gitOps.createPR": "true",
    }
    built_in = shelf.resolve(None)
    for key in KEYS:
        text = other.get(key.path) or _number_beside(DEFAULTS.get(key.path)) or key.example
        shelf.put("x", f"{key.section}:\n  {key.name}: {text}\n")
        resolved = shelf.resolve("x")
        assert resolved.profile != built_in.profile, key.path
        assert resolved.hash != built_in.hash, key.path


def _number_beside(default: object) -> str | None:
    if not isinstance(default, (int, float)):
        return None
    return str(default + 1) if default >= 1 else "0.5"


def test_every_default_is_what_the_engine_does() -> None:
    """upstream.md 2.7: defaults come first, and are the engine's own."""
    assert set(DEFAULTS) == {key.path for key in KEYS} - {"retry.policy"}
    profile = HarnessProfile()
    assert (profile.execution_limits.max_wall_clock_seconds, profile.execution_limits.max_iteration_seconds) == (
        3600,
        600,
    )
    assert (profile.loop_strategy.mode, profile.loop_strategy.max_iterations) == ("fixed", 3)


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        ("retry:\n  maxRetries: 4\n", "retry:\n  maxAttempts: 4\n", "retry.maxAttempts"),
        ("retry:\n  backoffMs: 7\n", "retry:\n  initialBackoffMs: 7\n", "retry.initialBackoffMs"),
        (
            "loopStrategy:\n  maxBonusIterations: 9\n",
            "loopStrategy:\n  bonusIterations: 9\n",
            "loopStrategy.bonusIterations",
        ),
        ("gitOps:\n  mode: github_pr\n", "gitOps:\n  mode: pr\n", "gitOps.mode"),
        ("agentDriver:\n  type: claude-code-subscription\n", "agentDriver:\n  type: claude-code\n", "agentDriver.type"),
    ],
)
def test_both_spellings_load(shelf: Shelf, one: str, other: str, path: str) -> None:
    """upstream.md 5.1: both spellings load from a profile; so do the other names of the original."""
    shelf.put("one", one)
    shelf.put("other", other)
    assert path in parse_profile("one", one.encode(), "one.yaml").settings
    assert shelf.resolve("one").hash == shelf.resolve("other").hash


def test_a_null_takes_back_what_an_ancestor_set(shelf: Shelf) -> None:
    shelf.put("base", "agentDriver:\n  model: big\n")
    shelf.put("x", "extends: base\nagentDriver:\n  model: null\n")
    assert shelf.resolve("base").profile.agent_driver.model == "big"
    assert shelf.resolve("x").profile.agent_driver.model is None
