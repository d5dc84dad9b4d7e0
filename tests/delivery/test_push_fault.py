"""What git says when a push fails, as a table of real words."""

from __future__ import annotations

import pytest

from agentgate_engine.delivery.push_fault import push_fault

URL = "https://github.com/octo/shop.git"


@pytest.mark.parametrize(
    ("said", "retryable", "advice"),
    [
        ("!\tabc:refs/heads/x\t[rejected] (non-fast-forward)", False, "rename it"),
        ("!\tabc:refs/heads/x\t[rejected] (fetch first)", False, "rename it"),
        ("!\tabc:refs/heads/x\t[rejected] (stale info)", False, "somebody else moved it"),
        ("remote: error: GH006: Protected branch update failed for refs/heads/x.", False, "protected"),
        ("remote: error: GH013: Repository rule violations found for refs/heads/x.", False, "a rule"),
        ("remote: error: GH001: Large files detected.", False, "too large"),
        ("remote: error: GH008: Your push referenced at least 1 unknown Git LFS object", False, "git lfs push"),
        (
            "! [remote rejected] x -> x (refusing to allow a Personal Access Token to create or update workflow"
            " `.github/workflows/ci.yml` without `workflow` scope)",
            False,
            "scope workflow",
        ),
        ("! [remote rejected] x (shallow update not allowed)", False, "--unshallow"),
        ("! [remote rejected] x (pre-receive hook declined)", False, "a hook of the server"),
        (f"fatal: Authentication failed for '{URL}'", False, "AGENTGATE_GITHUB_TOKEN"),
        ("fatal: could not read Username for 'https://github.com': terminal prompts disabled", False, "gh auth login"),
        ("remote: Permission to octo/shop.git denied to olga.\nfatal: ... error: 403", False, "Contents, write"),
        ("git@github.com: Permission denied (publickey).\nfatal: Could not read from remote", False, "ssh was refused"),
        ("Host key verification failed.\nfatal: Could not read from remote repository.", False, "host key"),
        ("remote: Repository not found.\nfatal: repository 'https://...' not found", False, "no such repository"),
        ("fatal: '/x' does not appear to be a git repository", False, "no such repository"),
        ("fatal: unable to access: server certificate verification failed", False, "sslCAInfo"),
        ("fatal: unable to access: Could not resolve host: github.com", True, "network"),
        ("ssh: Could not resolve hostname github.com: Temporary failure in name resolution", True, "network"),
        ("fatal: unable to access: Failed to connect to github.com port 443", True, "network"),
        ("error: RPC failed; curl 56 Recv failure: Connection reset by peer", True, "network"),
        ("fatal: the remote end hung up unexpectedly", True, "network"),
        ("fatal: unable to access: The requested URL returned error: 502", True, "overloaded"),
        ("fatal: unable to access: The requested URL returned error: 429", True, "overloaded"),
        ("! [remote rejected] x (cannot lock ref 'refs/heads/x')", True, "could not write"),
        (
            "! [remote rejected] x (cannot lock ref: 'refs/heads/agentgate' exists; cannot create 'x')",
            False,
            "stands in",
        ),
        ("something that nobody has ever seen", False, "by hand"),
        ("", False, "said nothing"),
    ],
)
def test_what_may_be_tried_again(said: str, retryable: bool, advice: str) -> None:
    """upstream.md 6.7: a refusal is final, trouble of the network is not; the message says what to do."""
    fault = push_fault(1, said, url=URL, branch="x")
    assert (fault.retryable, fault.retry_after_s) == (retryable, None)
    assert advice in str(fault) and str(fault).startswith(f"cannot push x to {URL}: ")


def test_the_servers_words_are_hostile() -> None:
    """upstream.md L19: cleaned and bounded."""
    fault = push_fault(1, "remote: \x1b]0;owned\x07" + "x" * 100_000, url=URL, branch="x")
    assert "\x1b" not in str(fault) and "owned" not in str(fault) and len(str(fault)) < 1000
