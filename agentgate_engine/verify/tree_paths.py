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
        path = _with_slashes(printed.removeprefix("file://"))
        for root in self.roots:
            if path.startswith(root + "/"):
                path = path[len(root) + 1 :]
                break
        path = posixpath.normpath(path)
        if path in self.tracked:
            return path
        if path[1:3] == ":/":
            return self._held(path)
        if path.startswith("../"):
            return self._meant(path.replace("../", ""))
        if path.startswith(("/", "<", "..")) or path == ".":
            return None
        return self._meant(path) or path

    def known(self, printed: str) -> str | None:
        """As `relative`, but only for a file of the snapshot: what setup installed is not the work.

        The project's own modules, installed as a copy, are the work: they stand for the files they were copied from.
        """
        path = self.relative(printed)
        if path in self.tracked:
            return path
        _, installed, module = printed.partition("-packages/")
        copied = [f for f in (module, f"src/{module}") if f in self.tracked] if installed and "/" in module else []
        return copied[0] if copied else None

    def _meant(self, path: str) -> str | None:
        """The one tracked path that ends in `path`, if there is exactly one."""
        if path in self.tracked:
            return path
        ending = "/" + path
        meant = [name for name in self.by_name.get(posixpath.basename(path), ()) if name.endswith(ending)]
        return meant[0] if len(meant) == 1 else None

    def _held(self, path: str) -> str | None:
        """The longest tracked path that `path` ends in: on a drive of Windows, the tree may lie anywhere."""
        held = [name for name in self.by_name.get(posixpath.basename(path), ()) if path.endswith("/" + name)]
        return max(held, key=len, default=None)

    def without_roots(self, text: str) -> str:
        """`text` with the clean room's own place taken out: it says nothing, and differs from machine to machine."""
        for root in self.roots:
            text = text.replace(root + "/", "")
        return text


def _with_slashes(path: str) -> str:
    """As tools for Windows print paths: `src\\app.ts`, `C:\\work\\src\\app.ts`."""
    return path.replace("\\", "/") if "\\" in path else path
