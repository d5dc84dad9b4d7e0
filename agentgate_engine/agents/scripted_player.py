"""Plays a script as an agent would work: `python -I scripted_player.py SCRIPT` in the workspace, the prompt on stdin.

It prints the line protocol. Without a `result` step the last step is followed by a success; `exit`, `crash` and `hang`
end the play without a result. Exit codes: 0 played, 2 the script is wrong, 3 the world is not as the script expects.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

sys.path.append(str(Path(__file__).resolve().parents[2]))  # `-I` hides a source tree that is not installed

from agentgate_engine.agents.script import Json, Script, ScriptError, read_script


class UnexpectedWorld(Exception):
    """The workspace or the feedback is not what the script says it would be."""


class Player:
    """Plays steps in a workspace. Each tool call is real work, told as an agent tells it."""

    def __init__(self, workspace: Path, prompt: str, feedback: str | None) -> None:
        self._workspace = workspace.resolve()
        self._prompt = prompt
        self._feedback = feedback
        self._calls = 0
        self._said = ""
        self._done = False
        self._at_line_start = True

    def play(self, script: Script, iteration: int) -> None:
        self._tell(type="session", sessionId=f"scripted-{iteration}", model="scripted")
        for step in script.steps(iteration):
            if script.pace:
                time.sleep(script.pace)
            try:
                STEPS[step.name](self, step.value)
            except (UnexpectedWorld, OSError, UnicodeError) as fault:
                raise UnexpectedWorld(f"{script.path}:{step.line}: `{step.name}`: {fault}") from None
        if not self._done:
            self.result({"success": True, "text": self._said})

    def say(self, text: str) -> None:
        self._said = text
        self._tell(type="message", role="assistant", text=text)

    def think(self, text: str) -> None:
        self._tell(type="thinking", text=text)

    def print(self, text: str) -> None:
        self._out(text)

    def stderr(self, text: str) -> None:
        sys.stderr.write(text if text.endswith("\n") else text + "\n")
        sys.stderr.flush()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def write(self, given: Json) -> None:
        path = self._inside(given["path"])
        content = given["content"]
        lines = content.count("\n") + (not content.endswith("\n"))
        call = self._begin("Write", "edit", given, path=given["path"], ranges=[[1, lines]] if content else [])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        self._end(call, f"wrote {given['path']}")

    def edit(self, given: Json) -> None:
        path = self._inside(given["path"])
        old = path.read_text(encoding="utf-8")
        at = old.find(given["replace"])
        if at < 0 or not given["replace"]:
            raise UnexpectedWorld(f"{given['path']} does not hold {given['replace']!r}")
        first = old.count("\n", 0, at) + 1
        ranges = [[first, first + given["with"].rstrip("\n").count("\n")]]
        call = self._begin("Edit", "edit", given, path=given["path"], ranges=ranges)
        path.write_text(old.replace(given["replace"], given["with"], 1), encoding="utf-8")
        self._end(call, f"edited {given['path']}")

    def read(self, path: str) -> None:
        call = self._begin("Read", "read", {"path": path}, path=path)
        try:
            self._end(call, self._inside(path).read_text(encoding="utf-8", errors="replace"))
        except OSError as fault:
            self._end(call, f"{path}: {fault.strerror}", is_error=True)

    def run(self, command: str) -> None:
        """In a session of its own, as the tools of real agents are: killing the agent's group does not reach it."""
        call = self._begin("Bash", "bash", {"command": command})
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self._workspace,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
        )
        code = done.returncode if done.returncode >= 0 else 128 - done.returncode
        self._end(call, done.stdout.decode("utf-8", errors="replace"), exit_code=code, is_error=code != 0)

    def usage(self, given: Json) -> None:
        self._tell(type="usage", input=int(given["input"]), output=int(given["output"]), costUsd=given["cost"])

    def exit(self, code: int) -> NoReturn:
        sys.exit(code)

    def crash(self, number: int) -> None:
        signal.signal(number, signal.SIG_DFL) if number not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), number)
        time.sleep(5)
        raise UnexpectedWorld(f"signal {number} did not end the player")

    def hang(self, _true: bool) -> None:
        while True:
            time.sleep(3600)

    def expect_feedback(self, pattern: re.Pattern[str]) -> None:
        """Proves the loop: the feedback matches, and the prompt that the agent was given told it."""
        if self._feedback is None:
            raise UnexpectedWorld(f"no feedback was given, and /{pattern.pattern}/ was expected in it")
        if not pattern.search(self._feedback):
            raise UnexpectedWorld(f"the feedback does not match /{pattern.pattern}/; it begins: {self._feedback[:300]}")
        if not pattern.search(self._prompt):
            raise UnexpectedWorld(f"the feedback matches /{pattern.pattern}/, but the prompt does not tell it")

    def result(self, given: Json) -> None:
        self._done = True
        self._tell(type="result", **given)

    def _inside(self, path: str) -> Path:
        whole = (self._workspace / path).resolve()
        if not whole.is_relative_to(self._workspace):
            raise UnexpectedWorld(f"{path} leads out of the workspace, to {whole}")
        return whole

    def _begin(
        self, tool: str, kind: str, tool_input: Json, *, path: str = "", ranges: Sequence[Sequence[int]] = ()
    ) -> str:
        self._calls += 1
        call = f"call-{self._calls}"
        paths = [{"path": path, "ranges": ranges}] if path else []
        self._tell(type="tool_start", id=call, tool=tool, kind=kind, input=tool_input, paths=paths, t=time.time())
        return call

    def _end(self, call: str, output: str, *, exit_code: int | None = None, is_error: bool = False) -> None:
        self._tell(type="tool_end", id=call, output=output, exitCode=exit_code, isError=is_error, t=time.time())

    def _tell(self, **event: Any) -> None:
        self._out(("" if self._at_line_start else "\n") + json.dumps(event, ensure_ascii=False) + "\n")

    def _out(self, text: str) -> None:
        if text:
            self._at_line_start = text.endswith("\n")
            sys.stdout.write(text)
            sys.stdout.flush()


STEPS: dict[str, Callable[[Player, Any], None]] = {
    "say": Player.say,
    "think": Player.think,
    "print": Player.print,
    "stderr": Player.stderr,
    "sleep": Player.sleep,
    "write": Player.write,
    "edit": Player.edit,
    "read": Player.read,
    "run": Player.run,
    "usage": Player.usage,
    "exit": Player.exit,
    "crash": Player.crash,
    "hang": Player.hang,
    "expect_feedback": Player.expect_feedback,
    "result": Player.result,
}
"""What plays each step."""


def main(argv: list[str]) -> int:
    try:
        script = read_script(argv[1])
    except (IndexError, ScriptError) as fault:
        print(fault if isinstance(fault, ScriptError) else "usage: scripted_player.py SCRIPT", file=sys.stderr)
        return 2
    for stream in (sys.stdout, sys.stderr):
        cast("Any", stream).reconfigure(encoding="utf-8", errors="surrogatepass", newline="\n")
    told = os.environ.get("AGENTGATE_FEEDBACK_FILE")
    try:
        feedback = Path(told).read_text(encoding="utf-8") if told else None
        prompt = sys.stdin.buffer.read().decode("utf-8", errors="replace")
        Player(Path.cwd(), prompt, feedback).play(script, int(os.environ.get("AGENTGATE_ITERATION", "1")))
    except (UnexpectedWorld, OSError, ValueError) as fault:
        print(fault, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
