"""The record of an agent's call: its fields, and what is kept of streams that are too long (upstream.md, thrust 1)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentgate_engine.clock import Clock
from agentgate_engine.event_bus import Emission
from agentgate_engine.models.agent_result import (
    AgentOutcome,
    PersistedAgentResult,
    TokenUsage,
    ToolCall,
)
from agentgate_engine.models.events import IterationStarted, WorkspaceAcquired
from agentgate_engine.models.iteration import IterationData
from agentgate_engine.models.run_state import RunState
from agentgate_engine.phases.agent_log import head_and_tail
from agentgate_engine.phases.agent_record import STREAM_LIMIT
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.store.masking import Masker
from agentgate_engine.store.run_evidence import RunEvidenceReader
from tests.store.support import open_store, queued, run_id

AT = "2026-01-01T00:00:00.000Z"
NAMED = {
    *("runId", "iteration", "capturedAt", "sessionId", "model", "success", "exitCode", "stdout", "stderr"),
    *("structuredOutput", "toolCalls", "durationMs", "tokensUsed", "totalCostUsd"),
}


def bare(**about: object) -> PersistedAgentResult:
    given: dict[str, object] = {"run_id": "abcdefgh.1", "iteration": 1, "captured_at": AT, "agent": "command"}
    given |= {"success": True, "outcome": AgentOutcome.SUCCESS, **about}
    return PersistedAgentResult.model_validate(given)


def test_every_field_returns_from_the_disk() -> None:
    """upstream.md 1.2: round trip save/load returns every field."""
    whole = bare(
        session_id="s-1",
        model="m",
        exit_code=3,
        stdout="out",
        stderr="err",
        structured_output={"result": "done", "list": [1, None, {"a": True}]},
        tool_calls=[ToolCall(id="1", tool="Bash", input={"command": "ls"}, output="a\n", started_at=AT, duration_ms=7)],
        duration_ms=12,
        tokens_used=TokenUsage(input=1, output=2, total=3),
        total_cost_usd=0.0123,
    )
    stored = json.loads(whole.to_json())
    assert stored.keys() >= NAMED
    assert stored["toolCalls"][0].items() >= {"tool": "Bash", "output": "a\n", "durationMs": 7}.items()
    assert PersistedAgentResult.from_json(whole.to_json(), "agent-1.json") == whole


def test_what_is_not_known_is_null_and_never_made_up() -> None:
    """upstream.md 1.2: missing optionals become null, missing toolCalls []; sessionId is `unknown` if there is none."""
    stored = json.loads(bare().to_json())
    for name in ("model", "structuredOutput", "tokensUsed", "totalCostUsd", "exitCode"):
        assert stored[name] is None, name
    assert stored["toolCalls"] == []
    assert stored["sessionId"] == "unknown"
    for name in ("toolCalls", "model", "tokensUsed", "totalCostUsd", "structuredOutput", "sessionId"):
        del stored[name]
    assert PersistedAgentResult.from_json(json.dumps(stored).encode(), "agent-1.json") == bare()


def test_the_limit_is_a_mebibyte_a_stream() -> None:
    """upstream.md 1.3: maxStdoutBytes = maxStderrBytes = 1048576."""
    assert STREAM_LIMIT == 1_048_576


def kept(place: Path, raw: bytes, limit: int, masker: Masker | None = None) -> str:
    log = place / "stdout.log"
    log.write_bytes(raw)
    text, size = head_and_tail(log, limit, (masker or Masker()).mask)
    assert size == len(raw)
    return text


def test_two_megabytes_within_a_kilobyte(tmp_path: Path) -> None:
    """upstream.md 1.3: 2 MB stdout with limit 1024 stores < 2000 chars, with the marker, valid UTF-8 at the cut.
    1.4: the original kept the head alone; ours keeps the last line."""
    raw = b"first line\n" + "äöü€𝄞".encode() * 160_000 + b"\nlast line\n"
    assert len(raw) > 2_000_000
    text = kept(tmp_path, raw, 1024)
    assert len(text) < 2000
    assert len(text.encode()) <= 1024
    assert text.startswith("first line\näöü€𝄞")
    assert text.endswith("äöü€𝄞\nlast line\n")
    assert "\ufffd" not in text
    (mark,) = [line for line in text.split("\n") if line.startswith("[TRUNCATED")]
    left_out = len(raw) - len(text.encode()) + len(f"\n{mark}\n")
    assert mark == f"[TRUNCATED: {left_out} bytes left out, limit 1024 bytes]"


@pytest.mark.parametrize("shift", range(5))
def test_no_character_is_cut_in_two(tmp_path: Path, shift: int) -> None:
    """upstream.md 1.3: valid UTF-8 at the cut, wherever it falls."""
    raw = b"x" * shift + "€𝄞".encode() * 1000
    head, mark, tail = kept(tmp_path, raw, 500).split("\n")
    assert set(head) <= set("x€𝄞")
    assert set(tail) <= set("€𝄞")
    assert int(mark.split()[1]) == len(raw) - len(head.encode()) - len(tail.encode())


def test_what_fits_is_kept_as_it_is_and_bytes_that_are_no_text_stay_visible(tmp_path: Path) -> None:
    """upstream.md 1.3: the marker stands only where something was left out."""
    assert kept(tmp_path, b"a" * 1024, 1024) == "a" * 1024
    assert kept(tmp_path, b"", 1024) == ""
    assert "TRUNCATED" in kept(tmp_path, b"a" * 1025, 1024)
    assert kept(tmp_path, b"\xff" * 5000, 1024).count("\ufffd") >= 900


@pytest.mark.parametrize("shift", range(0, 60, 7))
def test_a_secret_that_reaches_over_a_cut_is_not_half_shown(tmp_path: Path, shift: int) -> None:
    """A part of it stood at the end of the head, or at the beginning of the tail: half a secret has no known shape."""
    masker = Masker((("correct horse battery staple", "TOKEN"),))
    secret = b"correct horse battery staple"
    raw = b"." * (440 + shift) + secret + b"." * 5000 + secret + b"." * (440 + shift)
    text = kept(tmp_path, raw, 1024, masker)
    for word in ("correct", "horse", "battery", "staple", "corr", "aple"):
        assert word not in text
    assert text.count(".") >= 880


def test_agent_files_are_read_by_their_number(tmp_path: Path) -> None:
    """upstream.md 1.7: with agent-10, agent-2 and agent-x there are [2, 10]; one that is absent is none."""
    store, index = open_store(tmp_path / "store")
    run = run_id(1)
    persister = ResultPersister.open(store, index, Clock(), run, 0)
    persister.write(Emission(queued()))
    persister.write(Emission(WorkspaceAcquired(path="/w", branch="b", base_commit="0" * 40)))
    persister.current = persister.run.model_copy(update={"iteration": 9})
    started = IterationStarted(before_sha="0" * 40, tree_before="0" * 40)
    persister.write(Emission(started, 10))
    persister.close()
    index.close()
    directory = store.layout.run(run).directory
    for name in ("agent-10.json", "agent-2.json", "agent-x.json", "agent-02.json", "agent-11.json"):
        (directory / name).write_bytes(bare(run_id=run).to_json())
    found = RunEvidenceReader(store, run).read()
    assert list(found.agents) == [2, 10]
    assert found.unreadable == ()


def test_an_iteration_that_has_only_begun_knows_nothing_more() -> None:
    """upstream.md 3.1: defaults are null, [] and none for all that is not known yet."""
    stored = json.loads(IterationData(run_id="r", iteration=1, state=RunState.BUILDING, started_at=AT).to_json())
    assert (stored.pop("runId"), stored.pop("iteration"), stored.pop("state"), stored.pop("startedAt")) == (
        "r",
        1,
        "building",
        AT,
    )
    assert stored.pop("errorType") == "none"
    assert stored.pop("feedbackGenerated") is False
    assert (stored.pop("verificationLevelsRun"), stored.pop("errorDetails"), stored.pop("attempts")) == ([], {}, 1)
    assert set(stored) >= {
        *("snapshotId", "verificationPassed", "completedAt", "durationMs", "agentSessionId", "agentResultFile"),
        *("agentDurationMs", "agentSuccess", "agentModel", "agentTokensUsed", "agentCostUsd", "verificationFile"),
        *("verificationDurationMs", "errorMessage"),
    }
    assert set(stored.values()) == {None}
