"""The present state of a working directory, written into an index. Nothing there can run, or be lost silently.

`git add -A` will not do: it asks a nested repository for its status (which runs whatever is configured in there), it
records such a repository as a bare link that loses the files, and one odd file makes it give up. Here git lists and
hashes, and we decide on each path that is no plain file.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from agentgate_engine.clock import Clock
from agentgate_engine.errors import SnapshotError, StoreError, WorkspaceError
from agentgate_engine.store.atomic import read_regular
from agentgate_engine.workspace.git import Git, GitTimeout, shown, zero_separated

_ATTEMPTS = 3
_NAMED_IN_A_NOTE = 5
UNREADABLE = "files that cannot be read were left as they were before"
"""How the note begins that says so."""
_RULES = frozenset((".gitignore", ".gitattributes"))


@dataclass(slots=True)
class _Plan:
    add: list[bytes] = field(default_factory=list[bytes])
    remove: list[bytes] = field(default_factory=list[bytes])
    embedded: list[bytes] = field(default_factory=list[bytes])
    unreadable: list[bytes] = field(default_factory=list[bytes])
    special: list[bytes] = field(default_factory=list[bytes])


def copy_index(source: Path, destination: Path) -> None:
    """Copy an index together with its modification time.

    Git takes a file for unchanged when its stat data match and it is older than the index; a copy with a newer time
    would make it trust entries that it has to look at again.
    """
    shutil.copy2(source, destination)


def stage_everything(git: Git, *, embedded: bool = True, rewrite: bool = False) -> list[str]:
    """Make the index of `git` say what stands in its working directory, and return notes for the operator.

    Ignored files stay out. `embedded` takes the files of nested repositories in as plain files. `rewrite` writes the
    index even when nothing changed, so that later calls need not read files again whose time stamps are too close.

    Raises:
        SnapshotError: the state cannot be read, or keeps changing under our hands.
    """
    notes: list[str] = []
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return notes + _stage_once(git, embedded, rewrite)
        except GitTimeout as fault:
            removed = remove_blocking_files(git.directory) if git.hermetic else []
            if not removed:
                raise SnapshotError(str(fault)) from fault
            notes.append(f"pipes that git would have waited on were removed: {_named(removed)}")
        except SnapshotError as fault:
            if "failed to encode" in str(fault) and git.git_dir is not None:
                _give_up_on_encodings(git.git_dir)
                notes.append(
                    ".gitattributes asks for an encoding that a file does not have: files are kept as they are"
                )
            elif attempt == _ATTEMPTS:
                raise
    raise SnapshotError(f"the files in {git.work_tree} could not be read in {_ATTEMPTS} attempts")


def tree_of(git: Git) -> str:
    """The hash of the tree that the index of `git` holds."""
    return git.run("write-tree", fault=SnapshotError).text


def commit_tree(git: Git, tree: str, parent: str, message: str, clock: Clock) -> str:
    """Make a commit object and return its hash."""
    text = message.replace("\0", " ").encode("utf-8", "replace")
    return (
        git.dated(clock.now()).run("commit-tree", tree, "-p", parent, "-F", "-", stdin=text, fault=SnapshotError).text
    )


def _stage_once(git: Git, embedded: bool, rewrite: bool) -> list[str]:
    listing = ("ls-files", "-z", "-t", "--modified", "--deleted", "--others", "--exclude-standard")
    listed = git.run(*listing, fault=SnapshotError)
    plan = _plan(git, zero_separated(listed.stdout))
    if embedded:
        for directory in plan.embedded:
            _sort_untracked(git, _files_of_embedded(git, directory), plan)
    notes = _notes(plan, embedded)
    if b"could not open directory" in listed.stderr:
        notes.append("a directory could not be opened and was left out: " + _last_line(listed.stderr))
    return notes + _apply(git, plan, rewrite)


def stage_choices(git: Git, agents_index: Path) -> list[str]:
    """Follow what the agent decided on ignored files in its own index, and return notes for the operator.

    A file that it added by force is taken, though it is ignored; one that it no longer tracks (`git rm --cached`, with
    a new rule) is dropped. Without this its own commits and our snapshot would contradict each other.
    """
    copy = (git.index or agents_index).with_name(f".agents-index.{secrets.token_hex(4)}")
    try:
        copy.write_bytes(read_regular(agents_index))
        theirs = _tracked_though_ignored(replace(git, index=copy))
        ours = _tracked_though_ignored(git)
    except FileNotFoundError:
        return []
    except (StoreError, WorkspaceError) as fault:
        return [f"the agent's index could not be read, so its choices on ignored files are not followed: {fault}"]
    finally:
        copy.unlink(missing_ok=True)
    plan = _Plan(remove=sorted(ours - theirs))
    _sort_untracked(git, sorted(theirs - ours), plan)
    return _notes(plan, True) + _apply(git, plan, False)


def remove_blocking_files(root: Path) -> list[bytes]:
    """Remove pipes in place of files that git opens for their rules: it would wait for a writer forever."""
    removed: list[bytes] = []
    for place, _, names in os.walk(root):
        for name in _RULES.intersection(names):
            file = Path(place, name)
            if not stat.S_ISREG(mode := file.lstat().st_mode) and not stat.S_ISLNK(mode):
                file.unlink()
                removed.append(os.fsencode(file.relative_to(root)))
    return removed


def _tracked_though_ignored(git: Git) -> set[bytes]:
    return set(zero_separated(git.run("ls-files", "-z", "--cached", "--ignored", "--exclude-standard").stdout))


def _apply(git: Git, plan: _Plan, rewrite: bool) -> list[str]:
    if plan.remove:
        git.run("update-index", "--force-remove", "-z", "--stdin", stdin=_joined(plan.remove), fault=SnapshotError)
    if plan.add or rewrite:
        force = ("--force-write-index",) if rewrite else ()
        arguments = ("update-index", "--add", "--remove", "--replace", *force, "-z", "--stdin")
        done = git.run(*arguments, stdin=_joined(plan.add), fault=SnapshotError)
        if b"Ignoring path" in done.stderr:
            return ["git refuses a name, and the file was left out: " + _last_line(done.stderr)]
    return []


def _plan(git: Git, entries: Iterable[bytes]) -> _Plan:
    """Decide what becomes of each listed path. Entries are `LETTER path`; `?` is untracked."""
    plan = _Plan()
    tracked: dict[bytes, None] = {}
    untracked: list[bytes] = []
    for entry in entries:
        letter, path = entry[:1], entry[2:]
        if letter == b"?":
            untracked.append(path)
        else:
            tracked[path] = None
    linked: dict[Path, bool] = {}
    for path in tracked:
        _sort_tracked(git, path, linked, plan)
    _sort_untracked(git, untracked, plan)
    return plan


def _sort_tracked(git: Git, path: bytes, linked: dict[Path, bool], plan: _Plan) -> None:
    place = git.directory / os.fsdecode(path)
    try:
        mode = None if _beyond_link(git.directory, place.parent, linked) else place.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    except OSError:
        plan.unreadable.append(path)
        return
    if mode is None:
        plan.remove.append(path)
    elif stat.S_ISDIR(mode):
        (plan.add if _is_submodule(git, path) else plan.remove).append(path)
    else:
        _sort_file(place, path, mode, plan, tracked=True)


def _sort_untracked(git: Git, paths: Iterable[bytes], plan: _Plan) -> None:
    for path in paths:
        if path.endswith(b"/"):
            plan.embedded.append(path[:-1])
            continue
        place = git.directory / os.fsdecode(path)
        try:
            mode = place.lstat().st_mode
        except OSError:
            continue  # it went away since it was listed
        _sort_file(place, path, mode, plan, tracked=False)


def _sort_file(place: Path, path: bytes, mode: int, plan: _Plan, *, tracked: bool) -> None:
    if stat.S_ISLNK(mode):
        plan.add.append(path)
    elif not stat.S_ISREG(mode):
        plan.special.append(path)
        if tracked:
            plan.remove.append(path)
    elif os.access(place, os.R_OK, effective_ids=True):
        plan.add.append(path)
    else:
        plan.unreadable.append(path)


def _beyond_link(root: Path, directory: Path, known: dict[Path, bool]) -> bool:
    """Whether a directory of the tree is reached through a link: what stands beyond is not in the tree."""
    if directory == root:
        return False
    if directory not in known:
        known[directory] = _beyond_link(root, directory.parent, known) or stat.S_ISLNK(directory.lstat().st_mode)
    return known[directory]


def _is_submodule(git: Git, path: bytes) -> bool:
    name = ":(top,literal)" + os.fsdecode(path)
    return git.run("ls-files", "-z", "--stage", "--", name).stdout.startswith(b"160000 ")


def _files_of_embedded(git: Git, directory: bytes) -> list[bytes]:
    """The files of a nested repository that neither its own rules nor those of the tree around it ignore. Repositories
    nested in it come in the same way."""
    found: list[bytes] = []
    waiting = [directory]
    while waiting:
        current = waiting.pop()
        place = git.directory / os.fsdecode(current)
        if place.is_symlink():
            continue
        inside = replace(git, directory=place, work_tree=place, index=_no_index(git))
        for path in zero_separated(inside.run("ls-files", "-z", "--others", "--exclude-standard").stdout):
            whole = current + b"/" + path
            if path.endswith(b"/"):
                waiting.append(whole[:-1])
            else:
                found.append(whole)
    if not found:
        return []
    ignored = git.run("check-ignore", "-z", "--no-index", "--stdin", stdin=_joined(found), ok=(0, 1))
    dropped = set(zero_separated(ignored.stdout))
    return [path for path in found if path not in dropped]


def _no_index(git: Git) -> Path:
    """An index that is not there, which git takes for an empty one."""
    return (git.index or git.directory).with_name(".empty-index")


def _give_up_on_encodings(git_dir: Path) -> None:
    """Keep an agent from making every snapshot fail by declaring an encoding that its files do not have."""
    info = git_dir / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text("* !working-tree-encoding\n")


def _notes(plan: _Plan, embedded: bool) -> list[str]:
    taken = "taken in as plain files, without their own history" if embedded else "left out"
    sentences = (
        (plan.embedded, f"git repositories inside the tree were {taken}"),
        (plan.unreadable, UNREADABLE),
        (plan.special, "pipes, sockets and devices cannot be kept and were left out"),
    )
    return [f"{sentence}: {_named(paths)}" for paths, sentence in sentences if paths]


def _named(paths: list[bytes]) -> str:
    text = ", ".join(shown(path) for path in paths[:_NAMED_IN_A_NOTE])
    rest = len(paths) - _NAMED_IN_A_NOTE
    return f"{text} and {rest} more" if rest > 0 else text


def _joined(paths: list[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)


def _last_line(text: bytes) -> str:
    return shown(text.strip().splitlines()[-1])
