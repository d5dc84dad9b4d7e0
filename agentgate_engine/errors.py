"""The error family. Each message says what failed, why, and what to do next; the class decides the exit code."""

from __future__ import annotations


class AgentGateError(Exception):
    """The root. `exit_code` is what a command ends with when this reaches its top (DESIGN 3)."""

    exit_code = 1


class UsageError(AgentGateError):
    """Bad usage or bad input: nothing was done."""

    exit_code = 2


class StoreError(AgentGateError):
    """The store cannot be read or written, or is of a format that this version does not know."""

    exit_code = 3


class CorruptRecord(StoreError):
    """A file of the store does not hold the record it should. Others in the same store still can be read."""


class WorkspaceError(AgentGateError):
    """A workspace could not be made, restored or read."""


class SnapshotError(WorkspaceError):
    """The state of a workspace could not be committed."""


class LockHeld(AgentGateError):
    """Somebody else holds a lock that is needed to go on."""


class ParkRun(AgentGateError):
    """The evidence cannot be written (full disk, failed fsync, lost store): the run waits and says why (DESIGN 4)."""


class GitHubError(AgentGateError):
    """GitHub, or the push to it, refused or could not be reached.

    `status` is the HTTP status, where there was an answer; `retry_after_s` what GitHub asked to wait, in seconds.
    """

    def __init__(
        self, message: str, *, status: int | None = None, retryable: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retryable = retryable
        self.retry_after_s = retry_after_s
