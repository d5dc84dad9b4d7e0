"""`path:line:column: message`, in the spellings of compilers, linters, type checkers, linkers and make."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agentgate_engine.verify.finding import Finding, Parsed, Place, placed
from agentgate_engine.verify.output_window import OutputLine
from agentgate_engine.verify.stack_frames import frames_in
from agentgate_engine.verify.tree_paths import TreePaths

_SPELLINGS = (
    # gcc, clang, mypy, ruff concise, flake8, go, eslint unix; mypy also with the end of the place
    re.compile(
        r"^\s*(?:vet: )?(?P<path>(?:[A-Za-z]:[\\/])?[^\s:][^:]*):(?P<line>\d+)(?::(?P<column>\d+))?"
        r"(?::\d+:\d+)?: (?P<message>\S.*)$"
    ),
    # pyright, tsc --pretty; what is related to an error has no such word
    re.compile(r"^\s*(?P<path>[^\s:][^:]*):(?P<line>\d+):(?P<column>\d+) - (?P<message>(?:error|warning)\b.*)$"),
    # tsc, clang in the style of Visual C++
    re.compile(
        r"^\s*(?P<path>(?:[A-Za-z]:[\\/])?[^\s:(][^:(]*)\((?P<line>\d+)(?:,(?P<column>\d+))?\) ?: (?P<message>\S.*)$"
    ),
)
# rustc, ruff, biome: the message stands above its place
_ARROW = re.compile(r"^\s*--> (?P<path>\S[^:]*):(?P<line>\d+)(?::(?P<column>\d+))?\s*$")
_SEVERITY = re.compile(
    r"^(?:fatal )?(?P<word>error|warning|note|info|information|hint|help|remark)(?:\[\w+\])?(?::| TS\d+:|$| )", re.I
)
_PYTHON_WARNING = re.compile(r"^\w*Warning: ")
_WARNING_RULE = re.compile(r" \[(?:Warning|Info)(?:/[\w@./-]+)?\]$")
_STACK = re.compile(r"^in [\w<>.]+$|^required (?:from|by)\b|^In (?:function|member)\b")
_EXTENSION = re.compile(r"\.[A-Za-z]\w{0,9}$")
# what leads from an error in a header to the file of the work
_VIA = re.compile(r"^(?:In file included|\s+) ?from (?P<path>[^\s:][^:]*):(?P<line>\d+)")
_REQUIRED = re.compile(r"^(?P<path>[^\s:][^:]*):(?P<line>\d+):(?P<column>\d+):\s+required from here$")
_NO_LINE = re.compile(r"^(?P<path>[^\s:][^:]*\.\w+): (?P<message>(?:fatal )?error: .*)$")
_LINKER = re.compile(
    r"^(?:\s*= note: )?(?:\S*ld(?:\.\w+)?: )?(?P<path>[^\s:][^:]*?):(?:(?P<line>\d+):|\(\.text[^)]*\):) "
    r"(?P<message>(?:undefined reference to|multiple definition of) .*)$"
)
_LINKER_ALONE = re.compile(r"^(?:\S*ld(?:\.\w+)?: )(?P<message>(?:cannot find|undefined reference|unrecognized) .*)$")
_LLD = re.compile(r"^\s*(?:= note: )?(?:\S*/)?(?:rust-lld|ld(?:64)?\.lld|wasm-ld|lld|mold): error: (?P<message>\S.*)$")
_REFERENCED = re.compile(r"^\s*>>> referenced by \S+(?: \((?P<path>[^:)]+):(?P<line>\d+)\))?")
_TOOL = re.compile(r"^(?:gcc|g\+\+|cc|c\+\+|clang(?:\+\+)?|tsc): (?P<message>(?:fatal )?error: .*)$")
_BARE = re.compile(r"^(?P<message>error(?:\[E\d+\])?: \S.*|error TS\d+: \S.*)$")
_AFTERMATH = re.compile(
    r"error: (?:could not compile|test failed|aborting due|\d+ targets? failed|process didn't exit)"
)
_MAKE = re.compile(r"^g?make(?:\[\d+\])?: \*\*\* \[(?P<path>[^:\]]+):(?P<line>\d+): (?P<target>[^\]]+)\] (?P<end>.+)$")
_MAKE_ALONE = re.compile(r"^g?make(?:\[\d+\])?: \*\*\* (?P<message>[^\[].*)$")
_SANITIZER = re.compile(r"^==\d+==ERROR: (?P<message>\w+Sanitizer: \S.*)$")
_ADDRESS = re.compile(r" on (?:unknown )?address 0x.*$| \(pc 0x.*$")


@dataclass(slots=True)
class _Reader:
    """`above` is the last line that was no place; `via` the last place in the tree on the way to a header."""

    tree: TreePaths
    parsed: Parsed
    above: OutputLine | None = None
    via: Place | None = None


def parse_compilers(lines: Sequence[OutputLine], tree: TreePaths) -> Parsed:
    """Errors with their places. Notes are left out; warnings count where there is no error.

    A line without the word "error" counts only when it names a file of the snapshot: `host.name:8080: up` is none.
    """
    reader = _Reader(tree, Parsed())
    for i, line in enumerate(lines):
        if _reads_place(reader, line):
            if _mypy_goes_on(line, lines[i + 1 : i + 2]):
                last = reader.parsed.findings[-1]
                longer = f"{last.message} {lines[i + 1].text.strip()}"
                reader.parsed.findings[-1] = replace(last, message=longer)
        elif not (_reads_way(reader, line) or _reads_alone(reader, line)):
            reader.above = line if line.text.strip() else reader.above
            _reads_below(reader, line, lines[i + 1 : i + 60])
    return reader.parsed


def _reads_below(reader: _Reader, line: OutputLine, after: Sequence[OutputLine]) -> None:
    """Errors whose place stands below them: of the linker lld, of the sanitizers."""
    tree, found = reader.tree, reader.parsed.findings
    if lld := _LLD.match(line.text):
        used = next((referenced for each in after[:3] if (referenced := _REFERENCED.match(each.text))), None)
        path = tree.known(used["path"]) if used and used["path"] else None
        frames = [Place(path, int(used["line"]))] if used and path else []
        found.append(placed("build_error", lld["message"], line.number, frames))
    elif sanitizer := _SANITIZER.match(line.text):
        end = next((i for i, each in enumerate(after) if not each.text.strip()), len(after))
        message = _ADDRESS.sub("", sanitizer["message"])
        found.append(placed("runtime_error", message, line.number, frames_in(after[:end], tree)))


def _mypy_goes_on(line: OutputLine, after: Sequence[OutputLine]) -> bool:
    """mypy --pretty wraps its messages; every message of mypy ends with its code in brackets."""
    return (
        ": error: " in line.text
        and ".py:" in line.text
        and not line.text.endswith("]")
        and bool(after)
        and after[0].text.endswith("]")
        and not after[0].text[:1].isspace()
        and ": error: " not in after[0].text
    )


def _reads_place(reader: _Reader, line: OutputLine) -> bool:
    if arrow := _ARROW.match(line.text):
        if reader.above is None:
            return True
        match, message, number = arrow, reader.above.text.strip(), line.number
    else:
        match = next((m for spelling in _SPELLINGS if (m := spelling.match(line.text))), None)
        if match is None:
            return False
        message, number = match["message"], line.number
    if _STACK.match(message):
        return False
    severity = _SEVERITY.match(message)
    word = severity["word"].lower() if severity else ""
    if not word and (_PYTHON_WARNING.match(message) or _WARNING_RULE.search(message[-80:])):
        word = "warning"
    if word not in ("", "error", "warning"):
        return True
    path = reader.tree.known(match["path"])
    if path is None and word == "error" and _EXTENSION.search(match["path"][-12:]):
        path = reader.tree.relative(match["path"])
    column = int(match["column"]) if match["column"] else None
    at = Place(path, int(match["line"]), column) if path else (reader.via if word == "error" else None)
    reader.via = None
    if at is None:
        return False
    kind, strength = ("warning", "warning") if word == "warning" else ("build_error", "strong")
    found = Finding(kind, message, number, at.file, at.line, at.column, strength=strength)
    reader.parsed.findings.append(found)
    return True


def _reads_way(reader: _Reader, line: OutputLine) -> bool:
    way = _VIA.match(line.text) or _REQUIRED.match(line.text)
    if way is None:
        return False
    if path := reader.tree.known(way["path"]):
        reader.via = Place(path, int(way["line"]), int(way["column"]) if "column" in way.groupdict() else None)
    return True


def _reads_alone(reader: _Reader, line: OutputLine) -> bool:
    """Errors that name a file without a line, or none."""
    text, tree = line.text, reader.tree
    found: Finding | None = None
    if linker := _LINKER.match(text):
        at = int(linker["line"]) if linker["line"] else None
        found = Finding("build_error", linker["message"], line.number, tree.known(linker["path"]), at)
    elif alone := _LINKER_ALONE.match(text) or _TOOL.match(text):
        found = Finding("build_error", alone["message"], line.number)
    elif file := _NO_LINE.match(text):
        found = Finding("build_error", file["message"], line.number, tree.known(file["path"]), strength="weak")
    elif make := _MAKE.match(text):
        message = f"{make['target']}: {make['end']}"
        found = Finding("error", message, line.number, tree.known(make["path"]), int(make["line"]), strength="weak")
    elif alone := _MAKE_ALONE.match(text):
        found = Finding("error", alone["message"], line.number, strength="weak")
    elif (bare := _BARE.match(text)) and not _AFTERMATH.match(text):
        found = Finding("build_error", bare["message"], line.number, strength="weak")
        reader.parsed.findings.append(found)
        return False
    if found:
        reader.parsed.findings.append(found)
    return found is not None
