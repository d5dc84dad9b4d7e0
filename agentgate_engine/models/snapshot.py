"""The record of one snapshot: the state of a workspace after an iteration, as a commit."""

from __future__ import annotations

from typing import Literal

from agentgate_engine.models.record import Record

ChangeStatus = Literal["added", "modified", "deleted", "renamed", "copied", "type_changed"]


class SnapshotFile(Record):
    """A path that differs between the two ends of a snapshot, relative and `/`-separated.

    Bytes of a name that are not UTF-8 are spelled `\\xNN`. Line counts are None for a binary file.
    """

    path: str
    previous_path: str | None = None
    status: ChangeStatus
    insertions: int | None = None
    deletions: int | None = None
    binary: bool = False


class Snapshot(Record):
    """What an iteration left, committed on the branch of the run.

    `id` is `{runId}/{iteration}`, so that an iteration which changed nothing still has its own (upstream reused the
    commit's hash and overwrote the earlier record). The figures compare `beforeSha` with `afterSha`, hence they count
    what an agent committed by itself as well; `agentCommits` says how many such commits lie between.
    `notes` are sentences for the operator: what could not be taken over, and why.
    """

    id: str
    run_id: str
    iteration: int
    commit: str
    before_sha: str
    after_sha: str
    tree_before: str
    tree_after: str
    branch: str
    message: str
    files_changed: int
    insertions: int
    deletions: int
    files: list[SnapshotFile] = []
    agent_commits: int = 0
    notes: list[str] = []
    created_at: str
