"""A git server over HTTP with a password, on 127.0.0.1: the real `git http-backend`, as a hosted repository answers.

It looks at the command lines of all processes whenever it is asked something, for secrets that stand in one.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web


class GitHttp:
    """Serves the bare repositories below `root`. `users` maps names to passwords; `seen` is every command line."""

    def __init__(self, root: Path, users: dict[str, str]) -> None:
        self.root = root
        self.users = users
        self.base = ""
        self.offered: list[str] = []
        self.seen: set[str] = set()
        self.refuse_with: int | None = None

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[GitHttp]:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{rest:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.seen |= set(await asyncio.to_thread(_command_lines))
        given = request.headers.get("authorization", "")
        user, _, password = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
        if given:
            self.offered.append(f"{user}:{password}")
        if self.refuse_with is not None:
            return web.Response(status=self.refuse_with)
        if not given or self.users.get(user) != password:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="git"'})
        return await self._backend(request, user)

    async def _backend(self, request: web.Request, user: str) -> web.Response:
        body = await request.read()
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": user,
            "HTTP_GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        }
        backend = await asyncio.create_subprocess_exec(
            "git", "http-backend", env=environment, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await backend.communicate(body)
        head, _, content = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        status = int(headers.pop("Status", "200").split()[0])
        return web.Response(status=status, headers=headers, body=content)


def _command_lines() -> list[str]:
    found: list[str] = []
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
            except OSError:
                continue
    return found
