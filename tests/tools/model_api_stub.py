"""A stub of the Anthropic Messages API on 127.0.0.1, for running the real `claude` without a model or a network.

    python tests/tools/model_api_stub.py --mode success --log requests.jsonl        prints PORT=<n> when it listens

`fixit` makes the model write files, as a repair of a task would:

    --mode fixit --write app.py='x = 1' --run 'python -m pytest -q' --write-after AssertionError app.py='x = 2'

The number of the turn is counted from the request (tool results after the last prompt), so the stub keeps no
conversation and resumed sessions work by themselves; only the modes that fail a few times count requests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

sys.path.insert(0, str(Path(__file__).resolve().parent))

from model_script import (
    FAULTS,
    MODES,
    SUBAGENT_PROMPT,
    Action,
    Fix,
    ModelScript,
    NoSuchTool,
    Read,
    Shell,
    SubAgent,
    Text,
    Think,
    Write,
)

Json = dict[str, Any]

_WORKSPACE = re.compile(r"[Ww]orking directory: ([^\n]+)")
_FOREVER = 36_000.0


class MessagesStub:
    """The handlers. `log` gets a JSON line for each request, with keys masked."""

    def __init__(self, script: ModelScript, workspace: str | None, log: Path | None) -> None:
        self._script = script
        self._workspace = workspace
        self._log = log
        self._requests = 0
        self._began = time.monotonic()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=256 << 20)
        app.router.add_post("/v1/messages", self.messages)
        app.router.add_post("/v1/messages/count_tokens", self.count_tokens)
        app.router.add_route("*", "/{rest:.*}", self.unknown)
        return app

    async def messages(self, request: web.Request) -> web.StreamResponse:
        body: Json = await request.json()
        has_tools = bool(body.get("tools"))
        self._requests += has_tools
        turn, prompt = where_in_the_talk(body.get("messages", []))
        self._note(request, body, f"turn {turn}" if has_tools else "side request")
        refusal = self._refusal(has_tools)
        if refusal is not None:
            return refusal
        if self._script.mode == "hang" and has_tools:
            await asyncio.sleep(_FOREVER)
        side_answer: list[Action] = [Text('{"title": "Stub title", "isNewTopic": false}')]
        actions = self._script.turn(turn, prompt) if has_tools else side_answer
        workspace = self._workspace or workspace_of(body)
        blocks = [block_of(action, f"{turn:02d}_{index}", workspace) for index, action in enumerate(actions)]
        usage = {
            "input_tokens": 1000 + 100 * turn,
            "cache_creation_input_tokens": 200,
            "cache_read_input_tokens": 3000,
            "output_tokens": 1,
        }
        message = {
            "id": f"msg_stub_{uuid.uuid4().hex[:8]}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model"),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        if not body.get("stream"):
            if self._script.mode == "drop" and has_tools:
                return self._hang_up(request)
            whole = {"content": blocks, "stop_reason": stop_of(blocks), "usage": usage | {"output_tokens": 42}}
            return web.json_response(message | whole)
        return await self._stream(request, message, blocks, breaks=has_tools)

    async def count_tokens(self, request: web.Request) -> web.Response:
        self._note(request, None, "count_tokens")
        return web.json_response({"input_tokens": 1234})

    async def unknown(self, request: web.Request) -> web.Response:
        self._note(request, None, "unknown, 404")
        return web.json_response({"error": {"message": "not found (stub)"}}, status=404)

    def _refusal(self, has_tools: bool) -> web.Response | None:
        mode = self._script.mode
        name = mode.removesuffix("_ok")
        if name not in FAULTS or (mode != name and (not has_tools or self._requests > 2)):
            return None
        status, kind, words = FAULTS[name]
        body = {"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_stub"}
        return web.json_response(body, status=status, headers={"retry-after": "1"} if status == 429 else None)

    async def _stream(
        self, request: web.Request, message: Json, blocks: list[Json], *, breaks: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream", "request-id": "req_stub"})
        await response.prepare(request)

        async def send(kind: str, **data: Any) -> None:
            await response.write(f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode())

        try:
            await send("message_start", message=message)
            for index, block in enumerate(blocks):
                empty, deltas = streamed(block)
                await send("content_block_start", index=index, content_block=empty)
                for delta in deltas:
                    await send("content_block_delta", index=index, delta=delta)
                    if breaks and await self._breaks(request):
                        return response
                await send("content_block_stop", index=index)
            stop = {"stop_reason": stop_of(blocks), "stop_sequence": None}
            await send("message_delta", delta=stop, usage={"output_tokens": 42})
            await send("message_stop")
            await response.write_eof()
        except ConnectionError:
            pass  # the agent was stopped: nobody reads on
        return response

    async def _breaks(self, request: web.Request) -> bool:
        """After a piece of the answer: stalls or hangs up where the mode says so."""
        mode = self._script.mode
        if mode == "hangmid":
            await asyncio.sleep(_FOREVER)
        if mode == "drop" or (mode == "drop_ok" and self._requests <= 1):
            await asyncio.sleep(0.05)
            self._hang_up(request)
            return True
        return False

    def _hang_up(self, request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _note(self, request: web.Request, body: Json | None, what: str) -> None:
        if self._log is None:
            return
        secret = ("authorization", "x-api-key")
        headers = {name: "***" if name.lower() in secret else value for name, value in request.headers.items()}
        at = round(time.monotonic() - self._began, 3)
        line = {"t": at, "path": request.path_qs, "what": what, "headers": headers, "body": body}
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")


def where_in_the_talk(messages: Sequence[Json]) -> tuple[int, str]:
    """How many rounds of tool results follow the last prompt, and that prompt's text."""
    turn = 0
    for message in reversed(messages):
        if message["role"] != "user":
            continue
        content = message["content"]
        blocks: list[Json] = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not any(block.get("type") == "tool_result" for block in blocks):
            return turn, "\n".join(block.get("text", "") for block in blocks)
        turn += 1
    return turn, ""


def workspace_of(body: Json) -> str:
    """Where the agent says that it works: claude tells the model in its system prompt."""
    system = body.get("system", "")
    texts = [system] if isinstance(system, str) else [block.get("text", "") for block in system]
    found = _WORKSPACE.search("\n".join(texts)) or _WORKSPACE.search(json.dumps(body.get("messages", "")))
    return found.group(1).split("\\n")[0].strip() if found else "/"


def block_of(action: Action, tag: str, workspace: str) -> Json:
    """The content block of an action."""
    match action:
        case Text(text):
            return {"type": "text", "text": text}
        case Think(text):
            return {"type": "thinking", "thinking": text, "signature": "c3R1Yg=="}
        case Write(path, content):
            name, tool_input = "Write", {"file_path": f"{workspace}/{path}", "content": content}
        case Read(path):
            name, tool_input = "Read", {"file_path": f"{workspace}/{path}"}
        case Shell(command):
            name, tool_input = "Bash", {"command": command, "description": "Run a command"}
        case SubAgent():
            name = "Agent"
            tool_input = {"description": "Look around", "prompt": SUBAGENT_PROMPT, "run_in_background": False}
        case NoSuchTool():
            name, tool_input = "no_such_tool", {"x": 1}
    return {"type": "tool_use", "id": f"toolu_{tag}_{uuid.uuid4().hex[:8]}", "name": name, "input": tool_input}


def streamed(block: Json) -> tuple[Json, list[Json]]:
    """A block as it begins, and the deltas that fill it."""
    match block["type"]:
        case "text":
            deltas = [{"type": "text_delta", "text": part} for part in pieces(block["text"])]
            return {"type": "text", "text": ""}, deltas
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}, [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        case _:
            whole = json.dumps(block["input"])
            return block | {"input": {}}, [{"type": "input_json_delta", "partial_json": part} for part in pieces(whole)]


def pieces(text: str) -> list[str]:
    size = max(8, len(text) // 8 + 1)
    return [text[at : at + size] for at in range(0, len(text), size)] or [""]


def stop_of(blocks: Sequence[Json]) -> str:
    return "tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn"


def _write(argument: str) -> tuple[str, str]:
    path, equals, content = argument.partition("=")
    if not equals or not path or path.startswith("/"):
        raise argparse.ArgumentTypeError(f"{argument!r}: write PATH=CONTENT with a path inside the workspace")
    return path, content


async def serve(stub: MessagesStub, port: int) -> None:
    runner = web.AppRunner(stub.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(f"PORT={runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--mode", choices=MODES, default="success")
    parser.add_argument("--log", type=Path)
    parser.add_argument("--cwd", help="the agent's workspace; by default what its system prompt says")
    parser.add_argument("--write", type=_write, action="append", default=[], metavar="PATH=CONTENT")
    parser.add_argument("--run", default="git status --short", metavar="COMMAND")
    parser.add_argument("--write-after", nargs=2, action="append", default=[], metavar=("PATTERN", "PATH=CONTENT"))
    given = parser.parse_args()
    later = [(re.compile(pattern), Fix([_write(write)], given.run)) for pattern, write in given.write_after]
    script = ModelScript(given.mode, Fix(given.write, given.run), later)
    asyncio.run(serve(MessagesStub(script, given.cwd, given.log), given.port))


if __name__ == "__main__":
    main()
