"""A work order of the original as ours. Pure."""

from __future__ import annotations

from typing import cast, get_args

from agentgate_engine.models.work_order import (
    AgentRequest,
    GatePlanSource,
    Limits,
    SourceType,
    WorkOrder,
    WorkspaceSource,
)
from agentgate_engine.store.foreign.records import Fields

UNKNOWN_TIME = ""
"""Stands for a time that no record tells; it sorts before every other, and has no age."""

_TITLE_CHARS = 200


def title_of(prompt: str | None) -> str:
    """The first line of a task that says something."""
    lines = (line.strip() for line in (prompt or "").splitlines())
    return next((line for line in lines if line), "")[:_TITLE_CHARS]


def source_words(source: Fields) -> str:
    """Where the work was to be done, in the words of its type."""
    owner, name = source.text("owner"), source.text("repo") or source.text("repoName")
    for key in ("path", "url", "destPath"):
        if (found := source.text(key)) is not None:
            return found
    return f"{owner}/{name}" if owner and name else name or owner or ""


def convert_order(order_id: str, order: Fields) -> WorkOrder:
    """The order; what it does not say has our defaults."""
    source, prompt = order.child("workspaceSource"), order.text("taskPrompt") or ""
    most = order.whole("maxIterations") or 0
    seconds = order.real("maxWallClockSeconds")
    plan = order.text("gatePlanSource")
    return WorkOrder(
        id=order_id,
        title=title_of(prompt),
        task_prompt=prompt,
        workspace_source=WorkspaceSource(
            type=_type_of(source), path=source_words(source), url=source.text("url"), base_commit="", in_place=True
        ),
        agent=AgentRequest(type="claude-code"),
        limits=Limits(max_iterations=most)
        if seconds is None
        else Limits(max_iterations=most, max_wall_clock_seconds=seconds, max_iteration_seconds=seconds),
        gate_plan_source=cast("GatePlanSource", plan) if plan in get_args(GatePlanSource) else "auto",
        created_at=order.stamp("createdAt") or UNKNOWN_TIME,
    )


def _type_of(source: Fields) -> SourceType:
    found = (source.text("type") or "local").removesuffix("-new")
    return cast("SourceType", found) if found in get_args(SourceType) else "local"


def order_facts(order_id: str, order: Fields) -> list[tuple[str, str]]:
    """What else an order says, as (name, text) for people."""
    facts = [("order", f"{order_id}, recorded as {order.text('status') or 'nothing'}")]
    source, policies = order.child("workspaceSource"), order.child("policies")
    kind = source.text("type")
    if kind not in (None, "local"):
        branch = source.text("branch")
        facts.append(("source", f"{kind}" + (f", branch {branch}" if branch else "")))
    if (plan := order.text("gatePlanSource")) is not None:
        facts.append(("gate plan", f"asked for: {plan}; what it was is not kept"))
    if (network := policies.flag("networkAllowed")) is not None:
        facts.append(("network", "allowed" if network else "not allowed"))
    if forbidden := policies.texts("forbiddenPatterns"):
        facts.append(("forbidden", ", ".join(forbidden)))
    if allowed := policies.texts("allowedPaths"):
        facts.append(("allowed", ", ".join(allowed)))
    if order.flag("waitForCI"):
        facts.append(("wait for CI", "yes"))
    if (parent := order.text("parentId")) is not None:
        facts.append(("parent", parent))
    if children := order.texts("childIds"):
        facts.append(("children", ", ".join(children)))
    return facts
