"""A bare repository in the store that follows one elsewhere, so that runs start from something on this machine.

The other side's branches stand under `refs/remotes/origin/`; `refs/heads/` is for the branches that runs deliver, which
no fetch may prune. `agentgate-mirror` in it, written last, tells a finished mirror from somebody's bare repository.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.errors import LockHeld, UsageError
from agentgate_engine.store.atomic import make_directory, replace_file
from agentgate_engine.store.locks import FileLock
from agentgate_engine.workspace.git import NETWORK_VARIABLES, Git, GitTimeout, Output, wait_until_idle
from agentgate_engine.workspace.remote_url import without_secrets

FETCH_DEADLINE_S = 900.0
_LOOK_DEADLINE_S = 60.0
_MARK = "agentgate-mirror"
_BUSY = "agentgate-busy"
_DETACHED = "refs/agentgate/remote-head"
_QUIETLY = (
    "--quiet",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--no-recurse-submodules",
    "--no-show-forced-updates",
)
_PASSED = (*NETWORK_VARIABLES, "GIT_CONFIG_GLOBAL")


@dataclass(frozen=True, slots=True)
class Mirrored:
    """The state of the other side as it was fetched. `branch` is None when its HEAD names none."""

    path: Path
    head: str
    branch: str | None


def mirror_path(mirrors: Path, url: str) -> Path:
    """Where the mirror of `url` stands, whether it exists or not."""
    return mirrors / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.git"


def is_mirror(path: Path) -> bool:
    """Whether a mirror of ours stands at `path`."""
    return (path / _MARK).is_file()


def holds_branches(path: Path) -> bool:
    """Whether runs delivered branches into the mirror at `path`. Only files are looked at."""
    heads = path / "refs" / "heads"
    if any(not place.is_dir() for place in heads.rglob("*")):
        return True
    try:
        return b" refs/heads/" in (path / "packed-refs").read_bytes()
    except FileNotFoundError:
        return False


def open_mirror(path: Path) -> Git:
    """The mirror at `path`, for reading."""
    return Git.mirror(path, path / _BUSY)


def follow(
    url: str,
    branch: str | None,
    mirrors: Path,
    variables: Mapping[str, str],
    *,
    deadline_s: float = FETCH_DEADLINE_S,
) -> Mirrored:
    """Have a mirror of `url` (one that `check_url` took) with the newest state of `branch`, or of the remote's HEAD.

    `variables` come from `network_variables`. One process at a time works on a mirror, the others wait for it.

    Raises:
        UsageError: it cannot be reached or has no such branch; the message has git's reason and what to do.
    """
    make_directory(mirrors)
    path = mirror_path(mirrors, url)
    try:
        lock = FileLock.acquire(path.with_suffix(".lock"), wait_s=deadline_s)
    except LockHeld:
        raise UsageError(f"another submit has been fetching {without_secrets(url)} for {deadline_s:g} s") from None
    with lock:
        wanted, object_format = _look(url, branch, mirrors, variables)
        git = _made(path, object_format)
        target = _DETACHED if wanted is None else f"refs/remotes/origin/{wanted}"
        origin = "HEAD" if wanted is None else f"refs/heads/{wanted}"
        _ask(git.reaching(variables), url, "fetch", *_QUIETLY, "--", url, f"+{origin}:{target}", deadline_s=deadline_s)
        git.run("config", "remote.origin.url", url)
        replace_file(path / _MARK, f"{url}\n".encode())
        return Mirrored(path, git.run("rev-parse", "--verify", f"{target}^{{commit}}").text, wanted)


def network_variables(environment: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """What git needs to reach another machine without ever asking a person. `given` wins: it may carry a token."""
    passed = {name: environment[name] for name in _PASSED if environment.get(name)}
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS_REQUIRE": "never"}
    if "GIT_SSH" not in passed and "GIT_SSH_COMMAND" not in passed:
        quiet["GIT_SSH_COMMAND"] = "ssh -oBatchMode=yes -oConnectTimeout=30"
    return {**quiet, **passed, **given}


def _look(url: str, branch: str | None, mirrors: Path, variables: Mapping[str, str]) -> tuple[str | None, str]:
    """The branch to take (None for a detached HEAD) and the object format of the other side."""
    git = Git.operators(mirrors).reaching(variables)
    asked = ("HEAD", f"refs/heads/{branch}") if branch else ("HEAD",)
    text = _ask(git, url, "ls-remote", "--symref", "--", url, *asked, deadline_s=_LOOK_DEADLINE_S).text
    refs: dict[str, str] = {}
    default: str | None = None
    for line in text.splitlines():
        value, _, name = line.partition("\t")
        if value.startswith("ref: refs/heads/") and name == "HEAD":
            default = value.removeprefix("ref: refs/heads/")
        else:
            refs[name] = value
    wanted = branch or default
    found = refs.get(f"refs/heads/{branch}" if branch else "HEAD")
    if found is None:
        raise UsageError(_nothing_there(git, url, branch))
    return wanted, "sha256" if len(found) == 64 else "sha1"


def _nothing_there(git: Git, url: str, branch: str | None) -> str:
    there = _ask(git, url, "ls-remote", "--heads", "--", url, deadline_s=_LOOK_DEADLINE_S).text.splitlines()
    names = [without_secrets(line.partition("\t")[2].removeprefix("refs/heads/")) for line in there]
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    told = without_secrets(url)
    if not names:
        return f"{told} has no commit yet, and a run starts from one: push a first commit there"
    if branch:
        return f"{told} has no branch {without_secrets(branch)!r}; it has {shown}"
    return f"the HEAD of {told} names a branch that does not exist; choose one with --git-branch: {shown}"


def _made(path: Path, object_format: str) -> Git:
    """The repository at `path`, without what a killed git left in the way."""
    make_directory(path)
    wait_until_idle(path / _BUSY, FETCH_DEADLINE_S)
    git = open_mirror(path)
    if not (path / "HEAD").exists():
        arguments = ("--bare", "--template=", f"--object-format={object_format}", "--initial-branch=main")
        Git.nowhere(path.parent, path / _BUSY).run("init", "-q", *arguments, str(path))
        for directory in ("info", "objects/info"):
            (path / directory).mkdir(exist_ok=True)
    for left in (*path.glob("*.lock"), *(path / "refs").rglob("*.lock"), *path.glob("objects/pack/tmp_*")):
        left.unlink(missing_ok=True)
    return git


def _ask(git: Git, url: str, *arguments: str, deadline_s: float) -> Output:
    told = without_secrets(url)
    try:
        done = git.run(*arguments, ok=(0, 1, 2, 128), deadline=deadline_s)
    except GitTimeout:
        raise UsageError(
            f"{told} did not answer within {deadline_s:g} s: check the network and that git can read it by hand"
            f" (git ls-remote {told})"
        ) from None
    if done.code:
        reason = reason_in(done.stderr.decode("utf-8", "replace"))
        raise UsageError(f"cannot read {told}: {reason}. {_advice(reason)}")
    return done


def reason_in(stderr: str) -> str:
    """The line of git's that says why, without secrets. With ssh the reason stands before git's own last words."""
    lines = [without_secrets(line.strip()) for line in stderr.splitlines() if line.strip()]
    fatal = next((n for n, line in enumerate(lines) if line.startswith("fatal:")), None)
    if fatal is None:
        return lines[-1] if lines else "git said nothing"
    vague = "Could not read from remote repository" in lines[fatal]
    chosen = lines[fatal - 1] if vague and fatal else lines[fatal]
    return chosen.removeprefix("fatal:").strip().rstrip(".")


def _advice(reason: str) -> str:
    low = reason.lower()
    if "could not read username" in low or "authentication" in low or "permission denied" in low or "403" in low:
        return (
            "It wants credentials, and nobody is asked for any here: set up a credential helper or an ssh key so that"
            " git ls-remote works without a question, or for GitHub set GH_TOKEN"
        )
    if "host key" in low:
        return "Connect once by hand with ssh to accept its host key"
    if "resolve host" in low or "connect" in low or "timed out" in low:
        return "Check the address and the network"
    return "Check the address; git ls-remote with the same address has to work"
