"""What a failed `git push` means: whether another try can help, and what the operator can do."""

from __future__ import annotations

import re

from agentgate_engine.delivery.hostile_text import one_line
from agentgate_engine.errors import GitHubError

_RETRYABLE, _FINAL = True, False

# The first line that matches decides, so what is certain stands before what is general.
_MEANINGS: tuple[tuple[str, bool, str], ...] = (
    (
        r"refs/heads/\S+' exists; cannot create",
        _FINAL,
        "a branch there stands in the way of this name: rename it there",
    ),
    (
        r"\(stale info\)",
        _FINAL,
        "the branch there is no longer what this run pushed: somebody else moved it; rename it",
    ),
    (
        r"\((non-fast-forward|fetch first|needs force)\)",
        _FINAL,
        "the remote has a branch of this name with other commits, and it is never overwritten: rename it there",
    ),
    (r"GH006|protected branch", _FINAL, "the branch is protected there: let the protection leave out agentgate/*"),
    (r"GH013|rule violations", _FINAL, "a rule of the repository refuses it: see the rules for agentgate/* there"),
    (r"GH001|file size limit|exceeds GitHub's", _FINAL, "a file is too large for GitHub: keep it out of the commit"),
    (
        r"GH008|unknown Git LFS objects",
        _FINAL,
        "LFS objects are missing there: push them with git lfs push, then deliver",
    ),
    (
        r"without `?workflow`? scope|refusing to allow an? .* to create or update workflow",
        _FINAL,
        "the commit changes a workflow: give the token the scope workflow (fine-grained: Workflows, write)",
    ),
    (
        r"shallow update not allowed",
        _FINAL,
        "the work started from a shallow clone: git fetch --unshallow, then requeue",
    ),
    (r"pre-receive hook declined|hook declined", _FINAL, "a hook of the server declined it"),
    (
        r"error: 401|HTTP 401|Authentication failed|could not read (Username|Password)|Invalid username or",
        _FINAL,
        "no valid credentials: set AGENTGATE_GITHUB_TOKEN (or GH_TOKEN, GITHUB_TOKEN), or run gh auth login",
    ),
    (
        r"error: 403|HTTP 403|Permission to .* denied|denied to|Write access to repository not granted",
        _FINAL,
        "the account may not push there: give the token the scope repo (fine-grained: Contents, write), or use a fork",
    ),
    (r"Permission denied \(|publickey", _FINAL, "ssh was refused: add the key to the agent that this engine can reach"),
    (r"Host key verification failed", _FINAL, "the host key is not known: connect once with ssh, then deliver"),
    (
        r"repository .*not found|Repository not found|error: 404|does not appear to be a git repository|does not exist",
        _FINAL,
        "there is no such repository, or the credentials may not see it: see git remote -v",
    ),
    (
        r"certificate|SSL.*verif|unable to get local issuer",
        _FINAL,
        "the server's certificate is not trusted: http.sslCAInfo",
    ),
    (r"transport '.*' not allowed", _FINAL, "use https or ssh for this remote"),
    (r"(error:|HTTP) (429|5\d\d)\b", _RETRYABLE, "the server is overloaded or at fault"),
    (
        r"Could ?n.t resolve host|Could not resolve|Failed to connect|Connection (refused|timed out|reset|closed)"
        r"|timed out|Network is unreachable|No route to host|early EOF|hung up unexpectedly|unexpected disconnect"
        r"|RPC failed|Empty reply|SSL_ERROR|GnuTLS|kex_exchange|Broken pipe|Temporary failure in name",
        _RETRYABLE,
        "the server could not be reached: check the network",
    ),
    (
        r"cannot lock ref|failed to (update|lock)|Internal Server Error|\(failure\)",
        _RETRYABLE,
        "the server could not write",
    ),
    (r"remote unpack failed|unpacker error", _RETRYABLE, "the server could not take the objects"),
)


def push_fault(code: int, said: str, *, url: str, branch: str) -> GitHubError:
    """The error for a `git push --porcelain` that ended with `code` and `said` something: hostile text."""
    words = _telling(said)
    where = f"cannot push {branch} to {one_line(url, 200)}"
    for pattern, retryable, advice in _MEANINGS:
        if re.search(pattern, said, re.IGNORECASE):
            return GitHubError(f"{where}: {advice} ({words})", status=_status(said), retryable=retryable)
    return GitHubError(f"{where}: git ended with code {code} ({words}); push it by hand to see more")


def _telling(said: str) -> str:
    """The lines that carry the reason, without git's and the server's frame around them."""
    lines = [line.strip() for line in said.splitlines()]
    chosen = [
        line.removeprefix("remote:").strip()
        for line in lines
        if line.startswith(("fatal:", "error:", "remote:", "!", "ssh:")) and line.removeprefix("remote:").strip()
    ]
    rest = [line for line in lines if line]
    return one_line("; ".join(chosen[:6] or rest[-3:]) or "it said nothing", 500)


def _status(said: str) -> int | None:
    """The HTTP status that git tells, in one of its ways."""
    found = re.search(r"(?:error: |HTTP )([45]\d\d)\b", said)
    if found:
        return int(found[1])
    return 404 if re.search(r"fatal: repository '.*' not found", said) else None
