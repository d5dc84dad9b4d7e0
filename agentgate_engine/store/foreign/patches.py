"""What an iteration changed, from `snapshots/{sha}.json` and the patch beside the run. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agentgate_engine.models.snapshot import ChangeStatus, Snapshot, SnapshotFile
from agentgate_engine.store.foreign.records import Fields, whole_text

MOST_PATCH_BYTES = 8 << 20
"""Bytes of a patch that are read for the names in it; all of it is shown."""

_MOST_FILES = 1_000


@dataclass
class _File:
    path: str
    previous: str | None = None
    status: ChangeStatus = "modified"
    insertions: int = 0
    deletions: int = 0
    binary: bool = False


def files_in_patch(patch: bytes) -> list[SnapshotFile]:
    """The files that a unified diff changes, with the lines of each."""
    files: list[_File] = []
    in_hunk = False
    for raw in patch.split(b"\n"):
        line = whole_text(raw.decode("utf-8", "replace"))
        if line.startswith("diff --git "):
            if len(files) >= _MOST_FILES:
                break
            files.append(_File(_name_of(line)))
            in_hunk = False
        elif not files:
            continue
        elif line.startswith("@@ "):
            in_hunk = True
        elif in_hunk:
            files[-1].insertions += line.startswith("+")
            files[-1].deletions += line.startswith("-")
        else:
            _header(files[-1], line)
    return [
        SnapshotFile(
            path=file.path,
            previous_path=file.previous,
            status=file.status,
            insertions=None if file.binary else file.insertions,
            deletions=None if file.binary else file.deletions,
            binary=file.binary,
        )
        for file in files
    ]


def _name_of(line: str) -> str:
    """The path after the change, from `diff --git a/x b/x`."""
    rest = line.removeprefix("diff --git ")
    _, found, after = rest.rpartition(" b/")
    if found:
        return after
    return rest.rpartition(' "b/')[2].removesuffix('"') or rest


def _header(file: _File, line: str) -> None:
    if line.startswith("new file mode"):
        file.status = "added"
    elif line.startswith("deleted file mode"):
        file.status = "deleted"
    elif line.startswith("rename from "):
        file.status, file.previous = "renamed", line.removeprefix("rename from ")
    elif line.startswith("copy from "):
        file.status, file.previous = "copied", line.removeprefix("copy from ")
    elif line.startswith(("Binary files ", "GIT binary patch")):
        file.binary = True


def convert_snapshot(
    run_id: str, iteration: int, *, before: str | None, after: str | None, record: Fields, patch: bytes | None
) -> Snapshot | None:
    """What an iteration left; None where nobody knows what that is.

    An iteration that changed nothing used the commit before it again, and wrote over its record (upstream.md 2.5): a
    record of another iteration is not taken, and two equal commits say that nothing changed.
    """
    own = record if record.text("runId") == run_id and record.whole("iteration") in (None, iteration) else Fields()
    files = files_in_patch(patch[:MOST_PATCH_BYTES]) if patch is not None else []
    unchanged = before is not None and before == after
    if not own and not files and not unchanged:
        return None
    counted = [file for file in files if not file.binary]
    changed, added, gone = own.whole("filesChanged"), own.whole("insertions"), own.whole("deletions")
    sha = own.text("afterSha") or after or ""
    return Snapshot(
        id=f"{run_id}/{iteration}",
        run_id=run_id,
        iteration=iteration,
        commit=sha,
        before_sha=own.text("beforeSha") or before or "",
        after_sha=sha,
        tree_before="",
        tree_after="",
        branch=own.text("branch") or "",
        message=own.text("commitMessage") or "",
        files_changed=len(files) if changed is None else changed,
        insertions=sum(file.insertions or 0 for file in counted) if added is None else added,
        deletions=sum(file.deletions or 0 for file in counted) if gone is None else gone,
        files=files,
        created_at=own.stamp("createdAt") or "",
    )
