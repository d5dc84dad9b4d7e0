"""What an operator asked for. Written once at submission, never changed."""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue

from agentgate_engine.models.git_ops import GitOps
from agentgate_engine.models.record import Record
from agentgate_engine.models.retry import RetryPolicy
from agentgate_engine.models.strategy import StrategyConfig
from agentgate_engine.models.verification import Level

AgentName = Literal["scripted", "command", "claude-code"]
PermissionMode = Literal["default", "accept-edits", "bypass"]
SourceType = Literal["local", "git", "github", "fresh"]
SkippableKind = Literal["lint", "typecheck", "test"]
GatePlanSource = Literal["auto", "verify-profile", "ci-workflow", "language", "default"]

MAX_PROMPT_CHARS = 100_000


class AgentRequest(Record):
    """Which agent works the order, and how it may act.

    `command` is the shell command of a `command` agent, `script` the absolute path of a `scripted` agent's play.
    `pass_env` names variables (never values) that the agent gets besides the allow-listed ones.
    """

    type: AgentName
    command: str | None = None
    script: str | None = None
    model: str | None = None
    permission_mode: PermissionMode = "default"
    pass_env: list[str] = []


class WorkspaceSource(Record):
    """The repository that the work starts from.

    `path` is where git finds it on this machine: the checkout itself, the mirror kept in the store for `git` and
    `github`, or the directory that `fresh` made. `url` (without credentials) and `template` say where that came from.
    `in_place` works in the checkout itself, under a lease on it.

    `uncommitted_patch` names a file beside the order, if it takes uncommitted changes along; `left_out` what it leaves.
    """

    type: SourceType = "local"
    path: str
    url: str | None = None
    repository: str | None = None
    template: str | None = None
    in_place: bool = False
    base_commit: str
    base_branch: str | None = None
    left_out: list[str] = []
    uncommitted_patch: str | None = None


class Limits(Record):
    """`max_wall_clock_seconds` is final for the run; `max_iteration_seconds` bounds one agent call.

    Tokens and cost are those that the agent tells of: of the whole run (`max_total_tokens`, `max_cost_usd`), and of one
    iteration (`max_iteration_tokens`). None is no limit.
    """

    max_iterations: int = 3
    max_wall_clock_seconds: float = 3600
    max_iteration_seconds: float = 600
    max_total_tokens: int | None = None
    max_iteration_tokens: int | None = None
    max_cost_usd: float | None = None
    output_cap_bytes: int = 1 << 30


class WorkOrder(Record):
    """`work-orders/{orderId}.json`.

    `skip_levels` and `skip_kinds` name levels, and kinds of commands, that do not judge this order.
    `after` names orders that must have passed before this one starts; `max_wait_seconds` is how long it may wait for
    a slot before it fails as timed out in the queue.
    """

    format_version: int = 1
    id: str
    title: str
    task_prompt: str
    workspace_source: WorkspaceSource
    agent: AgentRequest
    limits: Limits = Limits()
    priority: int = 0
    loop_strategy: StrategyConfig = StrategyConfig()
    retry: RetryPolicy = RetryPolicy()
    git_ops: GitOps = GitOps()
    gate_plan_source: GatePlanSource = "auto"
    skip_levels: list[Level] = []
    skip_kinds: list[SkippableKind] = []
    after: list[str] = []
    max_wait_seconds: float | None = None
    commit_message_prefix: str = ""
    profile: str | None = None
    pristine: bool = False
    created_at: str
    submitted_by: str = ""


class ResolvedProfile(Record):
    """`profile.json`: every setting in force by its dotted key, and where each came from.

    An origin is `default`, `profile NAME (file:line)` or `command line`. `chain` holds the profiles that were merged,
    the root first, and is empty when none was asked for; `hash` the first 16 hex digits of the settings' SHA-256.
    `notes` tell of settings that do nothing as the others stand.
    """

    name: str = "default"
    chain: list[str] = []
    settings: dict[str, JsonValue]
    origins: dict[str, str]
    hash: str
    notes: list[str] = []
