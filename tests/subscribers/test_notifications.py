"""Command hooks beside a run: what they are told, and that neither their slowness nor their failure reaches the run."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from agentgate_engine.errors import ParkRun
from agentgate_engine.event_bus import Emission, EventBus
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import (
    AgentInterrupted,
    Event,
    Payload,
    RunCanceled,
    RunComplete,
    RunFailed,
    RunStarted,
    RunWarned,
)
from agentgate_engine.models.run_state import RunResult, Step
from agentgate_engine.subscribers import notifications
from agentgate_engine.subscribers.notification_rules import NotificationRule
from agentgate_engine.subscribers.notifications import Notifications, hook_environment

from ..e2e.site import until

PATIENCE_S = 20.0


def error(message: str = "3 tests failed") -> BuildError:
    return BuildError(type=BuildErrorType.TEST_FAILED, message=message, phase="verifying", failed_at="x")


FAILED = RunFailed(result=RunResult.FAILED_VERIFICATION, step=Step.VERIFY_FAILED_TERMINAL, error=error())
STARTED = RunStarted(engine="e")


def event(payload: Payload, seq: int = 0) -> Event:
    return Event(
        seq=seq,
        t="2026-01-01T00:00:00.000Z",
        type=payload.type,
        run_id="abcd2345.1",
        work_order_id="abcd2345",
        iteration=2,
        fence=1,
        data=payload.model_dump(mode="json", by_alias=True),
    )


def rule(command: str | None, *on: str) -> NotificationRule:
    events = frozenset(map(EventType, on or ("run:failed",)))
    return NotificationRule(events, command, command is None, "n.yaml:4")


class Bench:
    """A bus without a disk, and notifications on it whose warnings go back through it, as in an engine."""

    def __init__(self, *rules: NotificationRule, title: str = "Mend the parser", **limits: float) -> None:
        self.events: list[Event] = []
        self.faults: list[Exception] = []
        self.bus = EventBus(self._persist, lambda who, fault: self.faults.append(fault))
        patience = {"hook_limit_s": PATIENCE_S, "close_limit_s": PATIENCE_S}
        self.notifications = Notifications(rules, title, dict(os.environ), self._warn, **patience | limits)
        self.bus.subscribe(self.notifications)

    async def _persist(self, emission: Emission) -> Event:
        found = event(emission.payload, len(self.events))
        self.events.append(found)
        return found

    async def _warn(self, message: str) -> None:
        await self.bus.emit(RunWarned(warning=notifications.WARNING, message=message))

    @property
    def warnings(self) -> list[str]:
        return [str(each.data["message"]) for each in self.events if each.type is EventType.RUN_WARNING]

    async def run(self, *payloads: Payload) -> None:
        for payload in payloads:
            await self.bus.emit(payload)
        await self.notifications.close()
        assert self.faults == []


async def test_a_hook_is_told_of_the_run_in_variables_and_as_json(tmp_path: Path) -> None:
    """upstream.md 10.4: a notification subscriber, told what happened."""
    told, sent = tmp_path / "told", tmp_path / "sent"
    ours = "^AGENTGATE_(RUN|ORDER|EVENT|ITERATION|RESULT|TITLE|ERROR)="
    bench = Bench(rule(f"env | grep -E '{ours}' | sort > {told}; cat > {sent}"))
    await bench.run(STARTED, FAILED)
    assert bench.warnings == []
    told_lines = [line for line in told.read_text().splitlines() if "_HOME" not in line]
    assert told_lines == [
        "AGENTGATE_ERROR=3 tests failed",
        "AGENTGATE_EVENT=run:failed",
        "AGENTGATE_ITERATION=2",
        "AGENTGATE_ORDER=abcd2345",
        "AGENTGATE_RESULT=failed_verification",
        "AGENTGATE_RUN=abcd2345.1",
        "AGENTGATE_TITLE=Mend the parser",
    ]
    assert Event.model_validate_json(sent.read_bytes()) == bench.events[1]


@pytest.mark.parametrize(
    ("payload", "result", "words"),
    [
        (RunComplete(branch="b", commit="c"), "passed", ""),
        (FAILED, "failed_verification", "3 tests failed"),
        (RunCanceled(by="olga", reason="no need"), "canceled", "canceled by olga: no need"),
        (RunCanceled(by="olga", reason=""), "canceled", "canceled by olga"),
        (RunWarned(warning="disk", message="little room"), "", "little room"),
        (STARTED, "", ""),
    ],
)
def test_the_result_and_the_error_of_each_event(payload: Payload, result: str, words: str) -> None:
    told = hook_environment(event(payload), "t")
    assert (told["AGENTGATE_RESULT"], told["AGENTGATE_ERROR"]) == (result, words)


def test_what_others_wrote_reaches_a_hook_as_one_bounded_line_without_controls() -> None:
    nasty = FAILED.model_copy(update={"error": error("one\ntwo \x1b]0;owned\x07\x00 three" + "x" * 9000)})
    told = hook_environment(event(nasty), "a\nb\x1b[31m\x00")
    assert told["AGENTGATE_ERROR"].startswith("one two ^@ three")
    assert len(told["AGENTGATE_ERROR"]) == 4000
    assert told["AGENTGATE_TITLE"] == "a b^@"
    assert all(value.isprintable() for value in told.values())


async def test_hooks_run_in_order_and_only_for_their_events(tmp_path: Path) -> None:
    log = tmp_path / "log"
    bench = Bench(
        rule(f"sleep 0.05; echo first $AGENTGATE_EVENT >> {log}", "run:started", "run:failed"),
        rule(f"echo second $AGENTGATE_EVENT >> {log}"),
        rule(None),
    )
    await bench.run(STARTED, FAILED)
    assert log.read_text().splitlines() == ["first run:started", "first run:failed", "second run:failed"]


async def test_a_slow_hook_does_not_hold_the_run_up(tmp_path: Path) -> None:
    """upstream.md 10.4: the emitter goes on while the hook waits for what only happens afterwards."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    bench = Bench(rule(f"cat {gate}", "run:started"))
    await bench.bus.emit(STARTED)
    await bench.bus.emit(FAILED)
    assert [each.type for each in bench.events] == ["run:started", "run:failed"]
    await asyncio.to_thread(gate.write_text, "go on")
    await bench.notifications.close()
    assert bench.warnings == []


async def test_a_hook_that_fails_becomes_a_warning_of_the_run_and_the_next_one_runs(tmp_path: Path) -> None:
    """upstream.md 10.4."""
    log = tmp_path / "log"
    bench = Bench(rule("echo trying; echo 'no \x1b[31msuch host' >&2; exit 7"), rule(f"echo ran > {log}"))
    await bench.run(FAILED)
    assert bench.warnings == ["the notification of n.yaml:4 for run:failed exited with 7; it said: no such host"]
    assert log.read_text() == "ran\n"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("agentgate-no-such-program", "exited with 127; it said: "),
        ("kill -9 $$", "was ended by SIGKILL"),
        ("exit 3", "exited with 3"),
    ],
)
async def test_how_a_hook_failed_is_said(command: str, words: str) -> None:
    bench = Bench(rule(command))
    await bench.run(FAILED)
    assert len(bench.warnings) == 1
    assert words in bench.warnings[0]


async def test_a_hook_for_warnings_that_fails_does_not_feed_itself() -> None:
    bench = Bench(rule("exit 1", "run:warning"))
    await bench.run(RunWarned(warning="disk", message="little room"))
    assert len(bench.warnings) == 2


async def test_a_hook_that_never_ends_is_stopped_with_its_children_and_warned_of(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    bench = Bench(rule(f"trap '' TERM; sleep 600 & echo $! > {pid}; wait"), hook_limit_s=1.0)
    await bench.run(FAILED)
    assert bench.warnings == ["the notification of n.yaml:4 for run:failed did not end within 1 s and was stopped"]
    await _gone(int(pid.read_text()))


async def test_at_the_end_what_is_left_is_stopped_and_warned_of(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    bench = Bench(rule(f"cat {gate}"), rule("true"), close_limit_s=0.05)
    await bench.run(FAILED)
    assert bench.warnings == ["2 notifications not sent, from n.yaml:4 on: they took too long"]


async def test_a_flood_is_bounded_and_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(notifications, "MOST_WAITING", 3)
    log = tmp_path / "log"
    bench = Bench(rule(f"echo x >> {log}", "agent:interrupted"))
    await bench.run(*[AgentInterrupted(process="p", attempt=n, reason="r") for n in range(5)])
    assert log.read_text() == "x\n" * 3
    assert bench.warnings == ["2 notifications left out: 3 others were waiting already"]


async def test_what_a_hook_prints_without_end_is_drained_and_not_kept() -> None:
    bench = Bench(rule("head -c 20000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 1"))
    await bench.run(FAILED)
    assert bench.warnings == ["the notification of n.yaml:4 for run:failed exited with 1; it said: the end"]


async def test_a_hook_may_leave_something_in_the_background(tmp_path: Path) -> None:
    """Its end is what is waited for, not that of what holds its output open."""
    pid = tmp_path / "pid"
    bench = Bench(rule(f"sleep 600 & echo $! > {pid}"))
    await bench.run(FAILED)
    assert bench.warnings == []
    os.kill(int(pid.read_text()), signal.SIGKILL)


async def test_a_cancel_of_the_owner_ends_hooks_at_once(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    os.mkfifo(tmp_path / "ready")
    bench = Bench(rule(f"echo $$ > {pid}; echo > {tmp_path / 'ready'}; exec sleep 600"))
    await bench.bus.emit(FAILED)
    await asyncio.to_thread((tmp_path / "ready").read_text)
    closing = asyncio.ensure_future(bench.notifications.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await _gone(int(pid.read_text()))


async def test_a_warning_that_cannot_be_written_is_not_lost() -> None:
    async def full(message: str) -> None:
        raise ParkRun("no room")

    bench = Bench(rule("exit 1"))
    bench.notifications.warn = full
    await bench.bus.emit(FAILED)
    with pytest.raises(ParkRun):
        await bench.notifications.close()


async def test_closing_without_anything_due_is_nothing() -> None:
    bench = Bench(rule("exit 1"))
    await bench.run(STARTED)
    assert bench.warnings == []


async def _gone(pid: int) -> None:
    """Wait until a process is gone, or dead and not yet collected: a KILL is on its way when it was sent."""
    await asyncio.to_thread(until, lambda: not _lives(pid), f"the end of process {pid}")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "XZ"
    except (FileNotFoundError, ProcessLookupError):
        return False
