"""What differs between two trees, read out of git's machine formats. Pure functions, but for the two that ask git."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.models.snapshot import ChangeStatus, SnapshotFile
from agentgate_engine.store.atomic import replacing
from agentgate_engine.workspace.git import Git, shown

_STATUS: dict[str, ChangeStatus] = {
    "A": "added",
    "M": "modified",
    "D": "deleted",
    "R": "renamed",
    "C": "copied",
    "T": "type_changed",
}
_HUNK = re.compile(rb"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
_PLAIN = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=none", "--no-color")


@dataclass(frozen=True, slots=True)
class ChangedPath:
    """A path that differs between two trees. `hunks` are (first line, number of lines) in the newer one, counted from
    1; a pure deletion inside the file is (line before it, 0). None for a deleted or binary file."""

    path: str
    status: ChangeStatus
    hunks: tuple[tuple[int, int], ...] = ()


def files_between(git: Git, older: str, newer: str, *, renames: bool = True) -> list[SnapshotFile]:
    """Every path that differs, with its line counts. `older` and `newer` are commits or trees."""
    detection = "-M" if renames else "--no-renames"
    output = git.run("diff-tree", "-r", "-z", "--raw", "--numstat", *_PLAIN, detection, older, newer, "--")
    return parse_raw_numstat(output.stdout)


def paths_between(git: Git, older: str, newer: str) -> list[ChangedPath]:
    """Every path that differs, with the line ranges that are new in it. Renames count as delete and add."""
    files = files_between(git, older, newer, renames=False)
    hunks: list[tuple[tuple[int, int], ...]] = []
    if any(file.status == "modified" for file in files):
        arguments = ("-r", "-p", "-U0", "--diff-filter=M", "--no-renames", *_PLAIN)
        # Past this size line ranges help nobody, and the text of the difference would fill the memory.
        output = git.run("-c", "core.bigFileThreshold=8m", "diff-tree", *arguments, older, newer, "--")
        hunks = parse_hunks(output.stdout)
    modified = iter(hunks)
    changed: list[ChangedPath] = []
    for file in files:
        ranges: tuple[tuple[int, int], ...] = ()
        if file.status == "modified":
            ranges = next(modified, ())
        elif file.insertions:
            ranges = ((1, file.insertions),)
        changed.append(ChangedPath(file.path, file.status, ranges))
    return changed


def patch_between(git: Git, older: str, newer: str) -> bytes:
    """A unified patch that `git apply` takes, binary files included."""
    arguments = ("-r", "-p", "--full-index", "--binary", "-M", *_PLAIN)
    return git.run("diff-tree", *arguments, older, newer, "--").stdout


def write_patch(git: Git, older: str, newer: str, destination: Path) -> None:
    """The same patch, by git straight into a file that is there whole or not at all: it may be larger than the memory.

    Raises:
        OSError: it could not be written; nothing changed at `destination`.
    """
    arguments = ("-r", "-p", "--full-index", "--binary", "-M", *_PLAIN)
    with replacing(destination) as descriptor:
        git.run("diff-tree", *arguments, older, newer, "--", into=descriptor)


def parse_raw_numstat(listing: bytes) -> list[SnapshotFile]:
    """The files of `diff-tree -z --raw --numstat`: first all raw entries, then all counts, in the same order."""
    fields = iter(listing.split(b"\0"))
    found: list[tuple[ChangeStatus, bytes, bytes | None]] = []
    counts: list[tuple[int | None, int | None]] = []
    for field in fields:
        if field.startswith(b":"):
            letter = field.rsplit(b" ", 1)[1][:1].decode("ascii", "replace")
            first = next(fields, b"")
            moved = letter in ("R", "C")
            path = next(fields, b"") if moved else first
            found.append((_STATUS.get(letter, "modified"), path, first if moved else None))
        elif field:
            added, removed, path = field.split(b"\t", 2)
            counts.append((_count(added), _count(removed)))
            if not path:  # a rename: its two names are the next two fields
                next(fields, b"")
                next(fields, b"")
    return [
        SnapshotFile(
            path=shown(path),
            previous_path=None if previous is None else shown(previous),
            status=status,
            insertions=added,
            deletions=removed,
            binary=added is None,
        )
        for (status, path, previous), (added, removed) in zip(found, counts, strict=True)
    ]


def parse_hunks(patch: bytes) -> list[tuple[tuple[int, int], ...]]:
    """For each file of a patch without context, in order, its new line ranges.

    No line of content can be taken for a header: each begins with `+`, `-` or a backslash, and names are quoted.
    """
    files: list[list[tuple[int, int]]] = []
    for line in patch.split(b"\n"):
        if line.startswith(b"diff --git "):
            files.append([])
        elif files and (match := _HUNK.match(line)):
            files[-1].append((int(match[1]), 1 if match[2] is None else int(match[2])))
    return [tuple(ranges) for ranges in files]


def _count(field: bytes) -> int | None:
    return None if field == b"-" else int(field)
