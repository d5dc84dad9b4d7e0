"""The reports that a command left in files of the clean room: JUnit XML and SARIF, by name or by custom.

A report counts when it was written since the check began; one kept from an earlier check says nothing of this one. The
files are hostile: links are not followed, sizes and numbers are bounded, and what cannot be read becomes a note.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from agentgate_engine.errors import StoreError
from agentgate_engine.store.atomic import open_regular
from agentgate_engine.verify.finding import Parsed
from agentgate_engine.verify.json_values import decoded, mapping
from agentgate_engine.verify.parse_junit import NotJUnit, read_junit
from agentgate_engine.verify.parse_sarif import sarif_findings
from agentgate_engine.verify.tree_paths import TreePaths

MAX_REPORTS = 50
MAX_SARIF_BYTES = 16 * 1024 * 1024

_MAX_ENTRIES = 5000
_MAX_NOTES = 5
_CLOCK_SLACK_S = 0.01  # the kernel stamps files with the time of its last tick
_XML, _SARIF = ".xml", (".sarif", ".sarif.json")
_CUSTOM_FOLDERS = (
    *("test-results", "test-reports", "reports", "junit"),
    *("target/surefire-reports", "target/nextest", "build/test-results", "build/reports"),
)
_CUSTOM_NAMES = ("junit", "test-results", "test-report", "testresults", "TEST-", "report", "results")


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """`path` is relative to the clean room."""

    path: str
    parsed: Parsed


@dataclass(frozen=True, slots=True)
class WrittenReports:
    reports: tuple[WrittenReport, ...] = ()
    notes: tuple[str, ...] = ()


def reports_written(clean_room: Path, command: str, since: float, tree: TreePaths | None = None) -> WrittenReports:
    """What the reports say that `command` wrote since the moment `since` (seconds since 1970). Blocking.

    A file that the command names and that is no report is told in `notes`; one found by custom is passed over then.
    """
    tree = tree or TreePaths.of({str(clean_room), str(clean_room.resolve())}, ())
    reports: list[WrittenReport] = []
    notes: list[str] = []
    named = list(_named(clean_room, command))
    for path in list(dict.fromkeys([*named, *_customary(clean_room)])):
        if len(reports) >= MAX_REPORTS:
            notes.append(f"more than {MAX_REPORTS} reports were written; the rest was not read")
            break
        shown = path.relative_to(clean_room).as_posix()
        try:
            read = _read(path, clean_room, since, tree)
        except (OSError, StoreError, NotJUnit) as fault:
            if path in named:
                notes.append(f"the report {shown} was not read: {fault}")
            continue
        if read:
            reports.append(WrittenReport(shown, read[0]))
            notes += [f"of the report {shown}, {read[1]}"] if read[1] else []
    return WrittenReports(tuple(reports), tuple(notes[:_MAX_NOTES]))


def _read(path: Path, clean_room: Path, since: float, tree: TreePaths) -> tuple[Parsed, str | None] | None:
    """(what it says, note); `None` when there is none of this check.

    Raises:
        OSError, StoreError: it is no regular file of the clean room.
        NotJUnit: it is no report.
    """
    try:
        descriptor = open_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if state.st_mtime < since - _CLOCK_SLACK_S:
            return None
        if not path.resolve().is_relative_to(clean_room.resolve()):
            raise NotJUnit("it lies outside of the clean room")
        if path.name.endswith(_XML):
            return read_junit(file, tree)
        if state.st_size > MAX_SARIF_BYTES:
            raise NotJUnit(f"it is larger than {MAX_SARIF_BYTES} bytes")
        return _sarif(file.read(MAX_SARIF_BYTES).decode(errors="replace"), tree), None


def _sarif(text: str, tree: TreePaths) -> Parsed:
    document = decoded(text.removeprefix("\ufeff"))
    if "runs" not in mapping(document):
        raise NotJUnit("it is no SARIF")
    return Parsed(findings=list(sarif_findings(document, tree)))


def _named(clean_room: Path, command: str) -> Iterator[Path]:
    """The files that the command names: any word, or end of a word after `=`, that ends as a report does.

    Words are relative to the clean room and to every folder that the command changes to.
    """
    words = _words(command)
    folders = [clean_room]
    folders += [clean_room / after for word, after in pairwise(words) if word == "cd"]
    json_is_sarif = "sarif" in command
    for word in words[:1000]:
        for piece in {word, word.rpartition("=")[2], word.rpartition(":")[2]}:
            if piece.endswith((_XML, *_SARIF)) or (json_is_sarif and piece.endswith(".json")):
                for folder in folders[:10]:
                    path = Path(os.path.normpath(folder / piece))
                    if path.is_relative_to(clean_room) and path != clean_room:
                        yield path


def _words(command: str) -> Sequence[str]:
    try:
        return shlex.split(command.replace(";", " ; ").replace("&&", " && "), comments=False)
    except ValueError:
        return command.split()


def _customary(clean_room: Path) -> Iterator[Path]:
    """Reports in the places where runners put them, at most `_MAX_ENTRIES` directory entries looked at."""
    left = _MAX_ENTRIES
    for entry in _entries(clean_room):
        left -= 1
        if left > 0 and _report_name(entry.name):
            yield clean_room / entry.name
    for folder in _CUSTOM_FOLDERS:
        for root, folders, files in os.walk(clean_room / folder, followlinks=False):
            left -= len(folders) + len(files)
            if left <= 0:
                return
            folders.sort()
            yield from (Path(root) / name for name in sorted(files) if name.endswith((_XML, *_SARIF)))


def _entries(folder: Path) -> Sequence[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        return sorted((entry for entry in found), key=lambda entry: entry.name)


def _report_name(name: str) -> bool:
    return name.endswith(_SARIF) or (name.endswith(_XML) and name.startswith(_CUSTOM_NAMES))
