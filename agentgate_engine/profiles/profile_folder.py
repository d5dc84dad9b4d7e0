"""The folder that holds the profiles, and the folders of the original, which are named and never written."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agentgate_engine.errors import UsageError
from agentgate_engine.verify.yaml_value import MAX_BYTES

BUILT_IN = "default"
"""The name of the settings that hold without a profile; no file may take it."""

SUFFIX = ".yaml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_FOREIGN = (".agentgate/harnesses", ".agentgate/profiles")


def profile_directory(environment: Mapping[str, str]) -> Path:
    """`$XDG_CONFIG_HOME/agentgate/profiles`, else `~/.config/agentgate/profiles`."""
    base = environment.get("XDG_CONFIG_HOME")
    home = Path(environment["HOME"]) if environment.get("HOME") else Path.home()
    return (Path(base).expanduser().absolute() if base else home / ".config") / "agentgate" / "profiles"


def foreign_profiles(home: Path) -> list[Path]:
    """Files in the folders where versions of the original kept theirs, sorted."""
    found = [path for folder in _FOREIGN for end in ("*.yaml", "*.yml") for path in (home / folder).glob(end)]
    return sorted(path for path in found if path.is_file())


def check_name(name: str) -> str:
    """`name`, which may become the name of a file.

    Raises:
        UsageError: it may not.
    """
    if not _NAME.match(name) or name.endswith((SUFFIX, ".yml")):
        raise UsageError(
            f"{name!r} is no name for a profile: use letters, digits, dots, dashes and underscores (64 at most),"
            " beginning with a letter or digit, without .yaml"
        )
    if name == BUILT_IN:
        raise UsageError(f"{BUILT_IN!r} names the built-in settings; choose another name")
    return name


@dataclass(frozen=True, slots=True)
class ProfileFolder:
    """The profiles in `directory`. `instead` holds files that stand in for a profile, such as a draft not saved yet."""

    directory: Path
    instead: Mapping[str, Path] = field(default_factory=dict[str, Path])

    def path(self, name: str) -> Path:
        """The file of a profile, whether it is there or not.

        Raises:
            UsageError: `name` is none that a profile may have.
        """
        return self.instead.get(name) or self.directory / f"{check_name(name)}{SUFFIX}"

    def names(self) -> list[str]:
        """The profiles there are, sorted. Files of other names are none."""
        try:
            found = [path.name.removesuffix(SUFFIX) for path in self.directory.glob(f"*{SUFFIX}")]
        except OSError as fault:
            raise UsageError(f"cannot list {self.directory}: {fault.strerror}") from fault
        return sorted({*(name for name in found if _NAME.match(name) and name != BUILT_IN), *self.instead})

    def misnamed(self) -> list[Path]:
        """Files that look like profiles but are not read: `.yml`, or a name that no profile may have."""
        known = {f"{name}{SUFFIX}" for name in self.names()}
        files = [path for end in (f"*{SUFFIX}", "*.yml") for path in self.directory.glob(end)]
        return sorted(path for path in files if path.name not in known and not path.name.startswith("."))

    def read(self, name: str) -> bytes:
        """The bytes of a profile's file; a link is followed, as people link their configuration.

        Raises:
            UsageError: there is none, or it cannot be read; says which there are.
        """
        path = self.path(name)
        try:
            if not path.is_file():
                raise UsageError(f"there is no profile {name!r} in {self.directory}{self._hint(name)}")
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except OSError as fault:
            raise UsageError(f"cannot read {path}: {fault.strerror}") from fault

    def _hint(self, name: str) -> str:
        if (self.directory / f"{name}.yml").is_file():
            return f"; rename {name}.yml to {name}{SUFFIX}"
        names = [one for one in self.names() if one not in self.instead]
        near = difflib.get_close_matches(name, names, n=1)
        if near:
            return f"; did you mean {near[0]}?"
        return f"; there are {', '.join(names)}" if names else "; `agentgate profile create` makes one"
