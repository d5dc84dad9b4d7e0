"""From the paths that tools print to the paths of the tree that was judged."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TreePaths:
    """`roots` are the absolute spellings of the clean room, `tracked` the files of the snapshot, relative to it."""

    roots: tuple[str, ...]
    tracked: frozenset[str]
    by_name: Mapping[str, list[str]]

    @classmethod
    def of(cls, roots: Collection[str], tracked: Collection[str]) -> TreePaths:
        by_name: dict[str, list[str]] = {}
        for path in tracked:
            by_name.setdefault(posixpath.basename(path), []).append(path)
        longest_first = sorted({root.rstrip("/") for root in roots}, key=len, reverse=True)
        return cls(tuple(longest_first), frozenset(tracked), by_name)

    def relative(self, printed: str) -> str | None:
        """`printed` relative to the clean room, whether tracked or not; `None` when it points elsewhere.

        A command that changed directory prints paths relative to that one: a printed path that is the end of exactly
        one tracked path means that file.
        """
        path = printed.removeprefix("file://")
        for root in self.roots:
            if path.startswith(root + "/"):
                path = path[len(root) + 1 :]
                break
        path = posixpath.normpath(path)
        if path in self.tracked:
            return path
        if path.startswith(("/", "<", "..")) or path == ".":
            return None
        ending = "/" + path
        meant = [name for name in self.by_name.get(posixpath.basename(path), ()) if name.endswith(ending)]
        return meant[0] if len(meant) == 1 else path

    def known(self, printed: str) -> str | None:
        """As `relative`, but only for a file of the snapshot: what setup installed is not the work."""
        path = self.relative(printed)
        return path if path in self.tracked else None

    def without_roots(self, text: str) -> str:
        """`text` with the clean room's own place taken out: it says nothing, and differs from machine to machine."""
        for root in self.roots:
            text = text.replace(root + "/", "")
        return text
