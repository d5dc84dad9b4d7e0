"""What a verification may ask of the trees it judges. The spine gives the answers (git, the clean room); the rules here
only ask, so that they can be tested without a repository."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class BaseFile:
    """A regular file of the base commit. `content` is None when it is larger than what was asked for."""

    size: int
    content: bytes | None


ChangeKind = Literal["added", "modified", "deleted"]


@dataclass(frozen=True, slots=True)
class TreeChange:
    """A path that the snapshot has otherwise than the base. `size` is in bytes, 0 for a deleted file."""

    path: str
    status: ChangeKind
    size: int


@dataclass(frozen=True, slots=True)
class AddedLine:
    """A line that the base has not. `number` counts from 1 in the new file."""

    path: str
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class TreeReaders:
    """Each is asked at most a few times, in a thread, and may raise what its own room raises.

    `at_base` gives (path, limit in bytes) -> a file of the base commit, or None; `changes` what differs from it, and
    `added_lines` the lines that are new in text files, up to a limit of its own; `left_behind` the untracked and the
    changed tracked paths that stand in the clean room when the checks have run.
    """

    at_base: Callable[[str, int], BaseFile | None] = lambda _path, _limit: None
    changes: Callable[[], Sequence[TreeChange]] = lambda: ()
    added_lines: Callable[[], Sequence[AddedLine]] = lambda: ()
    left_behind: Callable[[], Sequence[str]] = lambda: ()
