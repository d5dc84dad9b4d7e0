"""Secrets that an agent or a check prints stand in the raw logs and nowhere else."""

from __future__ import annotations

from .site import Site

CANARY = "canary-of-the-operator-7421"
SHAPE = "ghp_0123456789abcdefghijABCDEFGHIJ"
PLAN = "tests:\n  - {name: leaky, command: 'cat leak.txt; exit 1'}\n"


def test_no_file_but_the_raw_logs_holds_a_secret(small: Site) -> None:
    small.commit({"verify.yaml": PLAN, "leak.txt": f"error: {SHAPE}\n"}, "a leaky check")
    small.environment["MY_TOKEN"] = CANARY
    script = small.root / "agent.sh"
    script.write_text(f'echo "$MY_TOKEN"; echo {SHAPE} >&2; echo "https://olga:hunter22@host/"; test "$MY_TOKEN"')
    run_id = small.submit(f"sh {script}", "--pass-env", "MY_TOKEN", "--max-iterations", "2")
    small.work()
    small.assert_ended_well(run_id, "failed_verification")
    directory = small.layout(run_id).directory
    raw = directory / "processes" / "1-agent-1-1" / "stdout.log"
    assert CANARY in raw.read_text(), "the agent did get and print it"
    holding = {
        str(path.relative_to(small.home))
        for path in small.home.rglob("*")
        if path.is_file()
        and path.name not in ("stdout.log", "stderr.log")
        and "workspaces" not in path.parts
        and any(secret.encode() in path.read_bytes() for secret in (CANARY, SHAPE, "hunter22"))
    }
    assert holding == set()
    for command in ("show", "why", "log", "verify"):
        out = small.agentgate(command, run_id).out + small.agentgate(command, "--json", run_id).out
        assert not any(secret in out for secret in (CANARY, SHAPE, "hunter22")), command
    assert CANARY not in small.log()
