"""Small stores for the console's tests, the same on every machine: a clock that stands still, ids that are given.

Everything is written by the engine's own writers, so that a change of the format reaches these tests as well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from agentgate_engine.clock import to_stamp
from agentgate_engine.event_bus import Emission, Evidence
from agentgate_engine.models import events as ev
from agentgate_engine.models.agent_result import (
    AgentOutcome,
    MessageNote,
    PersistedAgentResult,
    TokenUsage,
    ToolCall,
    TouchedPath,
    WorkspaceDelta,
)
from agentgate_engine.models.build_error import BuildError, BuildErrorType
from agentgate_engine.models.delivery import DeliveryRecord
from agentgate_engine.models.feedback import FeedbackFailure, FeedbackRecord
from agentgate_engine.models.ids import OrderId, RunId, order_of
from agentgate_engine.models.iteration import IterationData
from agentgate_engine.models.run_state import RunResult, RunState, Step
from agentgate_engine.models.snapshot import Snapshot, SnapshotFile
from agentgate_engine.models.verification import (
    Case,
    Check,
    CheckStatus,
    Diagnostic,
    Level,
    LevelResult,
    PersistedVerificationReport,
)
from agentgate_engine.models.work_order import AgentRequest, WorkOrder, WorkspaceSource
from agentgate_engine.result_persister import ResultPersister
from agentgate_engine.store.index import Index
from agentgate_engine.store.layout import RunLayout
from agentgate_engine.store.store import Store
from agentgate_engine.work_order_queue import WorkOrderQueue

NOW = 1_760_000_400.0
"""Every test looks at its store at this moment."""


class FixedClock:
    """Goes on only when told."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


class RunWriter:
    """Writes one run, event by event. Each event takes a second."""

    def __init__(
        self, store: Store, order: str, title: str, *, ago: float, repository: str = "/srv/repos/parser"
    ) -> None:
        self.store, self.run = store, RunId(f"{order}.1")
        self.clock = FixedClock(NOW - ago)
        self.index = Index.open_writable(store.layout)
        self.layout: RunLayout = store.layout.run(self.run)
        request = AgentRequest(type="claude-code")
        source = WorkspaceSource(path=repository, base_commit="5f3c0e1" * 5 + "abcde", base_branch="main")
        prompt = f"{title}\n\nKeep the public interface as it is."
        record = WorkOrder(
            id=order, title=title, task_prompt=prompt, workspace_source=source, agent=request, created_at=self.t
        )
        store.write(store.layout.work_order(OrderId(order)), record)
        self.persister = ResultPersister.open(store, self.index, self.clock, self.run, fence=1)  # type: ignore[arg-type]
        self.say(
            ev.RunQueued(
                title=title, agent="claude-code", repository=repository, branch=f"agentgate/{self.run}",
                base_commit=source.base_commit, max_iterations=3,
            )
        )  # fmt: skip
        self.n = 0

    @property
    def t(self) -> str:
        return to_stamp(self.clock.now())

    def say(self, payload: ev.Payload, evidence: Sequence[Evidence] = (), *, iteration: int | None = None) -> None:
        self.persister.write(Emission(payload, iteration, evidence))
        self.clock.seconds += 1

    def queue(self) -> None:
        WorkOrderQueue(self.index).enqueue(self.persister.run, priority=0)

    def start(self) -> None:
        self.say(ev.RunStarted(engine="e-1"))
        self.say(ev.WorkspaceAcquired(path="/ws", branch="b", base_commit="5f3c0e1"))

    def iterate(self) -> None:
        self.n += 1
        self.say(ev.IterationStarted(before_sha="aaaa", tree_before="bbbb"), iteration=self.n)
        payload = ev.AgentStarted(
            process=f"{self.n}-agent-1-1", attempt=1, argv=["claude"], permission_mode="accept-edits"
        )
        self.say(payload, iteration=self.n)

    def transcript(self, *lines: tuple[str, str]) -> None:
        """Append (kind, text) lines; an `!` after the kind makes an error of it."""
        with self.layout.transcript(self.n).open("a") as file:
            for seq, (kind, text) in enumerate(lines):
                record = {
                    "seq": seq, "t": self.t, "kind": kind.rstrip("!"), "text": text, "stream": "stdout", "raw": [0, 9],
                    "process": f"{self.n}-agent-1-1", "tool": None, "isError": kind.endswith("!"), "cut": False,
                }  # fmt: skip
                file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def output(self, name: str, text: str) -> str:
        """A log of a process; its name relative to the run's directory."""
        path = self.layout.processes / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path.relative_to(self.layout.directory))

    def tool_started(self, ident: str, tool: str, kind: str, summary: str) -> None:
        payload = {"id": ident, "tool": tool, "kind": kind, "summary": summary, "startedAt": self.t}
        self.say(ev.AgentToolStarted.model_validate(payload), iteration=self.n)

    def tool_finished(self, ident: str, *, seconds: float, exit_code: int = 0) -> None:
        self.clock.seconds += seconds - 1
        finished = ev.AgentToolFinished(
            id=ident, is_error=exit_code != 0, exit_code=exit_code, ended_at=self.t, duration_ms=round(seconds * 1000)
        )
        self.say(finished, iteration=self.n)

    def agent_ended(
        self, calls: list[ToolCall], *, outcome: AgentOutcome = AgentOutcome.SUCCESS, said: str = "Done.",
        reason: str = "", exit_code: int | None = 0, stderr: str = "",
    ) -> PersistedAgentResult:  # fmt: skip
        n = self.n
        success = outcome is AgentOutcome.SUCCESS
        out = self.output(f"{n}-agent-1-1/stdout.log", f"{said}\n")
        err = self.output(f"{n}-agent-1-1/stderr.log", stderr)
        tokens = TokenUsage(input=90_000, output=6_000, total=96_000)
        record = PersistedAgentResult(
            run_id=self.run, iteration=n, captured_at=self.t, agent="claude-code", success=success, outcome=outcome,
            outcome_reason=reason, exit_code=exit_code, stdout=said, stderr=stderr, stdout_log=out, stderr_log=err,
            transcript_file=self.layout.transcript(n).name, result_text=said, tool_calls=calls, duration_ms=184_000,
            tokens_used=tokens, total_cost_usd=0.21, model="sonnet", session_id="s-1", started_at=self.t,
            messages=[MessageNote(index=0, t=self.t, role="assistant", transcript_seq=0, text=said)],
        )  # fmt: skip
        values = {
            "file": self.layout.agent(n).name, "outcome": outcome, "durationMs": 184_000, "toolCalls": len(calls),
            "tokensUsed": tokens, "costUsd": 0.21, "model": "sonnet",
        }  # fmt: skip
        evidence = [Evidence(self.layout.agent(n), record)]
        if success:
            self.say(ev.AgentComplete.model_validate(values), evidence, iteration=n)
        else:
            error = self.error(outcome.error_type, reason, "building", retryable=outcome.retryable)
            self.say(ev.AgentFailed.model_validate({**values, "error": error}), evidence, iteration=n)
        return record

    def error(self, kind: BuildErrorType, message: str, phase: str, *, retryable: bool = False) -> BuildError:
        return BuildError(type=kind, message=message, phase=phase, failed_at=self.t, retryable=retryable)

    def snapshot(self, path: str, patch: str) -> None:
        n = self.n
        files = [SnapshotFile(path=path, status="modified", insertions=4, deletions=1)]
        record = Snapshot(
            id=f"{self.run}/{n}", run_id=self.run, iteration=n, commit="c0ffee1", before_sha="aaaa",
            after_sha="c0ffee1", tree_before="bbbb", tree_after=f"dd{n}", branch="b", message="m",
            files_changed=1, insertions=4, deletions=1, files=files, created_at=self.t,
        )  # fmt: skip
        diff = self.layout.diff(n)
        self.say(
            ev.SnapshotCreated(snapshot=record, diff_file=diff.name), [Evidence(diff, patch.encode())], iteration=n
        )

    def verify_started(self, *checks: str) -> None:
        self.say(ev.VerificationStarted(commit="c0ffee1", plan_hash="ph", checks=list(checks)), iteration=self.n)

    def verified(self, checks: list[Check]) -> PersistedVerificationReport:
        self.verify_started(*(check.id for check in checks))
        for check in checks:
            self.say(ev.CheckStarted(id=check.id, command=check.command), iteration=self.n)
            finished = ev.CheckFinished(
                id=check.id, status=check.status, duration_ms=check.duration, message=check.message
            )
            self.say(finished, iteration=self.n)
        levels = [self._level(level, [check for check in checks if check.level is level]) for level in Level]
        passed = all(check.passed for check in checks)
        failed = next((check.id for check in checks if not check.passed), None)
        summary = "all checks passed" if passed else f"{failed} failed"
        report = PersistedVerificationReport(
            id=f"v{self.n}", snapshot_id=f"{self.run}/{self.n}", run_id=self.run, iteration=self.n, passed=passed,
            summary=summary, l0_result=levels[0], l1_result=levels[1], l2_result=levels[2], l3_result=levels[3],
            total_duration=sum(level.duration for level in levels), started_at=self.t, created_at=self.t,
            captured_at=self.t, tree_hash="dd", plan_hash="ph",
        )  # fmt: skip
        signs = {CheckStatus.PASSED: "+", CheckStatus.FAILED: "x", CheckStatus.NOT_RUN: "."}
        told = ev.VerificationComplete(
            file=self.layout.verification(self.n).name, passed=passed, summary=summary, first_failed=failed,
            levels="".join(signs[level.status] for level in levels),
        )  # fmt: skip
        self.say(told, [Evidence(self.layout.verification(self.n), report)], iteration=self.n)
        return report

    def _level(self, level: Level, checks: list[Check]) -> LevelResult:
        if not checks:
            return LevelResult(level=level, status=CheckStatus.NOT_RUN, passed=False)
        passed = all(check.passed for check in checks)
        status = CheckStatus.PASSED if passed else CheckStatus.FAILED
        return LevelResult(
            level=level, status=status, passed=passed, checks=checks, duration=sum(check.duration for check in checks)
        )

    def check(
        self, ident: str, *, ok: bool = True, ms: int = 400, message: str = "", stdout: str = "",
        diagnostics: list[Diagnostic] | None = None, cases: list[Case] | None = None,
    ) -> Check:  # fmt: skip
        level, name = ident.split("/", 1)
        log = self.output(f"{self.n}-check-{ms}-1/stdout.log", stdout) if stdout else None
        return Check(
            id=ident, name=name, level=Level(level), status=CheckStatus.PASSED if ok else CheckStatus.FAILED, passed=ok,
            message=message or None, command=f"run {name}", duration=ms, stdout=stdout[-400:], stdout_log=log,
            diagnostics=diagnostics or [], cases=cases or [], signature=None if ok else "a91c", tree_hash="dd",
            plan_hash="ph",
        )  # fmt: skip

    def feedback(self, message: str, text: str) -> None:
        failure = FeedbackFailure(level=Level.L2, check="L2/unit", type="test_failed", message=message)
        record = FeedbackRecord(
            run_id=self.run, iteration=self.n, created_at=self.t, summary=message, failures=[failure], text=text,
            bytes=len(text.encode()), lines_kept=text.count("\n") + 1, lines_dropped=12,
        )  # fmt: skip
        self.say(ev.StrategyDecision(strategy="fixed", go_on=True, reason="2 of 3 left"), iteration=self.n)
        told = ev.FeedbackGenerated(file=self.layout.feedback(self.n).name, bytes=record.bytes, failures=1)
        self.say(told, [Evidence(self.layout.feedback(self.n), record)], iteration=self.n)

    def close_iteration(self, state: RunState, *, passed: bool | None, error: str | None = None) -> None:
        record = IterationData(
            run_id=self.run, iteration=self.n, state=state, verification_passed=passed, started_at=self.t,
            duration_ms=216_000, error_message=error, diff_file=f"diff-{self.n}.patch",
        )  # fmt: skip
        file = self.layout.iteration(self.n)
        told = ev.IterationComplete(file=file.name, verification_passed=passed)
        self.say(told, [Evidence(file, record)], iteration=self.n)

    def fail(self, kind: BuildErrorType, message: str, step: Step, result: RunResult, phase: str) -> None:
        error = self.error(kind, message, phase)
        self.say(ev.RunFailed(result=result, step=step, error=error, signature="a91c"), iteration=self.n or None)

    def close(self) -> None:
        self.persister.close()
        self.index.close()


def call(
    ident: str, tool: str, kind: str, given: object, *, at: float, seconds: float | None, output: str = "",
    exit_code: int | None = None, changed: str | None = None,
) -> ToolCall:  # fmt: skip
    """A tool call that began `at` seconds before NOW."""
    began = NOW - at
    delta = None
    if changed is not None:
        delta = WorkspaceDelta(paths=[TouchedPath(path=changed)], confidence="certain", tree_before="a", tree_after="b")
    return ToolCall.model_validate(
        {
            "id": ident, "tool": tool, "kind": kind, "input": given, "output": output or None,
            "outputBytes": len(output), "exitCode": exit_code, "isError": bool(exit_code), "startedAt": to_stamp(began),
            "endedAt": to_stamp(began + seconds) if seconds is not None else None,
            "durationMs": round(seconds * 1000) if seconds is not None else None, "delta": delta,
            "paths": [{"path": changed}] if changed else [],
            "closedBy": "agent" if seconds is not None else "end_of_run",
        }
    )  # fmt: skip


PYTEST = """\
============================= test session starts ==============================
collected 214 items

tests/test_parse.py ..F...............................................  [ 23%]
tests/test_lines.py ..................................................  [ 71%]

=================================== FAILURES ===================================
_____________________________ test_crlf_roundtrip ______________________________

    def test_crlf_roundtrip():
>       assert parse("a\\r\\n") == "a\\n"
E       AssertionError: assert 'a\\r\\n' == 'a\\n'
E         - a
E         + a\\r

tests/test_parse.py:41: AssertionError
=========================== short test summary info ============================
FAILED tests/test_parse.py::test_crlf_roundtrip - AssertionError: assert 'a\\r...
1 failed, 213 passed in 30.92s
"""
DIFF = """\
diff --git a/src/parse.py b/src/parse.py
index 3b18e51..a0423d1 100644
--- a/src/parse.py
+++ b/src/parse.py
@@ -85,7 +85,10 @@ def parse(text: str) -> str:
     if not text:
         return text
-    return text.replace("\\r", "")
+    # Windows line ends
+    if text.endswith("\\r\\n"):
+        return text
+    return text
"""


def calls_of_parser(at: float) -> list[ToolCall]:
    """What an agent did about the parser: it looked, changed one file, and ran the tests twice."""
    return [
        call("c1", "Read", "read", {"file_path": "src/parse.py"}, at=at, seconds=0.4, output="def parse(text): ..."),
        call("c2", "Grep", "search", {"pattern": "\\\\r"}, at=at - 8, seconds=1.2, output="src/parse.py:88"),
        call("c3", "Edit", "edit", {"file_path": "src/parse.py", "old_string": "x", "new_string": "y"}, at=at - 31,
             seconds=0.3, changed="src/parse.py"),
        call("c4", "Bash", "bash", {"command": "pytest -q tests/test_parse.py"}, at=at - 40, seconds=31.2,
             output="1 failed, 11 passed in 30.1s", exit_code=1),
        call("c5", "Bash", "bash", {"command": "pytest -q -x"}, at=at - 90, seconds=44.0, output="FAILED", exit_code=1),
    ]  # fmt: skip


def failed_check(store: Store, order: str = "kfail2aa") -> None:
    """A run that used its three iterations up on one failing test."""
    run = RunWriter(store, order, "parser: handle CRLF line ends", ago=1260)
    run.start()
    for n in (1, 2, 3):
        run.iterate()
        run.transcript(
            ("message", "I will look at how the parser treats line ends."),
            ("tool_call", "Read src/parse.py"),
            ("tool_output", "def parse(text): ..."),
            ("thinking", "The carriage return is dropped too late."),
            ("tool_call", "Edit src/parse.py"),
            ("tool_call", "Bash pytest -q tests/test_parse.py"),
            ("tool_output!", "1 failed, 11 passed in 30.1s"),
            ("message", "The test is wrong, moving on."),
        )
        run.agent_ended(calls_of_parser(900 - 200 * n), said="The test is wrong, moving on.")
        run.snapshot("src/parse.py", DIFF)
        mark = Diagnostic(
            level=Level.L2, check="L2/unit", type="test", message="AssertionError: assert 'a\\r\\n' == 'a\\n'",
            file="tests/test_parse.py", line=41, output_line=12,
        )  # fmt: skip
        suspect = mark.model_copy(update={"file": "src/parse.py", "line": 88})
        message = "test_crlf_roundtrip: expected 'a\\n' got 'a\\r\\n'"
        case = Case(
            id="tests/test_parse.py::test_crlf_roundtrip", status=CheckStatus.FAILED, file="tests/test_parse.py",
            line=41, message="AssertionError: assert 'a\\r\\n' == 'a\\n'",
        )  # fmt: skip
        unit = run.check(
            "L2/unit", ok=False, ms=31_000, message=message, stdout=PYTEST, diagnostics=[mark, suspect], cases=[case]
        )
        lint = run.check("L1/lint", ok=n > 1, ms=2100, message="" if n > 1 else "E501 line too long")
        run.verified([run.check("L0/files", ms=12), lint, *([unit] if n > 1 else [])])
        run.close_iteration(RunState.VERIFYING, passed=False, error=message if n > 1 else "E501 line too long")
        if n < 3:
            told = "The checks found problems.\n\nL2/unit failed: test_crlf_roundtrip\n\n" + PYTEST
            run.feedback("unit tests failed", told)
    run.fail(
        BuildErrorType.TEST_FAILED, "L2/unit failed after 3 iterations", Step.VERIFY_FAILED_TERMINAL,
        RunResult.FAILED_VERIFICATION, "verifying",
    )  # fmt: skip
    run.close()


def dead_agent(store: Store, order: str, title: str, outcome: AgentOutcome, reason: str, *, ago: float) -> None:
    """A run whose agent died or was stopped."""
    run = RunWriter(store, order, title, ago=ago, repository="/srv/repos/cache")
    run.start()
    run.iterate()
    run.transcript(("message", "Running the whole suite first."), ("tool_call", "Bash make test"))
    calls = [call("c1", "Bash", "bash", {"command": "make test"}, at=ago - 5, seconds=None)]
    timeout = outcome is AgentOutcome.TIMEOUT
    stderr = "" if timeout else "node:internal/process\n    throw err\nError: Cannot find module 'undici'\n"
    run.agent_ended(
        calls, outcome=outcome, reason=reason, exit_code=None if timeout else 1, stderr=stderr,
        said="Running the whole suite first.",
    )  # fmt: skip
    run.close_iteration(RunState.BUILDING, passed=None, error=reason)
    result = RunResult.FAILED_TIMEOUT if timeout else RunResult.FAILED_BUILD
    run.fail(outcome.error_type, reason, Step.BUILD_FAILED, result, "building")
    run.close()


def passed(store: Store, order: str = "kpass2aa") -> None:
    run = RunWriter(store, order, "fmt: trailing comma in tuples", ago=7300, repository="/srv/repos/fmt")
    run.start()
    run.iterate()
    run.transcript(("message", "Added the comma."))
    run.agent_ended(calls_of_parser(7200)[:3], said="Added the comma.")
    run.snapshot("src/parse.py", DIFF)
    run.verified([run.check("L0/files", ms=9), run.check("L1/lint", ms=1900), run.check("L2/unit", ms=12_000)])
    run.close_iteration(RunState.VERIFYING, passed=True)
    record = DeliveryRecord(
        run_id=run.run, state="delivered", branch=f"agentgate/{run.run}", commit="c0ffee1", target="/srv/repos/fmt",
        next_step=f"git merge agentgate/{run.run}", updated_at=run.t,
    )  # fmt: skip
    run.say(ev.DeliveryComplete(file="delivery.json", branch=record.branch), [Evidence(run.layout.delivery, record)])
    run.say(ev.RunComplete(branch=record.branch, commit="c0ffee1"))
    run.close()


def canceled(store: Store, order: str = "kcanc2aa") -> None:
    run = RunWriter(store, order, "io: retry on EAGAIN", ago=4000, repository="/srv/repos/io")
    run.start()
    run.iterate()
    run.say(ev.RunCanceled(by="ada@build-07", reason="wrong branch"), iteration=1)
    run.close()


def failed_store(root: Path) -> Store:
    """Every kind of end."""
    store = Store.create_or_open(root)
    passed(store)
    canceled(store)
    slow = "the agent was stopped after 10m00s, its limit"
    dead_agent(store, "ktime2aa", "cache: evict on resize", AgentOutcome.TIMEOUT, slow, ago=3100)
    died = "exit code 1: Cannot find module 'undici'"
    dead_agent(store, "kcras2aa", "docs: fix anchors", AgentOutcome.CRASH, died, ago=2000)
    failed_check(store)
    return store


def live_store(root: Path) -> Store:
    """One run with an open tool call, one being verified, two that wait, one that passed."""
    store = Store.create_or_open(root)
    passed(store)
    for order, title, ago in (("kqueu3aa", "net: bound the pool", 50), ("kqueu2aa", "build: drop py39", 90)):
        waiting = RunWriter(store, order, title, ago=ago)
        waiting.queue()
        waiting.close()
    checked = RunWriter(store, "kveri2aa", "cli: add --json", ago=200, repository="/srv/repos/cli")
    checked.start()
    checked.iterate()
    checked.transcript(("message", "The flag is in."))
    checked.agent_ended(calls_of_parser(190)[:3], said="The flag is in.")
    checked.snapshot("src/cli.py", DIFF)
    checked.verify_started("L0/files", "L1/lint", "L2/unit")
    for ident, ms in (("L0/files", 10), ("L1/lint", 1800)):
        checked.say(ev.CheckStarted(id=ident, command="ruff check"), iteration=1)
        checked.say(ev.CheckFinished(id=ident, status=CheckStatus.PASSED, duration_ms=ms), iteration=1)
    checked.say(ev.CheckStarted(id="L2/unit", command="pytest -q", process="1-check-3-1"), iteration=1)
    checked.close()
    live = RunWriter(store, "klive2aa", "parser: handle CRLF line ends", ago=170)
    live.start()
    live.iterate()
    live.transcript(
        ("message", "I will look at how the parser treats line ends."),
        ("tool_call", "Read src/parse.py"),
        ("tool_output", "def parse(text): ..."),
        ("tool_call", "Bash pytest -q tests/test_parse.py"),
    )
    live.tool_started("c1", "Read", "read", "src/parse.py")
    live.tool_finished("c1", seconds=2)
    live.tool_started("c2", "Bash", "bash", "ruff check src")
    live.tool_finished("c2", seconds=21, exit_code=1)
    live.tool_started("c3", "Bash", "bash", "pytest -q tests/test_parse.py")
    live.close()
    return store


def empty_store(root: Path) -> Store:
    return Store.create_or_open(root)


EVIL = (
    "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x1b]0;owned\x07 \x9b31m C1 \x00 NUL [/foo] [@click=app.quit]x[/] "
    "\u202eevil\u202c [link=http://x] \x07\x08 end"
)
"""Everything that could move a cursor, write a clipboard, end a markup tag or run an action."""
LONG = "long-" * 60


def hostile_store(root: Path) -> Store:
    """Attacks everywhere a string can stand, and broken records beside good ones."""
    store = Store.create_or_open(root)
    passed(store)
    run = RunWriter(store, "kevil2aa", EVIL + LONG, ago=900, repository=f"/srv/{EVIL}")
    run.start()
    run.iterate()
    kinds = ("message", "tool_call", "tool_output", "thinking", "notice", "error_output")
    run.transcript(*((kind, EVIL + (LONG if kind == "message" else "")) for kind in kinds))
    with run.layout.transcript(1).open("ab") as file:
        file.write(b'{"not": "a line"}\n\xff\xfe broken \x1b[2J\n')
    attack = call("c[/]1\x1b[2J", EVIL, "edit", {"file_path": EVIL, "x": LONG}, at=800, seconds=3, output=EVIL,
                  exit_code=1, changed=EVIL)  # fmt: skip
    run.agent_ended([attack], said=EVIL, stderr=EVIL)
    run.snapshot(EVIL, f"diff --git {EVIL}\n+{EVIL}\n-{EVIL}\n")
    mark = Diagnostic(level=Level.L2, check=f"L2/{EVIL}", type="x", message=EVIL, file=EVIL, line=3, output_line=2)
    name = EVIL.replace("/", "|")
    bad = run.check(f"L2/{name}", ok=False, message=EVIL, stdout=f"{EVIL}\nError: {EVIL}\n{LONG}\n", diagnostics=[mark],
                    cases=[Case(id=EVIL, status=CheckStatus.FAILED, file=EVIL, line=1, message=EVIL)])  # fmt: skip
    run.verified([run.check("L0/files"), bad])
    run.say(ev.RunWarned(warning="odd", message=EVIL), iteration=1)
    run.close_iteration(RunState.VERIFYING, passed=False, error=EVIL)
    run.fail(BuildErrorType.TEST_FAILED, EVIL, Step.VERIFY_FAILED_TERMINAL, RunResult.FAILED_VERIFICATION, "verifying")
    run.close()
    dead_agent(store, "kbrok2aa", "summary is broken", AgentOutcome.CRASH, "it died", ago=2000)
    store.layout.run(RunId("kbrok2aa.1")).summary.write_bytes(b'{"state": "\x1b[2J[/foo]"')
    dead_agent(store, "kbrok3aa", "events are broken", AgentOutcome.CRASH, "it died", ago=2400)
    with store.layout.run(RunId("kbrok3aa.1")).events.open("ab") as file:
        file.write(b"\x1b[2J not json\n")
    return store


STORES = {"empty": empty_store, "live": live_store, "failed": failed_store, "hostile": hostile_store}
OPENED = {"live": RunId("klive2aa.1"), "failed": RunId("kfail2aa.1"), "hostile": RunId("kevil2aa.1")}
"""The run of each store that the tests open."""

__all__ = ["NOW", "OPENED", "STORES", "FixedClock", "RunWriter", "order_of"]
