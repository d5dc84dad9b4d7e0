"""From a profile's name to the chain of files it is made of, and to what they say together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agentgate_engine.errors import UsageError
from agentgate_engine.profiles.profile_file import ProfileFile, Setting, parse_profile
from agentgate_engine.profiles.profile_folder import BUILT_IN, ProfileFolder
from agentgate_engine.profiles.profile_keys import PARAMS

MAX_DEPTH = 10


def load_chain(folder: ProfileFolder, name: str) -> list[ProfileFile]:
    """The profile and its ancestors, the root first.

    Raises:
        UsageError: one is missing or no profile, they form a circle, or are more than `MAX_DEPTH`; names file and line.
    """
    chain = [_load(folder, name)]
    while (parent := chain[-1].extends) is not None and parent != BUILT_IN:
        child = chain[-1]
        names = [one.name for one in chain]
        if parent in names:
            circle = " -> ".join([*names[names.index(parent) :], parent])
            raise UsageError(f"{child.extends_at}: the profiles extend each other in a circle: {circle}")
        if len(chain) == MAX_DEPTH:
            line = " -> ".join([*names, parent])
            raise UsageError(f"{child.extends_at}: more than {MAX_DEPTH} profiles extend each other: {line}")
        try:
            folder.read(parent)
        except UsageError as fault:
            raise UsageError(f"{child.extends_at}: {fault}") from fault
        chain.append(_load(folder, parent))
    return chain[::-1]


def merge(layers: Iterable[Mapping[str, Setting]]) -> dict[str, Setting]:
    """What the layers say together, the later over the earlier. Mappings merge key by key, lists are replaced whole."""
    merged: dict[str, Setting] = {}
    for layer in layers:
        for path, setting in layer.items():
            if path.startswith(f"{PARAMS}."):
                for other in [known for known in merged if _excludes(known, path)]:
                    del merged[other]
            merged[path] = setting
    return merged


def _excludes(known: str, path: str) -> bool:
    """Whether one is a value where the other is a mapping."""
    return known.startswith(f"{path}.") or path.startswith(f"{known}.")


def _load(folder: ProfileFolder, name: str) -> ProfileFile:
    return parse_profile(name, folder.read(name), str(folder.path(name)))
