"""`agentgate profile`: the harness profiles."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from agentgate_engine.cli.confirm import ask, confirmed
from agentgate_engine.cli.output import put, put_json, record_json, say, table
from agentgate_engine.cli.profile_arguments import looks_like_a_file
from agentgate_engine.commands import profiles as act
from agentgate_engine.commands.profiles import Draft, ProfileState
from agentgate_engine.errors import UsageError
from agentgate_engine.profiles.profile_folder import (
    BUILT_IN,
    SUFFIX,
    ProfileFolder,
    foreign_profiles,
    profile_directory,
)
from agentgate_engine.profiles.resolve import resolve_profile
from agentgate_engine.views.profile_view import SettingLine, lines_of
from agentgate_engine.views.safe_text import sanitize


def profile(asked: argparse.Namespace) -> int:
    """Do what was asked for about profiles. Exit 2 where one cannot be used.

    Raises:
        UsageError: no such profile, or it cannot be used.
    """
    folder = ProfileFolder(profile_directory(os.environ))
    commands = {
        "list": _list,
        "show": _show,
        "validate": _validate,
        "create": _create,
        "edit": _edit,
        "delete": _delete,
    }
    return commands[asked.profile_command](asked, folder)


def _list(asked: argparse.Namespace, folder: ProfileFolder) -> int:
    states, misnamed, elsewhere = act.check_profiles(folder), folder.misnamed(), foreign_profiles(Path.home())
    if asked.json:
        put_json({"directory": folder.directory, "profiles": states, "notRead": misnamed, "foundElsewhere": elsewhere})
        return 0
    width = shutil.get_terminal_size((100, 24)).columns
    if states:
        for line in table(("NAME", "EXTENDS", "STATE", "ABOUT"), map(_cells, states), flexible=3, width=width):
            put(line)
    else:
        put(f"no profiles in {sanitize(str(folder.directory))}; `agentgate profile create NAME` makes one")
    for path in misnamed:
        say(f"not read: {sanitize(str(path))}: a profile's file is NAME{SUFFIX}")
    if elsewhere:
        say("found where the original AgentGate keeps its profiles, and not read from there:")
    for path in elsewhere:
        copy = shlex.join(["cp", str(path), str(folder.directory / f"{path.stem}{SUFFIX}")])
        say(f"  {sanitize(str(path))}   copy it with: {sanitize(copy)}")
    return 0


def _cells(state: ProfileState) -> tuple[str, ...]:
    word = "FAULT" if state.fault else "note" if state.notes else "ok"
    about = state.fault or state.description or (state.notes[0] if state.notes else "")
    return sanitize(state.name), sanitize(state.extends or "-"), word, sanitize(about)


def _show(asked: argparse.Namespace, folder: ProfileFolder) -> int:
    if asked.resolved or asked.name == BUILT_IN:
        return _show_resolved(asked, folder)
    said = act.read_profile(folder, asked.name)
    if asked.json:
        settings = {path: {"value": one.value, "origin": one.origin} for path, one in said.settings.items()}
        put_json(
            {
                "name": said.name,
                "path": folder.path(said.name),
                "extends": said.extends,
                "description": said.description,
                "extendedBy": act.children_of(folder, said.name),
                "settings": settings,
            }
        )
        return 0
    put(f"{sanitize(said.name)}  {sanitize(said.description)}".rstrip())
    put(f"  file     {sanitize(str(folder.path(said.name)))}")
    put(f"  extends  {sanitize(said.extends or '-')}")
    children = act.children_of(folder, said.name)
    if children:
        put(f"  extended by {', '.join(map(sanitize, children))}")
    values = {path: one.value for path, one in said.settings.items()}
    _put_settings(lines_of(values, {path: one.origin for path, one in said.settings.items()}))
    if not values:
        say("it sets nothing of its own; --resolved shows what is in force")
    return 0


def _show_resolved(asked: argparse.Namespace, folder: ProfileFolder) -> int:
    resolved = resolve_profile(asked.name, {}, folder)
    if asked.json:
        put_json(record_json(resolved.record))
        return 0
    chain = " <- ".join(reversed(resolved.chain)) or "the built-in settings"
    put(f"{sanitize(resolved.name)}  {sanitize(chain)}  hash {resolved.hash}")
    _put_settings(lines_of(resolved.settings, resolved.origins))
    for note in resolved.notes:
        say(f"note: {sanitize(note)}")
    return 0


def _put_settings(lines: tuple[SettingLine, ...]) -> None:
    rows = [(line.key, line.value, line.origin) for line in lines]
    if rows:
        width = shutil.get_terminal_size((100, 24)).columns
        for text in table(("SETTING", "VALUE", "ORIGIN"), rows, flexible=1, width=width):
            put(text)


def _validate(asked: argparse.Namespace, folder: ProfileFolder) -> int:
    if asked.name is None:
        states = act.check_profiles(folder)
    elif looks_like_a_file(asked.name):
        states = [act.check_file(folder, Path(asked.name).expanduser())]
    else:
        folder.read(asked.name)
        states = [act.check_profile(folder, asked.name)]
    faulty = [state for state in states if state.fault]
    if asked.json:
        put_json({"valid": not faulty, "profiles": states})
        return 2 if faulty else 0
    for state in states:
        put(f"FAULT {sanitize(state.fault)}" if state.fault else f"ok    {sanitize(state.name)}")
        for note in state.notes:
            put(f"      note: {sanitize(note)}")
    if not states:
        put(f"no profiles in {sanitize(str(folder.directory))}")
    return 2 if faulty else 0


def _create(asked: argparse.Namespace, folder: ProfileFolder) -> int:
    path = act.create_profile(
        folder,
        asked.name,
        extends=asked.extends,
        description=asked.description,
        loop_strategy=asked.loop_strategy,
        max_iterations=asked.max_iterations,
        force=asked.force,
    )
    if asked.json:
        put_json({"name": asked.name, "path": path})
        return 0
    put(sanitize(str(path)))
    say(f"use it with `agentgate submit --profile {asked.name}`; change it with `agentgate profile edit {asked.name}`")
    return 0


def _edit(asked: argparse.Namespace, folder: ProfileFolder) -> int:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        where = folder.path(asked.name)
        raise UsageError(f"no editor is set in VISUAL or EDITOR; set one, or edit {where} and validate it")
    draft = act.begin_edit(folder, asked.name)
    while True:
        _run_editor(editor, draft)
        try:
            changed = act.finish_edit(folder, draft)
        except UsageError as fault:
            say(f"agentgate: {sanitize(str(fault))}")
            if _again(draft):
                continue
            return 2
        put(f"{asked.name} {'saved' if changed else 'unchanged'}")
        return 0


def _run_editor(editor: str, draft: Draft) -> None:
    try:
        code = subprocess.run([*shlex.split(editor), str(draft.path)], check=False).returncode
    except (OSError, ValueError) as fault:
        act.drop_draft(draft)
        raise UsageError(f"cannot start the editor {editor!r}: {fault}") from fault
    if code:
        raise UsageError(f"the editor ended with {code}; nothing was saved, the draft is {draft.path}")


def _again(draft: Draft) -> bool:
    """What to do with a draft that cannot be saved. Without a terminal to ask at it is kept."""
    answer = ask("edit again, keep the draft, or discard it? [E/k/d] ").lower() if sys.stdin.isatty() else "k"
    if answer.startswith("d"):
        act.drop_draft(draft)
        say("discarded; the profile is as it was")
        return False
    if answer.startswith("k"):
        say(f"the profile is as it was; the draft is {sanitize(str(draft.path))}")
        return False
    return True


def _delete(asked: argparse.Namespace, folder: ProfileFolder) -> int:
    act.may_delete(folder, asked.name, force=asked.force)
    if not confirmed(f"Delete the profile {asked.name}?", yes=asked.yes):
        say("nothing was deleted")
        return 1
    broken = act.delete_profile(folder, asked.name, force=asked.force)
    if asked.json:
        put_json({"deleted": asked.name, "extendedBy": broken})
        return 0
    put(f"{asked.name} deleted")
    if broken:
        say(f"these extended it and cannot be used now: {', '.join(map(sanitize, broken))}")
    return 0
