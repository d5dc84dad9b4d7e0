"""GitHub's REST interface on 127.0.0.1, as far as a delivery uses it, with faults on demand.

    python tests/tools/github_stub.py --repo octo/shop=/path/to/bare.git [--description FILE] [--log FILE]
                                                             prints PORT=<n> when it listens; the API is at /api/v3

Repositories are real bare ones: a pull request needs a branch that was pushed. Each request, and each answer, is held
against GitHub's own description; `mistakes` holds what did not fit. A test drives it through `GitHubStub`, another
process through `GET /_stub/state`, `POST /_stub/faults` and `POST /_stub/ci`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

sys.path.insert(0, str(Path(__file__).resolve().parent))

from github_description import Description

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

API = "/api/v3"
WORDS = {401: "Bad credentials", 403: "Resource not accessible by personal access token", 404: "Not Found"}


@dataclass
class Fault:
    """What the next `times` requests get whose `METHOD /path` has `match` in it.

    `kind`: `status` answers with `status`; `drop` hangs up at once, `drop_after` when it was done; `secondary` and
    `primary` are the two limits; `slow` answers after `seconds`; `exists` makes a 422 of an existing pull request.
    """

    kind: str
    match: str = ""
    times: int = 1
    status: int = 502
    retry_after: str | None = None
    reset: int | None = None
    message: str | None = None
    seconds: float = 0.0


@dataclass
class StubRepository:
    full_name: str
    git_dir: Path
    clone_url: str
    default_branch: str = "main"
    parent: str | None = None
    archived: bool = False
    pulls: list[Json] = field(default_factory=list)
    labels: dict[int, list[str]] = field(default_factory=dict)
    reviewers: dict[int, list[str]] = field(default_factory=dict)
    comments: dict[int, list[str]] = field(default_factory=dict)


class GitHubStub:
    """The state of the installation and its handlers."""

    def __init__(self, description: Description | None = None, log: Path | None = None, token: str = "") -> None:
        self.description = description
        self.token = token
        self.login = "robot"
        self.base = ""
        self.repositories: dict[str, StubRepository] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, object]] = []
        self.headers: list[Json] = []
        self.mistakes: list[str] = []
        self.check_runs: list[Json] = []
        self.statuses: list[Json] = []
        self.workflow_runs: list[Json] = []
        self.annotations: dict[int, list[Json]] = {}
        self.forks_ready_after = 0
        self._log = log
        self._closing = asyncio.Event()

    def add(self, full_name: str, git_dir: Path, **more: Any) -> StubRepository:
        """A repository with the content of a bare one."""
        made = StubRepository(full_name, git_dir, more.pop("clone_url", None) or str(git_dir), **more)
        self.repositories[full_name] = made
        return made

    def asked(self, start: str) -> int:
        """How many requests began with `METHOD /path` so."""
        return sum(f"{method} {path}".startswith(start) for method, path, _ in self.requests)

    @property
    def api_url(self) -> str:
        return self.base + API

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._middle])
        repo = API + "/repos/{owner}/{repo}"
        routes: tuple[tuple[str, str, Handler], ...] = (
            ("GET", API + "/user", self._user),
            ("GET", repo, self._repository),
            ("GET", repo + "/branches/{branch:.+}", self._branch),
            ("GET", repo + "/pulls", self._pulls),
            ("POST", repo + "/pulls", self._create),
            ("PATCH", repo + "/pulls/{pull_number}", self._update),
            ("POST", repo + "/pulls/{pull_number}/requested_reviewers", self._reviewers),
            ("POST", repo + "/issues/{issue_number}/labels", self._labels),
            ("GET", repo + "/issues/{issue_number}/comments", self._comments),
            ("POST", repo + "/issues/{issue_number}/comments", self._comment),
            ("POST", repo + "/forks", self._fork),
            ("GET", repo + "/commits/{ref}/check-runs", self._check_runs),
            ("GET", repo + "/commits/{ref}/status", self._status),
            ("GET", repo + "/check-runs/{check_run_id}/annotations", self._annotations),
            ("GET", repo + "/actions/runs", self._runs),
            ("GET", "/_stub/state", self._state),
            ("POST", "/_stub/faults", self._set_faults),
            ("POST", "/_stub/ci", self._set_ci),
        )
        for method, path, handler in routes:
            app.router.add_route(method, path, handler)
        return app

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncGenerator[GitHubStub]:
        runner = web.AppRunner(self.application(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self._closing.set()
            await runner.cleanup()

    @web.middleware
    async def _middle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_stub/"):
            return await handler(request)
        body: object = await request.json() if request.can_read_body else None
        resource = request.match_info.route.resource
        template = resource.canonical.removeprefix(API) if resource else ""
        self._note(request, body)
        if self.description and self.description.knows(request.method, template):
            query = dict(request.query)
            wrong = self.description.mistakes_of_request(request.method, template, query, body)
            self.mistakes += [f"{request.method} {request.path}: {each}" for each in wrong]
        elif self.description:
            self.mistakes.append(f"{request.method} {request.path}: no such operation")
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return self._checked(request, template, self._error(401))
        fault = self._fault(request)
        answer = await self._faulty(fault, request) if fault else None
        if answer is None:
            answer = await handler(request)
        if fault and fault.kind == "drop_after":
            self._hang_up(request)
        return self._checked(request, template, answer)

    def _note(self, request: web.Request, body: object) -> None:
        path = request.path.removeprefix(API)
        self.requests.append((request.method, path, body))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self._log:
            with self._log.open("a") as log:
                log.write(json.dumps({"method": request.method, "path": request.path_qs, "body": body}) + "\n")

    def _fault(self, request: web.Request) -> Fault | None:
        for fault in self.faults:
            if fault.times and fault.match in f"{request.method} {request.path.removeprefix(API)}":
                fault.times -= 1
                return fault
        return None

    async def _faulty(self, fault: Fault, request: web.Request) -> web.StreamResponse | None:
        match fault.kind:
            case "drop":
                return self._hang_up(request)
            case "slow":
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), fault.seconds)
            case "secondary":
                words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
                return self._error(403, words, fault.retry_after)
            case "primary":
                answer = self._error(403, "API rate limit exceeded for user ID 1.")
                answer.headers["x-ratelimit-remaining"] = "0"
                if fault.reset is not None:
                    answer.headers["x-ratelimit-reset"] = str(fault.reset)
                return answer
            case "exists":
                return self._refused("PullRequest", "A pull request already exists for octo:x.")
            case "status":
                return self._error(fault.status, fault.message, fault.retry_after)
            case _:
                pass
        return None

    def _checked(self, request: web.Request, template: str, answer: web.StreamResponse) -> web.StreamResponse:
        """The answer with everything that GitHub always sends, held against the description."""
        known = self.description and self.description.knows(request.method, template)
        if not known or not isinstance(answer, web.Response) or not isinstance(answer.body, bytes):
            return answer
        assert self.description is not None
        body = self.description.filled(request.method, template, answer.status, json.loads(answer.body))
        wrong = self.description.mistakes_of_response(request.method, template, answer.status, body)
        self.mistakes += [f"{request.method} {request.path}: {each}" for each in wrong]
        answer.body = json.dumps(body).encode()
        return answer

    @staticmethod
    def _hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.json_response({})

    @staticmethod
    def _error(status: int, message: str | None = None, retry_after: str | None = None) -> web.Response:
        body = {"message": message or WORDS.get(status, "Server Error"), "documentation_url": "https://docs.github.com"}
        return web.json_response(body, status=status, headers={"retry-after": retry_after} if retry_after else None)

    @staticmethod
    def _refused(resource: str, message: str, field_name: str = "base") -> web.Response:
        detail = {"resource": resource, "code": "custom", "field": field_name, "message": message}
        body = {"message": "Validation Failed", "documentation_url": "https://docs.github.com", "errors": [detail]}
        return web.json_response(body, status=422)

    def _repo(self, request: web.Request) -> StubRepository:
        name = f"{request.match_info['owner']}/{request.match_info['repo']}"
        found = self.repositories.get(name)
        if found is None:
            raise web.HTTPNotFound(text=json.dumps({"message": "Not Found"}), content_type="application/json")
        return found

    def _tip(self, repo: StubRepository, branch: str) -> str | None:
        command = ["git", "-C", str(repo.git_dir), "rev-parse", "--verify", "-q", f"refs/heads/{branch}"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None

    async def _user(self, request: web.Request) -> web.Response:
        return web.json_response({"login": self.login})

    def _told(self, repo: StubRepository) -> Json:
        told: Json = {
            "full_name": repo.full_name,
            "name": repo.full_name.partition("/")[2],
            "default_branch": repo.default_branch,
            "html_url": f"{self.base}/{repo.full_name}",
            "clone_url": repo.clone_url,
            "ssh_url": f"git@127.0.0.1:{repo.full_name}.git",
            "fork": repo.parent is not None,
            "archived": repo.archived,
        }
        if repo.parent:
            told["parent"] = {"full_name": repo.parent}
        return told

    async def _repository(self, request: web.Request) -> web.Response:
        repo = self._repo(request)
        if repo.parent and self.forks_ready_after > 0:
            self.forks_ready_after -= 1
            return self._error(404)
        return web.json_response(self._told(repo))

    async def _branch(self, request: web.Request) -> web.Response:
        repo, name = self._repo(request), request.match_info["branch"]
        sha = self._tip(repo, name)
        if sha is None:
            return self._error(404, "Branch not found")
        return web.json_response({"name": name, "commit": {"sha": sha}})

    async def _pulls(self, request: web.Request) -> web.Response:
        repo, query = self._repo(request), request.query
        wanted = query.get("state", "open")
        found = [self._fresh(repo, each) for each in repo.pulls if wanted in ("all", each["state"])]
        if "head" in query:
            found = [each for each in found if each["head"]["label"] == query["head"]]
        return web.json_response(list(reversed(found)))

    def _fresh(self, repo: StubRepository, pull: Json) -> Json:
        """A pull request with its branch as it stands now."""
        owner, _, branch = pull["head"]["label"].partition(":")
        home = self._home(repo, owner)
        sha = (self._tip(home, branch) if home and pull["state"] == "open" else None) or pull["head"]["sha"]
        return pull | {"head": pull["head"] | {"sha": sha}}

    def _home(self, repo: StubRepository, owner: str) -> StubRepository | None:
        """Where branches of `owner` for `repo` are: itself, or a fork of it."""
        if repo.full_name.startswith(f"{owner}/"):
            return repo
        forks = (each for each in self.repositories.values() if each.parent == repo.full_name)
        return next((each for each in forks if each.full_name.startswith(f"{owner}/")), None)

    async def _create(self, request: web.Request) -> web.Response:
        repo, body = self._repo(request), await request.json()
        owner, _, branch = str(body["head"]).rpartition(":")
        owner = owner or repo.full_name.partition("/")[0]
        home = self._home(repo, owner)
        sha, base = self._tip(home, branch) if home else None, self._tip(repo, body["base"])
        if sha is None:
            return self._refused("PullRequest", "Head sha can't be blank", "head")
        if base is None:
            return self._refused("PullRequest", "Base is invalid")
        if base == sha:
            return self._refused("PullRequest", f"No commits between {body['base']} and {branch}")
        label = f"{owner}:{branch}"
        for pull in repo.pulls:
            if (pull["state"], pull["head"]["label"], pull["base"]["ref"]) == ("open", label, body["base"]):
                return self._refused("PullRequest", f"A pull request already exists for {label}.")
        number = len(repo.pulls) + 1
        made: Json = {
            "number": number,
            "html_url": f"{self.base}/{repo.full_name}/pull/{number}",
            "state": "open",
            "title": body["title"],
            "body": body.get("body"),
            "draft": body.get("draft", False),
            "merged_at": None,
            "head": {"ref": branch, "sha": sha, "label": label},
            "base": {"ref": body["base"], "sha": base, "label": body["base"]},
        }
        repo.pulls.append(made)
        return web.json_response(made, status=201)

    async def _update(self, request: web.Request) -> web.Response:
        repo, body = self._repo(request), await request.json()
        pull = repo.pulls[int(request.match_info["pull_number"]) - 1]
        pull.update(body)
        return web.json_response(self._fresh(repo, pull))

    async def _reviewers(self, request: web.Request) -> web.Response:
        repo, body = self._repo(request), await request.json()
        number = int(request.match_info["pull_number"])
        names = [*body.get("reviewers", []), *body.get("team_reviewers", [])]
        if "stranger" in names:
            return self._refused("PullRequest", "Reviews may only be requested from collaborators.", "reviewers")
        repo.reviewers.setdefault(number, []).extend(names)
        return web.json_response(self._short(repo.pulls[number - 1]), status=201)

    @staticmethod
    def _short(pull: Json) -> Json:
        return {key: pull[key] for key in ("number", "html_url", "state", "title", "draft")}

    async def _labels(self, request: web.Request) -> web.Response:
        repo, body = self._repo(request), await request.json()
        number = int(request.match_info["issue_number"])
        known = repo.labels.setdefault(number, [])
        known += [name for name in body["labels"] if name not in known]
        return web.json_response([{"name": name} for name in known])

    async def _comments(self, request: web.Request) -> web.Response:
        repo, number = self._repo(request), int(request.match_info["issue_number"])
        page, size = int(request.query.get("page", 1)), int(request.query.get("per_page", 30))
        told = [self._said(repo, number, at) for at in range(len(repo.comments.get(number, [])))]
        return web.json_response(told[(page - 1) * size : page * size])

    async def _comment(self, request: web.Request) -> web.Response:
        repo, body = self._repo(request), await request.json()
        number = int(request.match_info["issue_number"])
        repo.comments.setdefault(number, []).append(body["body"])
        return web.json_response(self._said(repo, number, len(repo.comments[number]) - 1), status=201)

    def _said(self, repo: StubRepository, number: int, at: int) -> Json:
        url = f"{self.base}/{repo.full_name}/pull/{number}#issuecomment-{at + 1}"
        return {"id": at + 1, "html_url": url, "body": repo.comments[number][at]}

    async def _fork(self, request: web.Request) -> web.Response:
        repo = self._repo(request)
        name = f"{self.login}/{repo.full_name.partition('/')[2]}"
        if name in self.repositories and self.repositories[name].parent != repo.full_name:
            name += "-1"
        if name not in self.repositories:
            place = repo.git_dir.with_name(f"fork-of-{repo.git_dir.name}")
            command = ["git", "clone", "-q", "--bare", str(repo.git_dir), str(place)]
            await asyncio.to_thread(subprocess.run, command, check=True)
            self.add(name, place, parent=repo.full_name, default_branch=repo.default_branch)
        return web.json_response(self._told(self.repositories[name]), status=202)

    def _of_commit(self, listed: list[Json], sha: str) -> list[Json]:
        """Those for the commit; entries without `head_sha` are for every commit."""
        return [each | {"head_sha": sha} for each in listed if each.get("head_sha", sha) == sha]

    async def _check_runs(self, request: web.Request) -> web.Response:
        found = self._of_commit(self.check_runs, request.match_info["ref"])
        page, size = int(request.query.get("page", 1)), int(request.query.get("per_page", 30))
        return web.json_response({"total_count": len(found), "check_runs": found[(page - 1) * size : page * size]})

    async def _status(self, request: web.Request) -> web.Response:
        sha = request.match_info["ref"]
        body = {"state": "pending", "sha": sha, "total_count": len(self.statuses), "statuses": self.statuses}
        return web.json_response(body)

    async def _annotations(self, request: web.Request) -> web.Response:
        return web.json_response(self.annotations.get(int(request.match_info["check_run_id"]), []))

    async def _runs(self, request: web.Request) -> web.Response:
        found = self._of_commit(self.workflow_runs, request.query["head_sha"])
        return web.json_response({"total_count": len(found), "workflow_runs": found})

    async def _state(self, request: web.Request) -> web.Response:
        kept = ("pulls", "labels", "reviewers", "comments")
        repositories = {name: {key: getattr(repo, key) for key in kept} for name, repo in self.repositories.items()}
        asked = [f"{method} {path}" for method, path, _ in self.requests]
        return web.json_response({"repositories": repositories, "mistakes": self.mistakes, "requests": asked})

    async def _set_faults(self, request: web.Request) -> web.Response:
        self.faults = [Fault(**each) for each in await request.json()]
        return web.json_response({})

    async def _set_ci(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.check_runs = body.get("check_runs", [])
        self.statuses = body.get("statuses", [])
        self.workflow_runs = body.get("workflow_runs", [])
        self.annotations = {int(number): each for number, each in body.get("annotations", {}).items()}
        return web.json_response({})


def _repository(argument: str) -> tuple[str, Path]:
    name, equals, place = argument.partition("=")
    if not equals or name.count("/") != 1:
        raise argparse.ArgumentTypeError(f"{argument!r}: write OWNER/NAME=/path/to/bare.git")
    return name, Path(place).absolute()


async def _serve(stub: GitHubStub, port: int) -> None:
    async with stub.serving(port):
        print(f"PORT={stub.base.rpartition(':')[2]}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--repo", type=_repository, action="append", default=[], metavar="OWNER/NAME=BARE")
    parser.add_argument("--description", type=Path)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--token", default="", help="the only token that is accepted")
    given = parser.parse_args()
    stub = GitHubStub(Description(given.description) if given.description else None, given.log, given.token)
    for name, place in given.repo:
        stub.add(name, place)
    asyncio.run(_serve(stub, given.port))


if __name__ == "__main__":
    main()
