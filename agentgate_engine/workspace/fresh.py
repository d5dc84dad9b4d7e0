"""A new project of the operator's, made from a template: its files, a repository, a first commit."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from agentgate_engine.errors import UsageError, WorkspaceError
from agentgate_engine.workspace.deletion import delete_tree
from agentgate_engine.workspace.git import Git
from agentgate_engine.workspace.project_templates import TEMPLATE_FILES
from agentgate_engine.workspace.source import identity_of

TEMPLATES = tuple(TEMPLATE_FILES)
"""The names that `--template` takes; the first is the default."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}\Z")


def make_project(directory: Path, template: str, name: str | None = None, *, origin: str | None = None) -> Path:
    """Make a project at `directory`, which must not exist yet or be empty, and return its real path.

    `name` is used inside the files (default: the directory's). `origin` is the address its remote gets. The first
    commit is the operator's, when git knows a name for him. Whatever fails, nothing is left.

    Raises:
        UsageError: the place is taken, or name or template cannot be used.
        WorkspaceError: git or the disk failed.
    """
    if template not in TEMPLATE_FILES:
        raise UsageError(f"no template {template!r}; there are {', '.join(TEMPLATES)}")
    called = name or directory.name
    if not _NAME.match(called):
        raise UsageError(
            f"{called!r} cannot name a project: begin with a letter, then letters, digits, dots, dashes or underscores;"
            " give another with --project-name"
        )
    _refuse_taken(directory)
    existed = directory.is_dir()
    try:
        directory.mkdir(exist_ok=True)
        for path, content in files_of(template, called).items():
            place = directory / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content, encoding="utf-8")
        _first_commit(directory, template, origin)
        return directory.resolve()
    except BaseException as fault:
        _remove(directory, keep=existed)
        if isinstance(fault, OSError):
            raise WorkspaceError(f"cannot make a project at {directory}: {fault.strerror}; nothing is left") from fault
        raise


def files_of(template: str, name: str) -> dict[str, str]:
    """The files of a template for a project of that name, by path."""
    package = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    dashed = package.replace("_", "-")

    def filled(text: str) -> str:
        return text.replace("{{name}}", name).replace("{{package}}", package).replace("{{dashed}}", dashed)

    return {filled(path): filled(content) for path, content in TEMPLATE_FILES[template].items()}


def remove_project(directory: Path) -> list[str]:
    """Remove a project that was made for an order that could not be taken in. Returns what could not be removed."""
    return delete_tree(directory)


def _refuse_taken(directory: Path) -> None:
    if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
        raise UsageError(f"{directory} is there already and is no directory: choose another place")
    if not directory.parent.is_dir():
        raise UsageError(f"{directory.parent} does not exist: make it first, or choose another place")
    with suppress(FileNotFoundError):
        if any(directory.iterdir()):
            raise UsageError(f"{directory} is not empty, and a fresh project writes over nothing: choose another place")


def _first_commit(directory: Path, template: str, origin: str | None) -> None:
    outside = Git.operators(directory.parent)
    branch = outside.run("config", "--get", "init.defaultBranch", ok=(0, 1)).text or "main"
    outside.run("init", "-q", f"--initial-branch={branch}", str(directory))
    git = Git.operators(directory)
    if origin is not None:
        git.run("remote", "add", "origin", origin)
    git.run("add", "--all", "--force")
    git.signed(*identity_of(git)).run("commit", "-q", "-m", f"Start from the {template} template")


def _remove(directory: Path, *, keep: bool) -> None:
    if not keep:
        delete_tree(directory)
        return
    for entry in list(directory.iterdir()):
        delete_tree(entry)
