"""What the stubbed model does: for each mode the turns of one answer to a prompt, as actions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Think:
    text: str


@dataclass(frozen=True)
class Write:
    path: str
    content: str


@dataclass(frozen=True)
class Read:
    path: str


@dataclass(frozen=True)
class Shell:
    command: str


@dataclass(frozen=True)
class NoSuchTool:
    pass


@dataclass(frozen=True)
class SubAgent:
    """Sends a sub-agent with `SUBAGENT_PROMPT`."""


Action = Text | Think | Write | Read | Shell | NoSuchTool | SubAgent
Turn = list[Action]

_BIG = "head -c 5242880 /dev/zero | tr '\\0' 'x' | fold -w 99"
SUBAGENT_PROMPT = "Look around, and send nobody."
_STRANGE = "héllo \u2028 line-sep \u0085 nel 漢字 \U0001f600 \x1b[31mred\x1b[0m"

TURNS: dict[str, list[Turn]] = {
    "success": [
        [Text("I will create hello.txt."), Write("hello.txt", "hello from the stub\n")],
        [Text("Now checking it."), Shell("cat hello.txt && git status --short")],
        [Text("All done: hello.txt was created.")],
    ],
    "toolerr": [
        [Text("Running a failing command."), Shell("echo out; echo oops >&2; exit 3")],
        [Text("The command failed with status 3.")],
    ],
    "parallel": [
        [Text("Two at once."), Shell("sleep 1; echo one"), Shell("sleep 1; echo two")],
        [Text("Both done.")],
    ],
    "sleep": [[Text("Sleeping."), Shell("sleep 987 & sleep 986; echo woke")], [Text("Woke.")]],
    "badtool": [[Text("Calling a tool that does not exist."), NoSuchTool()], [Text("That tool does not exist.")]],
    "huge": [[Text("Printing a lot."), Shell(_BIG)], [Text("Huge output done.")]],
    "bigtext": [[Text(" ".join(f"w{number}" for number in range(45000)))]],
    "think": [
        [Think("I should write the file first."), Text("Writing."), Write("hello.txt", "hello\n")],
        [Text("Done thinking.")],
    ],
    "unicode": [
        [Text(_STRANGE), Shell("printf 'a\\x00b\\033[31mred\\033[0m\\xff\\xfe\\n'")],
        [Text("Done.")],
    ],
    "subagent": [[Text("I will send somebody."), SubAgent()], [Text("They have looked around.")]],
    "envnames": [[Text("Env."), Shell("env | cut -d= -f1 | sort | tr '\\n' ' '")], [Text("Env done.")]],
}

FAULTS: dict[str, tuple[int, str, str]] = {
    "err400": (400, "invalid_request_error", "bad request (stub)"),
    "err401": (401, "authentication_error", "invalid x-api-key (stub)"),
    "err403": (403, "permission_error", "forbidden (stub)"),
    "err429": (429, "rate_limit_error", "rate limited (stub)"),
    "err500": (500, "api_error", "internal error (stub)"),
    "err529": (529, "overloaded_error", "Overloaded (stub)"),
}
"""Modes in which every request fails; with `_ok` after the name only the first two do."""

OTHER_MODES = ("fixit", "loop", "hang", "hangmid", "drop", "drop_ok")
MODES = (*TURNS, *FAULTS, "err429_ok", "err500_ok", *OTHER_MODES)


@dataclass(frozen=True)
class Fix:
    """What `fixit` does for a prompt: read the files (claude must, before it overwrites one), write, run, end."""

    writes: list[tuple[str, str]]
    command: str = "git status --short"

    def turns(self) -> list[Turn]:
        names = ", ".join(path for path, _ in self.writes)
        return [
            [Text(f"I will look at {names} first."), *(Read(path) for path, _ in self.writes)],
            [Text(f"Writing {names}."), *(Write(path, content) for path, content in self.writes)],
            [Text("Now checking it."), Shell(self.command)],
            [Text(f"Done: {names} is written.")],
        ]


@dataclass(frozen=True)
class ModelScript:
    """The whole play. `later` are fixes for prompts that match a pattern (the feedback of a failed check, say)."""

    mode: str
    first: Fix = field(default_factory=lambda: Fix([]))
    later: list[tuple[re.Pattern[str], Fix]] = field(default_factory=list[tuple[re.Pattern[str], Fix]])

    def turn(self, number: int, prompt: str) -> Turn:
        """The actions of turn `number` (from 0) after this prompt; the last turn serves all further ones."""
        if self.mode == "subagent" and SUBAGENT_PROMPT in prompt:
            return [Text("I see."), Shell("echo looked")] if number == 0 else [Text("Nothing to be seen.")]
        if self.mode == "loop":
            return [Text(f"Step {number}."), Shell(f"echo step {number}")]
        if self.mode == "fixit":
            fix = next((fix for pattern, fix in self.later if pattern.search(prompt)), self.first)
            turns = fix.turns()
        else:
            turns = TURNS.get(self.mode, TURNS["success"])
        return turns[min(number, len(turns) - 1)]
