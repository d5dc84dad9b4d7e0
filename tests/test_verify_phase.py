"""Where the attempts at a command have their evidence, also for an engine that takes over."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from agentgate_engine.clock import Clock
from agentgate_engine.models.process import INTERRUPTED
from agentgate_engine.phases.verify_phase import VerifyPhase
from agentgate_engine.process.process_folder import read_result, settle
from agentgate_engine.store.layout import RunLayout
from agentgate_engine.verify.commands import CommandRun


def folder(phase: VerifyPhase, attempt: int) -> str:
    """The folder of an attempt, made as the process host would."""
    found = phase._folder(CommandRun("check-1", "true", Path("/"), 1.0, attempt))  # pyright: ignore[reportPrivateUsage]
    found.mkdir(parents=True, exist_ok=True)
    return found.name


def test_each_attempt_has_its_folder_and_interrupted_ones_do_not_count(tmp_path: Path) -> None:
    """upstream.md 5.9: a retry never overwrites evidence; what was interrupted keeps its number."""
    layout = RunLayout(tmp_path)
    context = SimpleNamespace(layout=layout, clock=Clock(), run=SimpleNamespace(iteration=2))
    phase = VerifyPhase(context)  # type: ignore[arg-type]
    assert folder(phase, 1) == folder(phase, 1) == "2-check-1-1", "asking again is asking for the same"
    settle(layout.processes / "2-check-1-1", INTERRUPTED, context.clock)
    assert folder(phase, 1) == "2-check-1-2"
    assert folder(phase, 2) == "2-check-1-3"
    result = read_result(layout.processes / "2-check-1-2")
    assert result is not None and result.outcome == "failed", "on record before the next attempt starts"
    assert folder(phase, 1) == "2-check-1-2", "an engine that takes over finds the first attempt where it was"
