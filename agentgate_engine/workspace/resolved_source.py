"""From what an order names as its source to something on this machine with a commit to start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agentgate_engine.errors import UsageError
from agentgate_engine.models.work_order import SourceType, WorkspaceSource
from agentgate_engine.workspace.fresh import TEMPLATES, make_project, remove_project
from agentgate_engine.workspace.mirror import FETCH_DEADLINE_S, follow, network_variables, open_mirror
from agentgate_engine.workspace.remote_url import GITHUB, check_url, github_url
from agentgate_engine.workspace.source import inspect_source, told_by_commit


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """What an order is to start from, as asked for.

    `local`: `path`. `git`: `url`, and `branch` unless the remote's HEAD will do. `github`: `repository` (owner/name)
    and `branch`, below `github_base`. `fresh`: `path` (a directory that is not there yet or empty) or `project_name`
    for one of that name in the present directory, and `template`; with `repository` its `origin` is that one on GitHub.
    """

    kind: SourceType = "local"
    path: Path | None = None
    url: str | None = None
    repository: str | None = None
    branch: str | None = None
    template: str | None = None
    project_name: str | None = None
    in_place: bool = False
    include_dirty: bool = False
    github_base: str = GITHUB

    @property
    def address(self) -> str | None:
        """The URL that resolving would fetch from, or that a fresh project's `origin` gets. None for a local source.

        Raises:
            UsageError: it is no address that is taken.
        """
        if self.kind == "git":
            return check_url(self.url or "")
        if self.kind == "github" or self.repository:
            return github_url(self.repository or "", self.github_base)
        return None


@dataclass(frozen=True, slots=True)
class ResolvedSource:
    """A source that a run can start from. `path` is a checkout or a mirror; `head` its full commit hash.

    `dirty` names what is not committed there. `made` is the directory that `fresh` made, for `undo_source`. `notes` are
    sentences for the operator about what the run will not have.
    """

    kind: SourceType
    path: Path
    head: str
    branch: str | None
    dirty: tuple[str, ...] = ()
    shallow: bool = False
    has_submodules: bool = False
    uses_lfs: bool = False
    url: str | None = None
    repository: str | None = None
    template: str | None = None
    in_place: bool = False
    made: Path | None = None
    notes: tuple[str, ...] = field(default=())

    def record(self, *, patch: str | None = None) -> WorkspaceSource:
        """What the order keeps of it. `patch` names the file that takes the uncommitted changes along."""
        return WorkspaceSource(
            type=self.kind,
            path=str(self.path),
            url=self.url,
            repository=self.repository,
            template=self.template,
            in_place=self.in_place,
            base_commit=self.head,
            base_branch=self.branch,
            left_out=[] if patch else list(self.dirty),
            uncommitted_patch=patch,
        )


def resolve_source(
    request: SourceRequest,
    mirrors: Path,
    environment: Mapping[str, str],
    *,
    git_environment: Mapping[str, str] | None = None,
    deadline_s: float = FETCH_DEADLINE_S,
) -> ResolvedSource:
    """Have the source on this machine: looked at, fetched into a mirror below `mirrors`, or made.

    `git_environment` goes to git alone, and only where it reaches another machine: a token travels there. When the
    order cannot be taken in after all, call `undo_source`.

    Raises:
        UsageError: nothing can start from it; says what to do. Nothing is left behind but a mirror.
        WorkspaceError: git or the disk failed.
    """
    _refuse_idle(request)
    if request.kind == "local":
        return _local(request, _needed_path(request))
    if request.kind == "fresh":
        return _fresh(request)
    url = request.address or ""
    variables = network_variables(environment, git_environment or {})
    found = follow(url, request.branch, mirrors, variables, deadline_s=deadline_s)
    has_submodules, uses_lfs = told_by_commit(open_mirror(found.path), found.head)
    return ResolvedSource(
        kind=request.kind,
        path=found.path,
        head=found.head,
        branch=found.branch,
        has_submodules=has_submodules,
        uses_lfs=uses_lfs,
        url=url,
        repository=request.repository.removesuffix(".git") if request.repository else None,
        notes=_notes(has_submodules, uses_lfs),
    )


def undo_source(resolved: ResolvedSource) -> list[str]:
    """Remove what resolving made beside a mirror: the directory of a fresh project. Returns what could not be."""
    return remove_project(resolved.made) if resolved.made is not None else []


def _local(request: SourceRequest, path: Path) -> ResolvedSource:
    state = inspect_source(path)
    if request.in_place:
        _refuse_in_place(request, state.dirty, state.has_submodules, state.uses_lfs)
    return ResolvedSource(
        kind=request.kind,
        path=state.top_level,
        head=state.head,
        branch=state.branch,
        dirty=state.dirty,
        shallow=state.shallow,
        has_submodules=state.has_submodules,
        uses_lfs=state.uses_lfs,
        template=request.template,
        in_place=request.in_place,
        notes=_notes(state.has_submodules, state.uses_lfs),
    )


def _fresh(request: SourceRequest) -> ResolvedSource:
    template = request.template or TEMPLATES[0]
    directory = (request.path or Path(request.project_name or "")).absolute()
    url = request.address
    made = make_project(directory, template, request.project_name, origin=url)
    try:
        found = _local(request, made)
    except BaseException:
        remove_project(made)
        raise
    return ResolvedSource(
        kind="fresh",
        path=found.path,
        head=found.head,
        branch=found.branch,
        url=url,
        repository=request.repository,
        template=template,
        in_place=request.in_place,
        made=made,
    )


def _needed_path(request: SourceRequest) -> Path:
    if request.path is None:
        raise UsageError("name the repository to work on: --path DIR")
    return request.path


def _refuse_idle(request: SourceRequest) -> None:
    """An option that would do nothing here is a misunderstanding.

    Raises:
        UsageError: there is one, or one is missing.
    """
    remote = request.kind in ("git", "github")
    for given, option, fits in (
        (request.branch, "--git-branch", remote),
        (request.template, "--template", request.kind == "fresh"),
        (request.project_name, "--project-name", request.kind == "fresh"),
        (request.in_place, "--in-place", not remote),
        (request.include_dirty, "--include-dirty", request.kind == "local"),
        (request.url, "--git-url", request.kind == "git"),
        (request.repository, "--github", request.kind in ("github", "fresh")),
        (request.path, "--path", not remote),
    ):
        if given and not fits:
            raise UsageError(f"{option} does nothing for a source of the kind {request.kind}: leave it out")
    if request.kind == "fresh" and request.path is None and not request.project_name:
        raise UsageError("a fresh project needs a name or a place: give --project-name NAME or --path DIR")


def _refuse_in_place(request: SourceRequest, dirty: tuple[str, ...], has_submodules: bool, uses_lfs: bool) -> None:
    """What cannot be put back as it was is not worked on in place.

    Raises:
        UsageError: the checkout is of that kind.
    """
    if dirty and not request.include_dirty:
        shown = ", ".join(dirty[:5]) + (f" and {len(dirty) - 5} more" if len(dirty) > 5 else "")
        raise UsageError(
            f"{request.path} has uncommitted changes, and --in-place works on those very files: {shown}. Commit or"
            " stash them, or add --include-dirty to have the run start from them"
        )
    for found, what in ((has_submodules, "submodules"), (uses_lfs, "files in Git LFS")):
        if found:
            raise UsageError(
                f"{request.path} has {what}, which --in-place cannot put back as they were: leave it out,"
                " and the run gets a clone of its own"
            )


def _notes(has_submodules: bool, uses_lfs: bool) -> tuple[str, ...]:
    notes: list[str] = []
    if has_submodules:
        notes.append("the repository has submodules; they are not checked out for the agent")
    if uses_lfs:
        notes.append("the repository uses Git LFS; the agent sees pointer files")
    return tuple(notes)
