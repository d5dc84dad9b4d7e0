"""The options of `submit` and `run`: one table, from which arguments, help and an order's settings all come.

An option with a `key` sets what a profile sets under that key, and wins over it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class SettingOption:
    """An option that sets the profile's key of that name for one order. `many` may be given again."""

    group: str
    flags: tuple[str, ...]
    key: str
    help: str
    kind: Callable[[str], object] = str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    many: bool = False
    switch: bool = False

    @property
    def name(self) -> str:
        """As errors name it."""
        return next(flag for flag in self.flags if flag.startswith("--"))

    @property
    def dest(self) -> str:
        """Where argparse puts the value."""
        return "set:" + self.key


def _at(group: str, *flags: str, key: str, help: str, **more: object) -> SettingOption:
    return SettingOption(group, flags, key, help, **more)  # pyright: ignore[reportArgumentType]


_AGENT, _LIMITS, _CHECKS, _DELIVERY = "the agent", "limits and loop", "verification", "delivery"

SETTINGS: tuple[SettingOption, ...] = (
    _at(
        _AGENT, "-a", "--agent", key="agentDriver.type", metavar="NAME", help="claude-code (default), command, scripted"
    ),
    _at(
        _AGENT,
        "--command",
        key="agentDriver.command",
        metavar="CMD",
        help="the shell command of a `command` agent; the prompt is on its stdin",
    ),
    _at(_AGENT, "--script", key="agentDriver.script", kind=Path, metavar="FILE", help="the play of a `scripted` agent"),
    _at(_AGENT, "--model", key="agentDriver.model", metavar="NAME", help="passed on to the agent"),
    _at(
        _AGENT,
        "--permissions",
        key="agentDriver.permissionMode",
        choices=("default", "accept-edits", "bypass"),
        help="what the agent may do without asking; bypass lets it do anything your user may (default: default)",
    ),
    _at(
        _AGENT,
        "--pass-env",
        key="agentDriver.passEnv",
        many=True,
        metavar="NAME",
        help="let the agent see this variable too; or PREFIX*",
    ),
    _at(
        _LIMITS,
        "--max-iterations",
        key="loopStrategy.maxIterations",
        kind=int,
        metavar="N",
        help="agent calls at most (default 3; more with other strategies)",
    ),
    _at(
        _LIMITS,
        "--iteration-time",
        key="executionLimits.maxIterationSeconds",
        kind=float,
        metavar="S",
        help="seconds for one agent call (default 600)",
    ),
    _at(
        _LIMITS,
        "--max-time",
        key="executionLimits.maxWallClockSeconds",
        kind=float,
        metavar="S",
        help="seconds for the whole run (default 3600)",
    ),
    _at(
        _LIMITS,
        "--max-tokens",
        key="executionLimits.maxTotalTokens",
        kind=int,
        metavar="N",
        help="tokens for the whole run, where the agent tells them (default: no limit)",
    ),
    _at(
        _LIMITS,
        "--max-cost",
        key="executionLimits.maxCostUsd",
        kind=float,
        metavar="USD",
        help="dollars for the whole run, where the agent tells them (default: no limit)",
    ),
    _at(
        _LIMITS,
        "--retry",
        key="retry.policy",
        choices=("default", "aggressive", "none"),
        help="what to do when a call fails for a passing reason: default (2 retries), aggressive (5), none",
    ),
    _at(_LIMITS, "--retries", key="retry.maxAttempts", kind=int, metavar="N", help="retries at most"),
    _at(
        _LIMITS,
        "--loop-strategy",
        key="loopStrategy.mode",
        choices=("fixed", "hybrid", "ralph", "custom"),
        help="when another iteration is worth it (default fixed); its figures are a profile's",
    ),
    _at(
        _CHECKS,
        "--gate-plan",
        key="verification.gatePlanSource",
        choices=("auto", "verify-profile", "ci-workflow", "language", "default"),
        help="where the plan comes from (default auto: the first that is there); see `agentgate plan`",
    ),
    _at(
        _CHECKS,
        "--skip-verification",
        key="verification.skipLevels",
        many=True,
        metavar="LEVEL",
        help="L0 to L3, or lint, typecheck, test: do not judge by it",
    ),
    _at(
        _CHECKS,
        "--check-retries",
        key="verification.maxRetries",
        kind=int,
        metavar="N",
        help="run a failed check again up to N times, to tell a flaky one (default 0)",
    ),
    _at(
        _CHECKS,
        "--pristine",
        key="verification.pristine",
        switch=True,
        help="verify without caches kept from earlier iterations",
    ),
    _at(
        _DELIVERY,
        "--deliver",
        key="gitOps.mode",
        choices=("local", "push", "pr", "fork"),
        help="what becomes of a result that passed: a branch here (default), pushed, or a pull request",
    ),
    _at(
        _DELIVERY,
        "--github-mode",
        key="gitOps.githubMode",
        choices=("fail_fast", "best_effort", "disabled"),
        help="what a failed push or pull request means for the run (default: fail_fast for pull requests)",
    ),
    _at(_DELIVERY, "--remote", key="gitOps.remote", metavar="NAME", help="where to push: a remote or URL (origin)"),
    _at(_DELIVERY, "--base", key="gitOps.base", metavar="BRANCH", help="what the pull request is for"),
    _at(_DELIVERY, "--github-repo", key="gitOps.repository", metavar="O/R", help="where the remote does not tell"),
    _at(_DELIVERY, "--github-api", key="gitOps.apiUrl", metavar="URL", help="another GitHub's API"),
    _at(
        _DELIVERY,
        "--draft",
        key="gitOps.prDraft",
        switch=True,
        help="open the pull request as a draft (default: yes)",
    ),
    _at(_DELIVERY, "--label", key="gitOps.labels", many=True, metavar="NAME", help="for the pull request"),
    _at(_DELIVERY, "--reviewer", key="gitOps.reviewers", many=True, metavar="USER", help="for the pull request"),
    _at(
        _DELIVERY,
        "--wait-for-ci",
        key="gitOps.waitForCI",
        switch=True,
        help="wait for the pull request's checks; failed ones become feedback and another iteration",
    ),
    _at(
        "the queue",
        "--max-wait",
        key="executionLimits.maxWaitSeconds",
        kind=float,
        metavar="S",
        help="seconds to wait for a slot at most (default: no limit)",
    ),
)


_OF_RUNS = ("gitOps.githubMode", "gitOps.waitForCI")
"""What means something only while a run goes on."""


def add_order_options(parser: argparse.ArgumentParser, *, start: bool) -> None:
    """Everything that an order can be told."""
    task = parser.add_argument_group("the task")
    task.add_argument("-p", "--prompt", metavar="TEXT", help="what the agent should do")
    task.add_argument("--prompt-file", type=Path, metavar="FILE", help="the same from a file; - for standard input")
    task.add_argument("--title", metavar="TEXT", help="for lists (default: the prompt's first line)")
    task.add_argument("--profile", "--harness", metavar="NAME", help="the settings to start from (see `profile`)")
    _add_source_options(parser.add_argument_group("the source"))
    groups: dict[str, argparse._ArgumentGroup] = {}  # pyright: ignore[reportPrivateUsage]
    for option in SETTINGS:
        group = groups.get(option.group) or groups.setdefault(option.group, parser.add_argument_group(option.group))
        _add_setting(group, option)
    queue = groups["the queue"]
    queue.add_argument("--priority", type=int, default=0, metavar="N", help="higher goes first (default 0)")
    queue.add_argument(
        "--after", action="append", default=[], metavar="ORDER", help="start only when that order has passed"
    )
    if start:
        queue.add_argument("--start", action="store_true", help="start an engine if none is alive")


def add_delivery_options(parser: argparse.ArgumentParser) -> None:
    """How a result is delivered; what is not given is as the order says."""
    group = parser.add_argument_group(_DELIVERY)
    for option in SETTINGS:
        if option.group == _DELIVERY and option.key not in _OF_RUNS:
            _add_setting(group, option)


def _add_source_options(group: argparse._ArgumentGroup) -> None:  # pyright: ignore[reportPrivateUsage]
    group.add_argument("-C", "--repo", "--path", dest="repo", type=Path, metavar="DIR", help="the repository (here)")
    group.add_argument("--include-dirty", action="store_true", help="take uncommitted changes along")
    group.add_argument("--in-place", action="store_true", help="work in the checkout itself instead of a clone")
    group.add_argument("--git-url", metavar="URL", help="a repository elsewhere")
    group.add_argument("--github", metavar="O/R", help="a repository on GitHub")
    group.add_argument("--git-branch", metavar="NAME", help="where to start there (default: its HEAD)")
    group.add_argument("--fresh", action="store_true", help="a new project, at --path or named by --project-name")
    group.add_argument("--template", metavar="NAME", help="of a new project: minimal (default), python, typescript")
    group.add_argument("--project-name", metavar="NAME", help="of a new project")


def _add_setting(group: argparse._ArgumentGroup, option: SettingOption) -> None:  # pyright: ignore[reportPrivateUsage]
    if option.switch:
        action = argparse.BooleanOptionalAction
        group.add_argument(*option.flags, dest=option.dest, action=action, default=None, help=option.help)
    else:
        group.add_argument(
            *option.flags,
            dest=option.dest,
            action="append" if option.many else "store",
            type=option.kind,
            choices=option.choices,
            metavar=option.metavar,
            help=option.help,
        )


def settings_of(asked: argparse.Namespace) -> dict[str, JsonValue]:
    """What was given, by the profile's keys. A path is made absolute."""
    given: Mapping[str, object] = vars(asked)
    found: dict[str, JsonValue] = {}
    for option in SETTINGS:
        value = given.get(option.dest)
        if value is not None:
            found[option.key] = str(value.absolute()) if isinstance(value, Path) else value  # pyright: ignore
    return found


def named_as_given(message: str) -> str:
    """A fault that names a profile's key, with the option that set it instead."""
    for option in SETTINGS:
        message = re.sub(rf"command line: {re.escape(option.key)}(\[\d+\])?:", option.name, message)
    return message
