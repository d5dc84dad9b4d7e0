"""What settings mean for each other: values that follow from others, contradictions, and keys that do nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from pydantic import JsonValue

from agentgate_engine.models.git_ops import GitMode, default_github_mode
from agentgate_engine.profiles.profile_file import Setting

DEFAULT = "default"

_LOOP_KEYS = {
    "hybrid": ("baseIterations", "bonusIterations", "progressThreshold"),
    "ralph": ("minIterations", "similarityThreshold", "window"),
    "custom": ("name",),
}
_AGENT_KEYS = {"command": "command", "script": "scripted"}
_PULL_REQUEST = ("base", "prTitle", "prBody", "prDraft", "labels", "reviewers", "waitForCI")
_CI = ("ciPollSeconds", "ciTimeoutSeconds", "maxCiIterations")


@dataclass(frozen=True, slots=True)
class Settled:
    """`defaults` with what follows from the explicit settings; `origins` for those; `notes` on what does nothing."""

    values: dict[str, JsonValue]
    origins: dict[str, str]
    notes: tuple[str, ...]


def settle(explicit: Mapping[str, Setting], defaults: Mapping[str, JsonValue]) -> Settled:
    """Every setting, with its origin.

    Raises:
        UsageError: two explicit settings contradict each other; names the file, line and key of one.
    """
    values = {**defaults, **{path: setting.value for path, setting in explicit.items()}}
    origins = {**dict.fromkeys(defaults, DEFAULT), **{path: setting.origin for path, setting in explicit.items()}}
    for path, value, reason in _following(values, explicit):
        values[path], origins[path] = value, f"{DEFAULT} ({reason})"
    _refuse_contradictions(values, explicit)
    notes = tuple(f"{path} ({explicit[path].origin}) {what}" for path, what in _idle(values, explicit))
    return Settled(values, origins, notes)


def _following(values: dict[str, JsonValue], explicit: Mapping[str, Setting]) -> Iterator[tuple[str, JsonValue, str]]:
    """(key, value, why) for each key that nobody set and that follows from others, in the order they build on."""
    if "gitOps.mode" not in explicit:
        for switch, mode in (("gitOps.createPR", GitMode.PR), ("gitOps.autoPush", GitMode.PUSH)):
            if values[switch] is True:
                yield "gitOps.mode", mode.value, f"{switch} is true"
                break
    mode = str(values["gitOps.mode"])
    if "gitOps.githubMode" not in explicit:
        yield "gitOps.githubMode", default_github_mode(mode).value, f"gitOps.mode is {mode}"
    yield from _iterations(values, explicit)
    retries = cast("int", values["verification.maxRetries"])
    if "verification.retryFlaky" not in explicit and retries:
        yield "verification.retryFlaky", True, f"verification.maxRetries is {retries}"
    if "verification.maxRetries" not in explicit and values["verification.retryFlaky"] is True:
        yield "verification.maxRetries", 1, "verification.retryFlaky is true"


def _iterations(
    values: Mapping[str, JsonValue], explicit: Mapping[str, Setting]
) -> Iterator[tuple[str, JsonValue, str]]:
    if "loopStrategy.maxIterations" in explicit:
        return
    mode = values["loopStrategy.mode"]
    if mode == "hybrid":
        total = cast("int", values["loopStrategy.baseIterations"]) + cast("int", values["loopStrategy.bonusIterations"])
        yield "loopStrategy.maxIterations", min(total, 100), "baseIterations and bonusIterations"
    elif mode != "fixed":
        least = cast("int", values["loopStrategy.minIterations"])
        yield "loopStrategy.maxIterations", max(10, least), f"loopStrategy.mode is {mode}"


def _refuse_contradictions(values: Mapping[str, JsonValue], explicit: Mapping[str, Setting]) -> None:
    mode = GitMode(str(values["gitOps.mode"]))
    opens = mode in (GitMode.PR, GitMode.FORK)
    for switch, happens in (("gitOps.createPR", opens), ("gitOps.autoPush", mode is not GitMode.LOCAL)):
        if switch in explicit and explicit[switch].value is not happens:
            said = "true" if explicit[switch].value else "false"
            set_by = f", set by {explicit['gitOps.mode'].origin}" if "gitOps.mode" in explicit else ""
            raise explicit[switch].fault(
                f"is {said}, but gitOps.mode is {mode.value}{set_by}: remove it, or change the mode"
            )
    custom = values["loopStrategy.mode"] == "custom"
    if custom and not values["loopStrategy.name"]:
        at = explicit["loopStrategy.mode"]
        raise at.fault("custom needs loopStrategy.name, an entry point in the group agentgate.strategies")
    least, most = "loopStrategy.minIterations", "loopStrategy.maxIterations"
    if values["loopStrategy.mode"] == "ralph" and cast("int", values[least]) > cast("int", values[most]):
        at = explicit.get(least) or explicit[most]
        raise at.fault(f"minIterations is {values[least]}, but maxIterations is {values[most]}")


def _idle(values: Mapping[str, JsonValue], explicit: Mapping[str, Setting]) -> Iterator[tuple[str, str]]:
    """(key, what about it) for each explicit setting that does nothing as the others stand."""
    mode = str(values["loopStrategy.mode"])
    for owner, names in _LOOP_KEYS.items():
        for path in [f"loopStrategy.{name}" for name in names]:
            if owner != mode and path in explicit and explicit[path].value is not None:
                yield path, f"does nothing while loopStrategy.mode is {mode}"
    if mode != "custom":
        for path in [path for path in explicit if path.startswith("loopStrategy.params.")]:
            yield path, f"does nothing while loopStrategy.mode is {mode}"
    yield from _idle_bound(values, explicit, mode)
    agent = values["agentDriver.type"]
    for name, owner in _AGENT_KEYS.items():
        path = f"agentDriver.{name}"
        if owner != agent and path in explicit and explicit[path].value is not None:
            yield path, f"does nothing for the agent {agent}"
    if values["verification.retryFlaky"] is not True and values["verification.maxRetries"]:
        yield "verification.maxRetries", "does nothing while verification.retryFlaky is false"
    yield from _idle_delivery(values, explicit)


def _idle_bound(
    values: Mapping[str, JsonValue], explicit: Mapping[str, Setting], mode: str
) -> Iterator[tuple[str, str]]:
    path = "loopStrategy.maxIterations"
    granted = cast("int", values["loopStrategy.baseIterations"]) + cast("int", values["loopStrategy.bonusIterations"])
    if mode == "hybrid" and path in explicit and cast("int", values[path]) < granted:
        yield path, f"ends the loop before the {granted} iterations that baseIterations and bonusIterations grant"
    elif mode == "hybrid" and path in explicit and cast("int", values[path]) > granted:
        yield path, f"does nothing: baseIterations and bonusIterations grant {granted} iterations"


def _idle_delivery(values: Mapping[str, JsonValue], explicit: Mapping[str, Setting]) -> Iterator[tuple[str, str]]:
    mode = str(values["gitOps.mode"])
    idle = () if mode in ("pr", "fork") else _PULL_REQUEST
    for path in [f"gitOps.{name}" for name in idle]:
        if path in explicit and explicit[path].value not in (None, False, []):
            yield path, f"does nothing while gitOps.mode is {mode}"
    if values["gitOps.waitForCI"] is not True:
        for path in [f"gitOps.{name}" for name in _CI]:
            if path in explicit:
                yield path, "does nothing while gitOps.waitForCI is false"
    if mode == "local":
        for path in ("gitOps.remote", "gitOps.repository", "gitOps.githubMode"):
            if path in explicit and explicit[path].value not in (None, "disabled"):
                yield path, "does nothing while gitOps.mode is local"
