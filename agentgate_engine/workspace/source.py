"""The operator's repository, looked at without leaving a trace: no hook, no filter, no lock, no new object in it."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from agentgate_engine.errors import UsageError, WorkspaceError
from agentgate_engine.store.atomic import replace_file
from agentgate_engine.workspace.changes import files_between
from agentgate_engine.workspace.git import IDENTITY, Git, shown, zero_separated
from agentgate_engine.workspace.mirror import is_mirror, open_mirror
from agentgate_engine.workspace.staging import copy_index, stage_everything, tree_of


@dataclass(frozen=True, slots=True)
class SourceState:
    """What an order starts from. `branch` is None when HEAD is detached; `dirty` names every path that differs from
    `head`, untracked ones included, ignored ones not (odd bytes spelled `\\xNN`)."""

    top_level: Path
    head: str
    branch: str | None
    dirty: tuple[str, ...]
    shallow: bool
    has_submodules: bool
    uses_lfs: bool


def inspect_source(path: Path) -> SourceState:
    """Look at the repository that holds `path`; a directory below its top means the whole repository.

    Raises:
        UsageError: there is nothing at `path` that a run could start from; the message says what to do.
    """
    git = top_of(path)
    head = git.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1, 128)).text
    if not head:
        raise UsageError(f"{path} has no commit yet, and a run starts from one: make a first commit there")
    branch = git.run("symbolic-ref", "--quiet", "--short", "HEAD", ok=(0, 1)).text
    listing = ("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=dirty")
    dirty = _without_filters(git).run(*listing).stdout
    has_submodules, uses_lfs = told_by_commit(git, head)
    return SourceState(
        top_level=git.directory,
        head=head,
        branch=branch or None,
        dirty=tuple(shown(entry[3:]) for entry in zero_separated(dirty)),
        shallow=git.run("rev-parse", "--is-shallow-repository").text == "true",
        has_submodules=has_submodules,
        uses_lfs=uses_lfs,
    )


def told_by_commit(git: Git, commit: str) -> tuple[bool, bool]:
    """Whether a commit has submodules, and whether it has files in Git LFS."""
    attributes = (".gitattributes", ":(glob)**/.gitattributes")
    has_submodules = git.run("cat-file", "-e", f"{commit}:.gitmodules", ok=(0, 1, 128)).code == 0
    uses_lfs = git.run("grep", "-q", "-F", "filter=lfs", commit, "--", *attributes, ok=(0, 1)).code == 0
    return has_submodules, uses_lfs


def save_uncommitted(source: Path, destination_patch: Path) -> int:
    """Write a patch from HEAD to everything that is not committed in `source`, and return how many paths it changes.

    Untracked files are in it, ignored ones and nested repositories are not. Nothing in `source` is written: the index
    is a copy, and new objects go to a temporary directory. Files under a filter such as LFS are taken as they stand on
    the disk. The patch is durable on return; it is empty when nothing differs.

    Raises:
        UsageError: as `inspect_source`.
        WorkspaceError: the state could not be read.
    """
    git = _without_filters(top_of(source))
    objects = Path(git.run("rev-parse", "--path-format=absolute", "--git-path", "objects").text)
    index = Path(git.run("rev-parse", "--path-format=absolute", "--git-path", "index").text)
    with tempfile.TemporaryDirectory(dir=destination_patch.parent, prefix=".uncommitted-") as directory:
        place = Path(directory)
        (place / "objects").mkdir()
        git = replace(git, index=place / "index").writing_objects_to(place / "objects", objects).unsynced()
        try:
            copy_index(index, place / "index")
        except FileNotFoundError:
            git.run("read-tree", "HEAD")
        except OSError as fault:
            raise WorkspaceError(f"cannot read the index of {source}: {fault.strerror}") from fault
        stage_everything(git, embedded=False)
        tree = tree_of(git)
        plain = ("--no-ext-diff", "--no-textconv", "--no-renames", "--no-color")
        patch = git.run("diff-tree", "-r", "-p", "--full-index", "--binary", *plain, "HEAD", tree, "--").stdout
        count = len(files_between(git, "HEAD", tree, renames=False))
    replace_file(destination_patch, patch)
    return count


def read_file_at(repository: Path, commit: str, path: str) -> bytes | None:
    """The content of a file in a commit, or None when the commit has no regular file of that name (`/`-separated,
    relative to the top).

    Raises:
        WorkspaceError: there is no such commit in `repository`.
    """
    return blob_at(open_mirror(repository) if is_mirror(repository) else Git.operators(repository), commit, path)


def blob_at(git: Git, commit: str, path: str) -> bytes | None:
    """As `read_file_at`, for a repository that is open already."""
    listed = zero_separated(git.run("ls-tree", "-z", "--full-tree", f"{commit}^{{commit}}", "--", path).stdout)
    for entry in listed:
        facts, _, name = entry.partition(b"\t")
        mode, _, blob = facts.decode("ascii").split(" ")
        if name == os.fsencode(path) and mode.startswith("100"):
            return git.run("cat-file", "blob", blob).stdout
    return None


def paths_at(repository: Path, commit: str) -> list[str]:
    """Every path in a commit, relative to the top and `/`-separated (odd bytes spelled `\\xNN`).

    Raises:
        WorkspaceError: there is no such commit in `repository`.
    """
    git = open_mirror(repository) if is_mirror(repository) else Git.operators(repository)
    listed = git.run("ls-tree", "-r", "-z", "--name-only", "--full-tree", f"{commit}^{{commit}}").stdout
    return [shown(name) for name in zero_separated(listed)]


@dataclass(frozen=True, slots=True)
class SourceFiles:
    """Where the parts of a repository stand that a copy of it needs."""

    objects: Path
    borrowed: tuple[Path, ...]
    shallow: bytes | None
    object_format: str
    ignored: bytes
    identity: tuple[str, str]
    tags: tuple[tuple[str, str], ...]
    """(full ref name, object) of each tag, sorted."""


def locate_files(source: Path) -> SourceFiles:
    """Find what `WorkspaceManager.prepare` copies. `ignored` unites the rules that are not in the tree: those of the
    account and of the repository, so that what the operator never commits is not committed for him.

    Raises:
        UsageError: as `inspect_source`.
    """
    git = top_of(source)

    def place(name: str) -> Path:
        return Path(git.run("rev-parse", "--path-format=absolute", "--git-path", name).text)

    objects = place("objects")
    named = git.run("config", "--type=path", "--get", "core.excludesFile", ok=(0, 1)).text
    account = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "git" / "ignore"
    rules = (Path(named) if named else account, place("info/exclude"))
    tags = git.run("for-each-ref", "--format=%(refname) %(objectname)", "refs/tags").text.splitlines()
    return SourceFiles(
        objects=objects,
        borrowed=_borrowed(objects),
        shallow=_content(place("shallow")),
        object_format=git.run("rev-parse", "--show-object-format").text,
        ignored=b"\n".join(_content(file) or b"" for file in rules),
        identity=identity_of(git),
        tags=tuple((name, value) for name, _, value in (tag.rpartition(" ") for tag in tags)),
    )


def identity_of(git: Git) -> tuple[str, str]:
    """The name and address under which the operator commits, or ours when none are configured."""
    name, address = (git.run("config", "--get", key, ok=(0, 1)).text for key in ("user.name", "user.email"))
    return (name, address) if name and address else IDENTITY


def top_of(path: Path) -> Git:
    """The operator's repository around `path`, seen from its top; a mirror in the store stands for itself.

    Raises:
        UsageError: as `inspect_source`, but for a repository without a commit.
    """
    if shutil.which("git") is None:
        raise UsageError("git is not installed, or not on PATH: install it and try again")
    if not path.exists():
        raise UsageError(f"{path} does not exist: give the directory of a git repository")
    if not path.is_dir():
        raise UsageError(f"{path} is not a directory: give the directory of a git repository")
    if is_mirror(path):
        return open_mirror(path)
    git = Git.operators(path.absolute())
    asked = git.run("rev-parse", "--is-bare-repository", "--is-inside-git-dir", ok=(0, 128))
    if asked.code:
        said = asked.stderr.decode("utf-8", "backslashreplace").strip()
        if "dubious ownership" in said:
            raise UsageError(
                f"{path} belongs to another user, so git will not read it: if you trust it, run"
                f" git config --global --add safe.directory {path.absolute()}"
            )
        if "not a git repository" in said:
            raise UsageError(f"{path} is not in a git repository: run git init and make a first commit there")
        raise UsageError(f"git cannot read {path}: {said.splitlines()[-1] if said else 'it said nothing'}")
    bare, inside = asked.text.split()
    if inside == "true" and bare != "true":
        raise UsageError(f"{path} is inside a .git directory: give the directory of the checkout")
    if bare == "true":
        raise UsageError(
            f"{path} is a bare repository, without files to work on: give a checkout (git clone makes one),"
            " or this path with --git-url"
        )
    top = git.run("rev-parse", "--path-format=absolute", "--show-toplevel").stdout.removesuffix(b"\n")
    return Git.operators(Path(os.fsdecode(top)))


def _without_filters(git: Git) -> Git:
    """The repository with every configured filter turned off. A filter is a program of the operator's: LFS's, for one,
    would write into his repository whenever a file is only looked at."""
    keys = git.run(
        "config", "--name-only", "-z", "--get-regexp", r"^filter\..*\.(clean|smudge|process|required)$", ok=(0, 1)
    )
    names = {os.fsdecode(key).rpartition(".")[0] for key in zero_separated(keys.stdout)}
    off = (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
    return git.configured(*((f"{name}.{key}", value) for name in sorted(names) for key, value in off))


def _borrowed(objects: Path) -> tuple[Path, ...]:
    lines = (_content(objects / "info" / "alternates") or b"").split(b"\n")
    return tuple((objects / os.fsdecode(line)).resolve() for line in lines if line and not line.startswith(b"#"))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
