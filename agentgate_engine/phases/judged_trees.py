"""What a verification asks of git: the base commit, the snapshot, and what the checks left in the clean room."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from agentgate_engine.verify.tree_readers import AddedLine, BaseFile, ChangeKind, TreeChange, TreeReaders
from agentgate_engine.workspace.git import shown, zero_separated
from agentgate_engine.workspace.workspace import Workspace

CLEAN_INDEX = "clean-room.index"
"""The index that the workspace checks the clean room out with."""
MAX_DIFF_BYTES = 16 << 20
"""Of the text of a change, as far as it is searched for lines."""

_HUNK = re.compile(rb"^@@ -\d+(?:,\d+)? \+(\d+)")
_PLAIN = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=none", "--no-color", "--no-renames")
_MAX_LINES = 200_000
_MAX_LINE = 2000
_MAX_LEFT = 500


@dataclass(frozen=True, slots=True)
class JudgedTrees:
    """The trees of one verification: `base` and `commit` are commits of the run's own repository."""

    workspace: Workspace
    base: str
    commit: str

    @property
    def readers(self) -> TreeReaders:
        return TreeReaders(self.at_base, self.changes, self.added_lines, self.left_behind)

    def at_base(self, path: str, limit: int) -> BaseFile | None:
        """A regular file of the base commit; content above `limit` bytes is not read."""
        git = self.workspace.git
        listed = git.run("--literal-pathspecs", "ls-tree", "-z", "-l", "--full-tree", self.base, "--", path).stdout
        for entry in zero_separated(listed):
            facts, _, name = entry.partition(b"\t")
            mode, _, blob, size = facts.decode("ascii").split()
            if name == os.fsencode(path) and mode.startswith("100"):
                small = int(size) <= limit
                return BaseFile(int(size), git.run("cat-file", "blob", blob).stdout if small else None)
        return None

    def changes(self) -> list[TreeChange]:
        """Every path that the snapshot has otherwise than the base."""
        found = self._raw("ACDMT")
        blobs = [blob for _, blob, _ in found]
        sizes = self._sizes(blobs)
        names: dict[bytes, ChangeKind] = {b"A": "added", b"C": "added", b"D": "deleted"}
        return [
            TreeChange(shown(path), names.get(letter, "modified"), size)
            for (letter, _, path), size in zip(found, sizes, strict=True)
        ]

    def added_lines(self) -> list[AddedLine]:
        """The lines that the base has not, in files that git takes for text and that are not huge."""
        paths = [shown(path) for _, _, path in self._raw("AM")]
        with tempfile.TemporaryFile(dir=self.workspace.admin) as file:
            self.workspace.git.run(
                *("-c", "core.bigFileThreshold=1m", "diff-tree", "-r", "-p", "-U0", "--diff-filter=AM", *_PLAIN),
                *(self.base, self.commit, "--"),
                into=file.fileno(),
            )
            file.seek(0)
            return list(_added(file, paths))

    def left_behind(self) -> list[str]:
        """Untracked paths and changed tracked ones in the clean room; a directory of untracked files is one path."""
        room = self.workspace.clean_room_path
        with self.workspace.index(CLEAN_INDEX) as index:
            git = self.workspace.git.at(room, index)
            git.run("update-index", "-q", "--refresh", ok=(0, 1))
            changed = git.run("diff-files", "-z", "--name-only").stdout
            listing = ("ls-files", "-z", "--others", "--exclude-standard", "--directory", "--no-empty-directory")
            untracked = git.run(*listing).stdout
        names = dict.fromkeys(zero_separated(changed) + zero_separated(untracked))
        return [shown(name) for name in names][:_MAX_LEFT]

    def _raw(self, wanted: str) -> list[tuple[bytes, bytes, bytes]]:
        """(letter of the change, blob in the snapshot, path) of every changed path, in git's order."""
        arguments = ("diff-tree", "-r", "-z", "--raw", "--abbrev=64", f"--diff-filter={wanted}", *_PLAIN)
        fields = iter(self.workspace.git.run(*arguments, self.base, self.commit, "--").stdout.split(b"\0"))
        found: list[tuple[bytes, bytes, bytes]] = []
        for field in fields:
            if field.startswith(b":"):
                _, _, _, blob, letter = field.split(b" ")
                found.append((letter[:1], blob, next(fields, b"")))
        return found

    def _sizes(self, blobs: list[bytes]) -> list[int]:
        """The size of each blob in bytes; 0 where there is none (a deleted file, a submodule)."""
        asked = b"".join(blob + b"\n" for blob in blobs)
        answers = self.workspace.git.run("cat-file", "--batch-check=%(objectsize)", stdin=asked).stdout.splitlines()
        return [int(answer) if answer.isdigit() else 0 for answer in answers]


def _added(patch: IO[bytes], paths: list[str]) -> Iterator[AddedLine]:
    """The new lines of a patch without context, whose files are `paths` in order.

    No line of content can be taken for a header: each begins with `+`, `-` or a backslash.
    """
    left = iter(paths)
    path, number, inside, count = "", 0, False, 0
    while patch.tell() < MAX_DIFF_BYTES and count < _MAX_LINES and (line := patch.readline(MAX_DIFF_BYTES)):
        if line.startswith(b"diff --git "):
            path, inside = next(left, ""), False
        elif match := _HUNK.match(line):
            number, inside = int(match[1]), True
        elif inside and line.startswith(b"+"):
            yield AddedLine(path, number, line[1 : 1 + _MAX_LINE].decode(errors="replace").rstrip("\r\n"))
            number += 1
            count += 1
