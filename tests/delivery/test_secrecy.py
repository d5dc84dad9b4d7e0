"""A whole delivery, with everything that it leaves behind searched for the token."""

from __future__ import annotations

import base64
import logging
import os
import shutil
from pathlib import Path

import pytest

from agentgate_engine.delivery.token import find_token
from agentgate_engine.models.delivery import DeliveryRecord
from agentgate_engine.models.git_ops import GitMode

from ..tools.git_http import GitHttp
from ..tools.github_stub import Fault
from ..workspace.conftest import git
from .conftest import BRANCH, REPOSITORY, RUN, SECRET, Courier


@pytest.mark.parametrize("mode", [GitMode.PR, GitMode.FORK])
async def test_nothing_that_is_left_behind_holds_the_token(
    courier: Courier,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    mode: GitMode,
) -> None:
    """upstream.md L19: no file of store or repositories, no command line, no log, no output, no record, no error."""
    caplog.set_level(logging.DEBUG)
    argv, real = tmp_path / "argv", shutil.which("git")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {argv}\nexec {real} "$@"\n')
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    token = find_token({"PATH": "", "GH_TOKEN": SECRET})
    async with GitHttp(tmp_path / "hub", {"x-access-token": SECRET}).serving() as server:
        git(courier.desk.source, "remote", "set-url", "origin", f"{server.base}/octo/shop.git")
        if mode is GitMode.FORK:
            shutil.copytree(courier.desk.bare, tmp_path / "hub" / "robot" / "shop.git")
            place, url = tmp_path / "hub" / "robot" / "shop.git", f"{server.base}/robot/shop.git"
            courier.github.add("robot/shop", place, clone_url=url, parent=REPOSITORY)
        commit = courier.desk.commit("a.txt", "a\n")
        courier.github.faults = [
            Fault("status", "POST /repos/octo/shop/pulls", status=502, message=f"upstream saw Bearer {SECRET}"),
            Fault("status", "labels", times=9, status=403, message=f"not with {SECRET}"),
        ]
        outcome = await courier.delivery(commit, courier.ops(mode, labels=["x"]), token=token).deliver()
    assert outcome.pull_request == 1 and outcome.fatal is not None and "not with [masked" in str(outcome.fatal)
    assert server.offered == [f"x-access-token:{SECRET}"] * len(server.offered) and server.offered
    record = DeliveryRecord(
        run_id=RUN,
        mode=mode.value,
        state="failed",
        branch=BRANCH,
        commit=commit,
        target=str(courier.desk.source),
        remote_url=outcome.remote_url,
        repository=outcome.repository,
        pull_request=outcome.pull_request,
        github=outcome.summary,
        error=str(outcome.fatal),
        updated_at="2026-01-01T00:00:00.000Z",
    )
    (tmp_path / "store" / "delivery.json").write_bytes(record.to_json())
    encoded = base64.b64encode(f"x-access-token:{SECRET}".encode()).decode().rstrip("=")
    printed = capfd.readouterr()
    texts = [argv.read_text(), *server.seen, caplog.text, repr(outcome), repr(courier.told), printed.out, printed.err]
    texts += [repr(courier.delivery(commit, token=token)), courier.github.repositories[REPOSITORY].pulls[0]["body"]]
    assert "push" in texts[0] and "GET" in caplog.text
    assert not any(secret in text for text in texts for secret in (SECRET, encoded))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if any(s.encode() in path.read_bytes() for s in (SECRET, encoded))] == []
