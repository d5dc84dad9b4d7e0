"""Working in the operator's own checkout, when he asked for it.

The files are his, the repository that we write is ours as ever (`repo.git`), and his `.git` is only looked at. What we
delete there is only what a commit of ours holds: an ignored file, a nested repository or a socket is never touched.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agentgate_engine.clock import Clock
from agentgate_engine.errors import CorruptRecord, SnapshotError, WorkspaceError
from agentgate_engine.models.lease import InPlace
from agentgate_engine.store.atomic import read_regular, replace_file
from agentgate_engine.workspace.changes import files_between
from agentgate_engine.workspace.git import Git
from agentgate_engine.workspace.staging import UNREADABLE, commit_tree, stage_everything, tree_of

if TYPE_CHECKING:
    from agentgate_engine.workspace.workspace import Workspace

_PLACE = "place.json"
_HEAD = "checkout-head"
_CHECKOUT_DEADLINE = 900.0


def read_place(root: Path) -> InPlace | None:
    """Where the run with the workspace directory `root` works, or None when it has a clone of its own.

    Raises:
        CorruptRecord: the record cannot be read, and nobody could say whose files these are.
    """
    try:
        return InPlace.from_json(read_regular(root / _PLACE), str(root / _PLACE))
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_place(root: Path, source: Git) -> None:
    """Record that the run works in the checkout of `source`, before anything else is done there.

    Raises:
        WorkspaceError: the store lies inside the checkout, and would be part of the work.
    """
    tree = source.directory.resolve()
    if root.resolve().is_relative_to(tree):
        raise WorkspaceError(f"the run store lies inside {tree}, which cannot be worked on in place: use --home")
    git_dir = source.run("rev-parse", "--absolute-git-dir").stdout.removesuffix(b"\n").decode("utf-8", "replace")
    replace_file(root / _PLACE, InPlace(tree=str(tree), git_dir=git_dir).to_json())


def checkout_git(place: InPlace) -> Git:
    """The operator's repository of a checkout, for looking: never found anew, since an agent could have removed it."""
    return Git(directory=Path(place.tree), git_dir=Path(place.git_dir), hermetic=False)


def start_tree(git: Git, place: InPlace, base: str, *, take_uncommitted: bool) -> str:
    """The tree that a run in place starts from. `git` is ours, on the checkout, with an index of its own to fill.

    Raises:
        WorkspaceError: the checkout is not as it was when the order was taken in.
    """
    here = checkout_git(place).run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1, 128)).text
    if here != base:
        raise WorkspaceError(
            f"{place.tree} stood at {base[:12]} when the order was made and stands at {here[:12] or 'no commit'} now:"
            " submit the order again"
        )
    git.run("read-tree", base)
    stage_everything(git, embedded=False)
    tree = tree_of(git)
    changed = files_between(git, base, tree, renames=False)
    if changed and not take_uncommitted:
        names = ", ".join(file.path for file in changed[:5]) + (" and more" if len(changed) > 5 else "")
        raise WorkspaceError(
            f"{place.tree} has uncommitted changes, and the run would work on those very files: {names}. Commit or"
            " stash them and submit again, with --include-dirty to start from them"
        )
    return tree


def restore_in_place(workspace: Workspace, commit: str, label: str, index: Path, clock: Clock) -> tuple[str, list[str]]:
    """Put the checkout to `commit`, and return the commit that holds what stood there and notes.

    The present state is always kept first, under `label` or the next free name like it, so nothing is ever lost; then
    exactly the files of that commit are replaced by those of `commit`.

    Raises:
        WorkspaceError: something there cannot be kept, hence nothing was changed; or a file could not be written.
    """
    git = workspace.working(index)
    notes = stage_everything(git, embedded=False)
    if any(note.startswith(UNREADABLE) for note in notes):
        raise SnapshotError(f"{workspace.tree} was not put back, since not everything there can be kept: {notes}")
    kept = _kept(workspace, git, tree_of(git), label, clock)
    git.run("read-tree", "--reset", "-u", commit, deadline=_CHECKOUT_DEADLINE)
    return kept, notes


def note_head(workspace: Workspace, place: InPlace) -> list[str]:
    """Remember where the checkout's HEAD stands, to tell later what the agent committed there itself."""
    try:
        head = checkout_git(place).run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1, 128)).text
    except WorkspaceError as fault:
        return [f"the repository of the checkout cannot be read: {fault}"]
    replace_file(workspace.admin / _HEAD, f"{head}\n".encode(), sync=False)
    return [] if head else [f"the repository of the checkout is gone or has no commit any more: {place.git_dir}"]


def own_commits(workspace: Workspace, place: InPlace) -> tuple[int, list[str]]:
    """How many commits the agent made in the checkout since `note_head`, and what to tell the operator about them."""
    try:
        earlier = read_regular(workspace.admin / _HEAD, 128).decode("ascii", "replace").strip()
    except (FileNotFoundError, CorruptRecord):
        return 0, []
    try:
        count = int(checkout_git(place).run("rev-list", "--count", f"{earlier}..HEAD", "--").text)
    except (WorkspaceError, ValueError):
        return 0, []  # `note_head` tells it, once
    if not count:
        return 0, []
    return count, [f"the agent committed in the checkout itself ({count}): those commits are on its branch there"]


def _kept(workspace: Workspace, git: Git, tree: str, label: str, clock: Clock) -> str:
    for number in range(1, 1000):
        name = label if number == 1 else f"{label}-{number}"
        ref = f"refs/agentgate/interrupted/{name}"
        found = workspace.resolve(ref)
        if found is None:
            kept = commit_tree(workspace.git, tree, workspace.head(), f"Interrupted: {name}", clock)
            workspace.git.run("update-ref", ref, kept, fault=SnapshotError)
            return kept
        if workspace.tree_of_commit(found) == tree:
            return found
    raise SnapshotError(f"{workspace.repository} holds a thousand states named {label}: delete some")
