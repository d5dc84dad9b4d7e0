"""The script that the agent `scripted` plays, read and checked whole, with the line of whatever is wrong.

A script is YAML with the steps of each iteration (`default` serves those that are not named; in a list of lists the
last entry serves the rest) and, optionally, the seconds to wait before each step:

    pace: 0.05
    iterations:
      1:
        - say: I will fix it.
        - write: {path: src/app.py, content: "broken\\n"}
      default:
        - expect_feedback: AssertionError
        - edit: {path: src/app.py, replace: broken, with: fixed}
        - run: python -m pytest -q

`CHECKS` lists every step; `scripted_player` says what each does.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

import yaml

Json = dict[str, Any]


class ScriptError(Exception):
    """The script cannot be played. The message names file and line."""


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    value: Any
    line: int


@dataclass(frozen=True, slots=True)
class Script:
    """`steps_of` has the steps by iteration; key 0 serves the iterations that are not named."""

    path: str
    pace: float
    steps_of: dict[int, tuple[Step, ...]]

    def steps(self, iteration: int) -> tuple[Step, ...]:
        return self.steps_of.get(iteration, self.steps_of[0])


def read_script(path: str) -> Script:
    """The script in that file, checked whole.

    Raises:
        ScriptError: the file cannot be read or is not a script; the message names file and line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as fault:
        raise ScriptError(f"The script {path} cannot be read: {fault}") from None
    try:
        return _Reader(path).script(cast("Any", yaml).compose(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark is not None else path
        what = getattr(fault, "problem", None) or str(fault).splitlines()[0]
        raise ScriptError(f"{where}: this is not YAML: {what}") from None
    except RecursionError:
        raise ScriptError(f"{path}: this is nested too deeply for a script") from None


class _Reader:
    """Turns YAML nodes, which know their line, into a script."""

    def __init__(self, path: str) -> None:
        self._path = path

    def script(self, root: yaml.Node | None) -> Script:
        if not isinstance(root, yaml.MappingNode):
            self._wrong(root, "a script is a mapping with the key `iterations`")
        pace, iterations = 0.0, None
        for key, node in cast("list[tuple[yaml.Node, yaml.Node]]", root.value):
            match self._plain(key):
                case "pace":
                    pace = self._number(node, "pace")
                case "iterations":
                    iterations = node
                case other:
                    self._wrong(key, f"unknown key {other!r}; a script has `iterations` and `pace`")
        if iterations is None:
            self._wrong(root, "the key `iterations` is missing")
        return Script(self._path, pace, self._iterations(iterations))

    def _iterations(self, node: yaml.Node) -> dict[int, tuple[Step, ...]]:
        found: dict[int, tuple[Step, ...]] = {}
        if isinstance(node, yaml.SequenceNode):
            for number, entry in enumerate(cast("list[yaml.Node]", node.value), start=1):
                found[number] = self._steps(entry)
        elif isinstance(node, yaml.MappingNode):
            for key, entry in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
                number = self._plain(key)
                if number == "default":
                    number = 0
                elif isinstance(number, bool) or not isinstance(number, int) or number < 1:
                    self._wrong(key, f"{number!r} is not an iteration: write 1, 2, ... or `default`")
                found[number] = self._steps(entry)
        if not found:
            self._wrong(node, "`iterations` is a mapping (1, 2, ..., default) or a list of lists of steps")
        found.setdefault(0, found[max(found)])
        return found

    def _steps(self, node: yaml.Node) -> tuple[Step, ...]:
        if not isinstance(node, yaml.SequenceNode):
            self._wrong(node, "the steps of an iteration are a list")
        return tuple(self._step(entry) for entry in cast("list[yaml.Node]", node.value))

    def _step(self, node: yaml.Node) -> Step:
        if not isinstance(node, yaml.MappingNode) or len(node.value) != 1:
            self._wrong(node, "a step is a mapping with one key, such as `- say: hello`")
        key, value = cast("tuple[yaml.Node, yaml.Node]", node.value[0])
        name = self._plain(key)
        if not isinstance(name, str) or name not in CHECKS:
            self._wrong(key, f"unknown step {name!r}; known steps: {', '.join(CHECKS)}")
        try:
            return Step(name, CHECKS[name](self._plain(value)), node.start_mark.line + 1)
        except (TypeError, ValueError) as fault:
            self._wrong(value, f"`{name}`: {fault}")

    def _number(self, node: yaml.Node, key: str) -> float:
        try:
            return _seconds(self._plain(node))
        except ValueError as fault:
            self._wrong(node, f"`{key}`: {fault}")

    def _plain(self, node: yaml.Node) -> Any:
        loader = cast("Any", yaml.SafeLoader(""))
        try:
            return loader.construct_document(node)
        finally:
            loader.dispose()

    def _wrong(self, node: yaml.Node | None, what: str) -> NoReturn:
        line = node.start_mark.line + 1 if node is not None else 1
        raise ScriptError(f"{self._path}:{line}: {what}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"needs text, not {value!r}")
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ValueError(f"needs a number of seconds, not {value!r}")
    return float(value)


def _exit_code(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 255:
        raise ValueError(f"needs an exit code from 0 to 255, not {value!r}")
    return value


def _signal(value: Any) -> int:
    name = _text(value).upper()
    try:
        return int(signal.Signals[name if name.startswith("SIG") else f"SIG{name}"])
    except KeyError:
        raise ValueError(f"{value!r} is not a signal; write SIGKILL, SIGSEGV, ...") from None


def _true(value: Any) -> bool:
    if value is not True:
        raise ValueError("write `true`")
    return True


def _regex(value: Any) -> re.Pattern[str]:
    try:
        return re.compile(_text(value), re.MULTILINE)
    except re.error as fault:
        raise ValueError(f"not a regular expression: {fault}") from None


def _path(value: Any) -> str:
    path = _text(value)
    if not path or path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise ValueError(f"{path!r} leaves the workspace: name a file inside it")
    return path


def _fields(**needed: Callable[[Any], Any]) -> Callable[[Any], Json]:
    """A checker for a mapping with exactly these keys."""

    def check(value: Any) -> Json:
        if not isinstance(value, dict) or set(cast("Json", value)) != set(needed):
            raise ValueError(f"needs the keys {', '.join(needed)}")
        return {key: checker(cast("Json", value)[key]) for key, checker in needed.items()}

    return check


def _usage(value: Any) -> Json:
    given = cast("Json", value) if isinstance(value, dict) else {}
    if not given or not set(given) <= {"input", "output", "cost"}:
        raise ValueError("needs the keys input, output, cost, or some of them")
    return {key: _seconds(given.get(key, 0)) for key in ("input", "output", "cost")}


def _result(value: Any) -> Json:
    given = cast("Json", value) if isinstance(value, dict) else {}
    if not isinstance(given.get("success"), bool) or not set(given) <= {"success", "text"}:
        raise ValueError("needs the keys success (true or false) and, optionally, text")
    return {"success": given["success"], "text": _text(given.get("text", ""))}


CHECKS: dict[str, Callable[[Any], Any]] = {
    "say": _text,
    "think": _text,
    "print": _text,
    "stderr": _text,
    "sleep": _seconds,
    "write": _fields(path=_path, content=_text),
    "edit": _fields(**{"path": _path, "replace": _text, "with": _text}),
    "read": _path,
    "run": _text,
    "usage": _usage,
    "exit": _exit_code,
    "crash": _signal,
    "hang": _true,
    "expect_feedback": _regex,
    "result": _result,
}
"""What the value of each step must be."""
