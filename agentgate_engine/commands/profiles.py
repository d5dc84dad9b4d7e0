"""What an operator can do with profiles: list, check, create, edit, delete. Files change whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.errors import UsageError
from agentgate_engine.profiles.inheritance import load_chain
from agentgate_engine.profiles.profile_file import ProfileFile, parent_of
from agentgate_engine.profiles.profile_folder import SUFFIX, ProfileFolder, check_name
from agentgate_engine.profiles.resolve import resolve_profile
from agentgate_engine.profiles.template import profile_text
from agentgate_engine.store.atomic import replace_file


@dataclass(frozen=True, slots=True)
class ProfileState:
    """A profile and whether an order could be submitted with it. `fault` says why not; `notes` what does nothing."""

    name: str
    path: str
    extends: str | None = None
    description: str = ""
    hash: str | None = None
    fault: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A copy of a profile that is being edited. `original` is what stood in its file when the copy was made."""

    name: str
    path: Path
    original: bytes


def check_profile(folder: ProfileFolder, name: str) -> ProfileState:
    """Resolve a profile as a submit would."""
    try:
        resolved = resolve_profile(name, {}, folder)
        said = load_chain(folder, name)[-1]
    except UsageError as fault:
        return ProfileState(name, str(folder.path(name)), fault=str(fault))
    return ProfileState(
        name,
        str(folder.path(name)),
        extends=said.extends,
        description=said.description,
        hash=resolved.hash,
        notes=resolved.notes,
    )


def check_profiles(folder: ProfileFolder) -> list[ProfileState]:
    """Every profile of the folder."""
    return [check_profile(folder, name) for name in folder.names()]


def check_file(folder: ProfileFolder, file: Path) -> ProfileState:
    """A file anywhere, as if it stood in the folder under its own name."""
    name = check_name(file.name.removesuffix(SUFFIX))
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    return check_profile(ProfileFolder(folder.directory, {name: file}), name)


def read_profile(folder: ProfileFolder, name: str) -> ProfileFile:
    """What the file of a profile says itself.

    Raises:
        UsageError: it, or one that it extends, cannot be used.
    """
    return load_chain(folder, name)[-1]


def create_profile(
    folder: ProfileFolder,
    name: str,
    *,
    extends: str | None = None,
    description: str | None = None,
    loop_strategy: str | None = None,
    max_iterations: int | None = None,
    force: bool = False,
) -> Path:
    """Write a new profile, commented; an existing one only if `force`. Returns its file.

    Raises:
        UsageError: the name is taken or none, or what was asked for is no valid profile; nothing was written.
    """
    path = folder.path(check_name(name))
    if path.exists() and not force:
        raise UsageError(f"there is a profile {name!r} already, {path}; --force replaces it")
    settings = {"loopStrategy.mode": loop_strategy, "loopStrategy.maxIterations": max_iterations}
    given = {key: str(value) for key, value in settings.items() if value is not None}
    text = profile_text(name, extends=extends, description=description, settings=given)
    with _writable(folder):
        draft = _new_draft(folder, name, text.encode())
        try:
            resolve_profile(name, {}, ProfileFolder(folder.directory, {name: draft}))
            replace_file(path.resolve(), text.encode())
        except UsageError as fault:
            raise UsageError(str(fault).replace(str(draft), str(path))) from fault
        finally:
            draft.unlink(missing_ok=True)
    return path


def begin_edit(folder: ProfileFolder, name: str) -> Draft:
    """A copy of a profile, beside it, for an editor.

    Raises:
        UsageError: there is no such profile, or no copy can be made.
    """
    original = folder.read(name)
    with _writable(folder):
        return Draft(name, _new_draft(folder, name, original), original)


def finish_edit(folder: ProfileFolder, draft: Draft) -> bool:
    """Put an edited copy in the place of its profile, and remove the copy. False if nothing was changed.

    Raises:
        UsageError: it is no valid profile, or the profile was changed meanwhile; the draft stays.
    """
    try:
        edited = draft.path.read_bytes()
    except OSError as fault:
        raise UsageError(f"cannot read the draft {draft.path}: {fault.strerror}") from fault
    if edited == draft.original:
        drop_draft(draft)
        return False
    resolve_profile(draft.name, {}, ProfileFolder(folder.directory, {draft.name: draft.path}))
    if folder.read(draft.name) != draft.original:
        raise UsageError(f"{folder.path(draft.name)} was changed by somebody else meanwhile; compare it with the draft")
    with _writable(folder):
        replace_file(folder.path(draft.name).resolve(), edited)
    drop_draft(draft)
    return True


def drop_draft(draft: Draft) -> None:
    """Remove a draft."""
    with suppress(OSError):
        draft.path.unlink()


def delete_profile(folder: ProfileFolder, name: str, *, force: bool = False) -> list[str]:
    """Delete a profile. Returns the profiles that extend it, which are broken now.

    Raises:
        UsageError: there is none, or others extend it and `force` is not set; names them.
    """
    children = may_delete(folder, name, force=force)
    try:
        folder.path(name).unlink()
    except OSError as fault:
        raise UsageError(f"cannot delete {folder.path(name)}: {fault.strerror}") from fault
    return children


def may_delete(folder: ProfileFolder, name: str, *, force: bool = False) -> list[str]:
    """The profiles that deleting this one would break.

    Raises:
        UsageError: there is no such profile, or there are some and `force` is not set; names them.
    """
    folder.read(name)
    children = children_of(folder, name)
    if children and not force:
        raise UsageError(f"{name!r} is extended by {', '.join(children)}; change them first, or use --force")
    return children


def children_of(folder: ProfileFolder, name: str) -> list[str]:
    """The profiles that extend this one directly. One whose parent cannot be told is no child."""
    found: list[str] = []
    for other in folder.names():
        with suppress(UsageError):
            if parent_of(other, folder.read(other), str(folder.path(other))) == name and other != name:
                found.append(other)
    return found


def _new_draft(folder: ProfileFolder, name: str, content: bytes) -> Path:
    path = folder.directory / f".{name}.{secrets.token_hex(3)}.draft{SUFFIX}"
    replace_file(path, content)
    return path


@contextmanager
def _writable(folder: ProfileFolder) -> Generator[None]:
    try:
        folder.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield
    except OSError as fault:
        raise UsageError(f"cannot write in {folder.directory}: {fault.strerror}") from fault
