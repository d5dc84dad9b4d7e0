"""The names of all events (DESIGN 5)."""

from __future__ import annotations

import re
from enum import StrEnum

_NAME = re.compile(r"[a-z_]+:[a-z0-9_]+\Z")


class EventType(StrEnum):
    RUN_QUEUED = "run:queued"
    RUN_STARTED = "run:started"
    RUN_RESUMED = "run:resumed"
    RUN_WAITING = "run:waiting"
    RUN_WARNING = "run:warning"
    RUN_COMPLETE = "run:complete"
    RUN_FAILED = "run:failed"
    RUN_CANCELED = "run:canceled"
    WORKSPACE_ACQUIRED = "workspace:acquired"
    WORKSPACE_RELEASED = "workspace:released"
    SNAPSHOT_CREATED = "snapshot:created"
    SNAPSHOT_RESTORED = "snapshot:restored"
    ITERATION_STARTED = "iteration:started"
    ITERATION_COMPLETE = "iteration:complete"
    AGENT_STARTED = "agent:started"
    AGENT_MESSAGE = "agent:message"
    AGENT_TOOL_STARTED = "agent:tool_started"
    AGENT_TOOL_FINISHED = "agent:tool_finished"
    AGENT_USAGE = "agent:usage"
    AGENT_PERMISSION = "agent:permission"
    AGENT_COMPLETE = "agent:complete"
    AGENT_FAILED = "agent:failed"
    AGENT_INTERRUPTED = "agent:interrupted"
    AGENT_ADOPTED = "agent:adopted"
    RETRY_SCHEDULED = "retry:scheduled"
    RETRY_STARTED = "retry:started"
    VERIFICATION_STARTED = "verification:started"
    CHECK_STARTED = "check:started"
    CHECK_FINISHED = "check:finished"
    VERIFICATION_COMPLETE = "verification:complete"
    FEEDBACK_GENERATED = "feedback:generated"
    STRATEGY_DECISION = "strategy:decision"
    DELIVERY_STARTED = "delivery:started"
    BRANCH_PUSHED = "branch:pushed"
    PR_CREATED = "pr:created"
    PR_MERGED = "pr:merged"
    CI_POLLED = "ci:polled"
    DELIVERY_COMPLETE = "delivery:complete"
    CONTROL_APPLIED = "control:applied"

    @classmethod
    def told(cls, name: object) -> EventType:
        """The type of that name, as a log tells it. One of a newer version is kept under its name, and is not `known`.

        Raises:
            ValueError: it is no name of an event.
        """
        if not isinstance(name, str) or not _NAME.match(name):
            raise ValueError("it names no event")
        known = cls._value2member_map_.get(name)
        if isinstance(known, cls):
            return known
        newer = str.__new__(cls, name)
        newer._name_ = newer._value_ = name
        return newer

    @property
    def known(self) -> bool:
        """Whether this version has a payload for it."""
        return self.value in EventType._value2member_map_
