"""Every key of a profile: how it is read, where it goes in `HarnessProfile`, and what stands for it elsewhere.

A key either works or is refused with what to do instead; nothing is read and dropped, except a value that says what
happens anyway (`Fixed`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from agentgate_engine.models.git_ops import GIT_MODE_NAMES, GitHubMode, GitMode
from agentgate_engine.models.retry import POLICIES
from agentgate_engine.models.strategy import StrategyName
from agentgate_engine.models.work_order import AgentName, GatePlanSource, PermissionMode
from agentgate_engine.profiles import value_readers as read
from agentgate_engine.profiles.fixed_keys import FIXED, Fixed
from agentgate_engine.profiles.value_readers import Reader

WEEK_S = 7 * 86_400
MOST_TOKENS = 999_999_999
PARAMS = "loopStrategy.params"
POLICY = "retry.policy"


@dataclass(frozen=True, slots=True)
class Key:
    """A setting. `target` is its dotted place in `HarnessProfile`, None for one that only decides about others.

    `aliases` are other spellings of its name in the same section; `help` is the comment in a new profile.
    """

    path: str
    read: Reader
    target: str | None
    help: str
    aliases: tuple[str, ...] = ()
    example: str = ""

    @property
    def section(self) -> str:
        return self.path.partition(".")[0]

    @property
    def name(self) -> str:
        return self.path.partition(".")[2]


@dataclass(frozen=True, slots=True)
class Section:
    """The keys of one section by every name they go by."""

    name: str
    keys: Mapping[str, Key] = field(default_factory=dict[str, Key])
    fixed: Mapping[str, Fixed] = field(default_factory=dict[str, Fixed])


_PERMISSIONS = {"acceptEdits": "accept-edits", "bypassPermissions": "bypass"}
_GIT_MODES = {word: mode.value for word, mode in GIT_MODE_NAMES.items()}
AGENT_ALIASES = {"claude-code-subscription": "claude-code", "claude-code-api": "claude-code"}
"""The original's names of agents."""

_POSITIVE_S = read.number(0, WEEK_S, above=True)


def _key(path: str, reader: Reader, target: str | None, words: str, *aliases: str, example: str = "") -> Key:
    return Key(path, reader, target, words, aliases, example)


KEYS: tuple[Key, ...] = (
    _key(
        "loopStrategy.mode",
        read.choice(get_args(StrategyName)),
        "loop_strategy.mode",
        "fixed, hybrid, ralph or custom",
        example="fixed",
    ),
    _key(
        "loopStrategy.maxIterations",
        read.integer(1, 100),
        "loop_strategy.max_iterations",
        "agent calls at most; always wins (default 3; hybrid: base + bonus; ralph and custom: 10)",
        example="3",
    ),
    _key(
        "loopStrategy.baseIterations",
        read.integer(1, 100),
        "loop_strategy.base_iterations",
        "hybrid: iterations that are always granted",
        example="3",
    ),
    _key(
        "loopStrategy.bonusIterations",
        read.integer(0, 100),
        "loop_strategy.bonus_iterations",
        "hybrid: further ones while there is progress",
        "maxBonusIterations",
        example="2",
    ),
    _key(
        "loopStrategy.progressThreshold",
        read.number(0, 1),
        "loop_strategy.progress_threshold",
        "hybrid: the share of checks that counts as progress",
        example="0.1",
    ),
    _key(
        "loopStrategy.minIterations",
        read.integer(1, 100),
        "loop_strategy.min_iterations",
        "ralph: iterations before it may stop",
        example="2",
    ),
    _key(
        "loopStrategy.similarityThreshold",
        read.number(0, 1),
        "loop_strategy.similarity_threshold",
        "ralph: how alike outputs are when the agent goes in circles",
        example="0.95",
    ),
    _key(
        "loopStrategy.window",
        read.integer(2, 20),
        "loop_strategy.window",
        "ralph: how many outputs are compared",
        "windowSize",
        example="3",
    ),
    _key(
        "loopStrategy.name",
        read.optional(read.text),
        "loop_strategy.name",
        "custom: the entry point in the group agentgate.strategies",
        "strategyName",
        example="my-strategy",
    ),
    _key(
        "agentDriver.type",
        read.choice(get_args(AgentName), AGENT_ALIASES),
        "agent_driver.type",
        ", ".join(get_args(AgentName)),
        example="claude-code",
    ),
    _key(
        "agentDriver.model",
        read.optional(read.text),
        "agent_driver.model",
        "passed on to the agent",
        example="some-model",
    ),
    _key(
        "agentDriver.permissionMode",
        read.choice(get_args(PermissionMode), _PERMISSIONS),
        "agent_driver.permission_mode",
        "default, accept-edits or bypass",
        example="default",
    ),
    _key(
        "agentDriver.passEnv",
        read.variables,
        "agent_driver.pass_env",
        "variables the agent sees too, NAME or PREFIX*",
        example="[MY_VARIABLE]",
    ),
    _key(
        "agentDriver.command",
        read.optional(read.long_text),
        "agent_driver.command",
        "type command: the shell command; the prompt is on its stdin",
        example="my-agent --yes",
    ),
    _key(
        "agentDriver.script",
        read.optional(read.path_beside),
        "agent_driver.script",
        "type scripted: its play, relative to this file",
        example="play.yaml",
    ),
    _key(
        "verification.skipLevels",
        read.skipped,
        None,
        "lint, typecheck, test, contracts, blackbox, sanity, or L0 to L3",
        example="[]",
    ),
    _key(
        "verification.timeoutMs",
        read.optional(read.integer(1000, 86_400_000)),
        "verification.timeout_ms",
        "for one whole verification (default: the gate plan's max_runtime)",
        example="300000",
    ),
    _key(
        "verification.pristine",
        read.boolean,
        "verification.pristine",
        "verify without caches kept from earlier iterations",
        example="false",
    ),
    _key(
        "verification.retryFlaky",
        read.boolean,
        "verification.retry_flaky",
        "run a failed command again, to tell a flaky one",
        example="false",
    ),
    _key(
        "verification.maxRetries",
        read.integer(0, 5),
        "verification.max_retries",
        "how often at most (default 1 with retryFlaky)",
        example="1",
    ),
    _key(
        "verification.gatePlanSource",
        read.choice(get_args(GatePlanSource)),
        "verification.gate_plan_source",
        ", ".join(get_args(GatePlanSource)),
        example="auto",
    ),
    _key(
        "gitOps.mode",
        read.choice([mode.value for mode in GitMode], _GIT_MODES),
        "git_ops.mode",
        "local, push, pr or fork",
        example="local",
    ),
    _key(
        "gitOps.githubMode",
        read.choice([mode.value for mode in GitHubMode]),
        "git_ops.github_mode",
        "fail_fast, best_effort or disabled (default: by mode)",
        example="best_effort",
    ),
    _key("gitOps.autoPush", read.boolean, None, "push the branch; says the same as the mode", example="false"),
    _key("gitOps.createPR", read.boolean, None, "open a pull request; says the same as the mode", example="false"),
    _key("gitOps.remote", read.remote, "git_ops.remote", "a remote's name or URL", example="origin"),
    _key(
        "gitOps.base",
        read.optional(read.reference),
        "git_ops.base",
        "the branch a pull request is for (default: where the work started)",
        example="main",
    ),
    _key(
        "gitOps.repository",
        read.optional(read.repository),
        "git_ops.repository",
        "owner/name, where the remote does not tell",
        example="owner/name",
    ),
    _key(
        "gitOps.apiUrl", read.web_address, "git_ops.api_url", "another GitHub's API", example="https://api.github.com"
    ),
    _key(
        "gitOps.commitMessagePrefix",
        read.text,
        "commit_message_prefix",
        "stands before each commit's message",
        example='"[AgentGate]"',
    ),
    _key("gitOps.prTitle", read.optional(read.text), "git_ops.title", "default: the order's title", example="A title"),
    _key(
        "gitOps.prBody", read.optional(read.long_text), "git_ops.body", "default: the order's prompt", example="A text"
    ),
    _key("gitOps.prDraft", read.boolean, "git_ops.draft", "open pull requests as drafts", example="true"),
    _key("gitOps.labels", read.texts, "git_ops.labels", "of a pull request", "prLabels", example="[]"),
    _key("gitOps.reviewers", read.texts, "git_ops.reviewers", "of a pull request", "prReviewers", example="[]"),
    _key(
        "gitOps.waitForCI",
        read.boolean,
        "git_ops.wait_for_ci",
        "wait for the pull request's checks, and iterate on them",
        example="false",
    ),
    _key(
        "gitOps.ciPollSeconds", _POSITIVE_S, "git_ops.ci_poll_seconds", "between two looks at the checks", example="30"
    ),
    _key("gitOps.ciTimeoutSeconds", _POSITIVE_S, "git_ops.ci_timeout_seconds", "for the checks to end", example="1800"),
    _key(
        "gitOps.maxCiIterations",
        read.integer(1, 20),
        "git_ops.max_ci_iterations",
        "iterations that failed checks may cause",
        example="3",
    ),
    _key(
        "executionLimits.maxWallClockSeconds",
        read.number(1, WEEK_S),
        "execution_limits.max_wall_clock_seconds",
        "for the whole run",
        example="3600",
    ),
    _key(
        "executionLimits.maxIterationSeconds",
        read.number(1, WEEK_S),
        "execution_limits.max_iteration_seconds",
        "for one agent call",
        example="600",
    ),
    _key(
        "executionLimits.maxTotalTokens",
        read.optional(read.integer(1, MOST_TOKENS)),
        "execution_limits.max_total_tokens",
        "of the whole run, where the agent tells them",
        example="1000000",
    ),
    _key(
        "executionLimits.maxIterationTokens",
        read.optional(read.integer(1, MOST_TOKENS)),
        "execution_limits.max_iteration_tokens",
        "of one iteration, where the agent tells them",
        example="100000",
    ),
    _key(
        "executionLimits.maxCostUsd",
        read.optional(read.number(0, 1_000_000, above=True)),
        "execution_limits.max_cost_usd",
        "US dollars for the whole run, where the agent tells them",
        example="5",
    ),
    _key(
        "executionLimits.maxWaitSeconds",
        read.optional(read.number(0, WEEK_S, above=True)),
        "max_wait_seconds",
        "in the queue (default: no bound)",
        example="3600",
    ),
    _key(
        POLICY,
        read.choice(tuple(POLICIES)),
        None,
        "default, aggressive or none; the keys below change it",
        example="default",
    ),
    _key(
        "retry.maxAttempts",
        read.integer(0, 20),
        "retry.max_attempts",
        "how often a failed call is made again",
        "maxRetries",
        example="2",
    ),
    _key(
        "retry.initialBackoffMs",
        read.integer(0, 3_600_000),
        "retry.initial_backoff_ms",
        "before the first retry",
        "backoffMs",
        example="5000",
    ),
    _key(
        "retry.backoffMultiplier", read.number(1, 100), "retry.backoff_multiplier", "longer each time by", example="2"
    ),
    _key("retry.maxBackoffMs", read.integer(0, 86_400_000), "retry.max_backoff_ms", "but at most", example="30000"),
    _key(
        "retry.retryableErrors",
        read.error_types,
        "retry.retryable_errors",
        "which errors are tried again",
        example="[agent_timeout, system_error, github_error]",
    ),
    _key(
        "retry.retryOnTimeout",
        read.boolean,
        "retry.retry_on_timeout",
        "an agent that ran into its time limit too",
        example="true",
    ),
    _key("retry.jitter", read.boolean, "retry.jitter", "up to a quarter longer, at random", example="true"),
)

SECTIONS: dict[str, Section] = {
    name: Section(
        name,
        {word: key for key in KEYS if key.section == name for word in (key.name, *key.aliases)},
        {rule.path.partition(".")[2]: rule for rule in FIXED if rule.path.partition(".")[0] == name},
    )
    for name in dict.fromkeys(key.section for key in KEYS)
}
