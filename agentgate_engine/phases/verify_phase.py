"""The verifying phase: the plan's checks in the clean room, each under supervision, and `verification-{n}.json`."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.event_bus import Evidence
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import (
    CheckFinished,
    CheckStarted,
    VerificationComplete,
    VerificationStarted,
)
from agentgate_engine.models.process import INTERRUPTED, ProcessExit, ProcessSpec, SignalName
from agentgate_engine.models.verification import (
    Check,
    CheckStatus,
    HarnessConfig,
    Level,
    PersistedVerificationReport,
)
from agentgate_engine.phases.judged_trees import JudgedTrees
from agentgate_engine.phases.run_context import CanceledByOperator, RunContext
from agentgate_engine.process.process_folder import read_result, read_spec, settle
from agentgate_engine.process.process_host import Dead, Ended, ProcessHandle
from agentgate_engine.store.atomic import make_directory, replace_file
from agentgate_engine.store.masking import looks_secret
from agentgate_engine.threads import finish_in_thread
from agentgate_engine.verify.commands import COMMAND_ENV, CommandOutcome, CommandRun
from agentgate_engine.verify.gate_plan import plan_files
from agentgate_engine.verify.verifier import Verification, Verifier, judged_with, levels_glyphs, planned_checks
from agentgate_engine.workspace.workspace import CleanRoom

MOST_INTERRUPTIONS = 3
_STOP: tuple[tuple[SignalName, float], ...] = (("SIGTERM", 2.0),)


@dataclass
class VerifyPhase:
    """One iteration's verification. Checks that ran or still run under a dead engine are read up on, not run again."""

    context: RunContext

    async def work(self) -> PersistedVerificationReport:
        """Judge the newest snapshot; the returned report is on the disk and was told.

        Raises:
            WorkspaceError: the clean room could not be made.
            CanceledByOperator: an operator ended the run meanwhile.
            ParkRun: the evidence could not be written.
        """
        context = self.context
        iteration = context.run.iteration
        file = context.layout.verification(iteration)
        if context.persister.happened(EventType.VERIFICATION_COMPLETE, iteration):
            report = context.persister.store.read(PersistedVerificationReport, file)
            assert report is not None, f"{file} was told but is not there"
            self._settle(report)
            return report
        commit = context.run.snapshot_after_sha
        assert commit is not None, "a snapshot comes before its verification"
        room = await self._room(commit)
        facts = await asyncio.to_thread(self._facts, commit, room)
        verifier = Verifier(
            plan=context.plan,
            clock=context.clock,
            runner=self._run,
            mask=context.mask,
            on_check_started=self._check_started,
            on_check_finished=self._check_finished,
        )
        report = await verifier.verify(room.path, facts)
        told = VerificationComplete(
            file=file.name,
            passed=report.passed,
            summary=report.summary,
            levels=levels_glyphs(report),
            first_failed=report.first_failed.id if report.first_failed else None,
        )
        await context.emit(told, Evidence(file, report))
        self._settle(report)
        return report

    def _settle(self, report: PersistedVerificationReport) -> None:
        """`result.json` of each command that was judged."""
        for check in (check for level in report.levels for check in level.checks):
            if check.stdout_log is not None:
                settle((self.context.layout.directory / check.stdout_log).parent, check.status, self.context.clock)

    async def _room(self, commit: str) -> CleanRoom:
        """The clean room at `commit`: made once an iteration, for a check of a dead engine may still run in it."""
        context = self.context
        begun = context.persister.happened(EventType.VERIFICATION_STARTED, context.run.iteration)
        if isinstance(begun, VerificationStarted):
            return CleanRoom(context.workspace.clean_room_path, begun.kept_caches)
        room = await finish_in_thread(context.workspace.clean_room, commit, pristine=context.order.pristine)
        await context.emit(
            VerificationStarted(
                commit=commit,
                plan_hash=context.plan.hash,
                checks=planned_checks(context.plan, context.order.skip_levels),
                kept_caches=room.kept_caches,
            )
        )
        return room

    def _facts(self, commit: str, room: CleanRoom) -> Verification:
        context = self.context
        workspace, iteration = context.workspace, context.run.iteration
        order, start = context.order, workspace.start_commit
        changed = [file.path for file in workspace.numstat(start, commit)]
        protected = {*plan_files(context.plan), *judged_with(context.plan)}
        return Verification(
            report_id=f"{context.run_id}/{iteration}/verification",
            snapshot_id=f"{context.run_id}/{iteration}",
            run_id=context.run_id,
            iteration=iteration,
            tracked_paths=workspace.paths_of_commit(commit),
            base_paths=workspace.paths_of_commit(start),
            tree_hash=workspace.tree_of_commit(commit),
            changed_plan_paths=[path for path in changed if path in protected],
            used_kept_caches=room.kept_caches,
            pristine=order.pristine,
            readers=JudgedTrees(workspace, start, commit).readers,
            harness=HarnessConfig(
                wait_for_ci=order.git_ops.wait_for_ci,
                skip_levels=[level for level in Level if level in order.skip_levels],
                skip_kinds=list(order.skip_kinds),
            ),
        )

    async def _run(self, run: CommandRun) -> CommandOutcome:
        """Run one command of the plan, or go on with it where a dead engine left off."""
        for _ in range(MOST_INTERRUPTIONS + 1):
            directory = self._folder(run)
            found = await self._start_or_adopt(directory, run)
            if isinstance(found, Dead):
                continue
            end = found.exit if isinstance(found, Ended) else await self._wait(found)
            stopped = end is not None and end.ended_by == "stop" and self.context.wish is None  # with the machine
            if end is not None and (stopped or end.ended_by == "engine_lost"):
                settle(directory, INTERRUPTED, self.context.clock)  # it says nothing about the work
            elif end is not None:
                break
        else:
            directory, end = self._folder(run), None
        log, spec = f"processes/{directory.name}", read_spec(directory)
        return CommandOutcome(
            end,
            f"{log}/stdout.log",
            f"{log}/stderr.log",
            directory / "stdout.log",
            directory / "stderr.log",
            given_s=spec.deadline_s if spec else None,
        )

    def _folder(self, run: CommandRun) -> Path:
        """Where this attempt at a command has its evidence: the folder, of those that were not interrupted, that is
        number `run.attempt`. Those before it failed and are settled here, so that an engine that takes over counts
        the same."""
        context = self.context
        kind, _, number = run.process.rpartition("-")
        folder = judged = 0
        while True:
            folder += 1
            directory = context.layout.process(context.run.iteration, kind, int(number), folder)
            result = read_result(directory)
            if result is not None and result.outcome == INTERRUPTED:
                continue
            judged += 1
            if judged == run.attempt:
                return directory
            settle(directory, CheckStatus.FAILED, context.clock)

    async def _start_or_adopt(self, directory: Path, run: CommandRun) -> ProcessHandle | Ended | Dead:
        host, stdin = self.context.host, directory / "stdin"
        if run.stdin is not None and read_spec(directory) is None:
            await asyncio.to_thread(_write_stdin, stdin, run.stdin)
        spec = self._spec(run, stdin if run.stdin is not None else None)
        return await host.run_or_adopt(directory, spec, self._environment())

    async def _wait(self, handle: ProcessHandle) -> ProcessExit | None:
        """Until it ended. A stop that an operator asked for ends it, and then the phase."""
        waiting = asyncio.create_task(handle.wait(), name=f"wait {handle.directory.name}")
        stopping = asyncio.create_task(self.context.stop.wait(), name=f"stop {handle.directory.name}")
        try:
            await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not stopping.done():
                return waiting.result()
            await handle.stop()
            await waiting
            settle(handle.directory, "canceled", self.context.clock)
        finally:
            waiting.cancel()
            stopping.cancel()
        raise CanceledByOperator

    def _spec(self, run: CommandRun, stdin: Path | None) -> ProcessSpec:
        context = self.context
        return ProcessSpec(
            argv=("/bin/sh", "-c", run.command),
            cwd=str(run.cwd),
            token=f"{context.run_id}-{context.run.iteration}-{run.process}-{secrets.token_hex(8)}",
            owner_lock=str(context.layout.lock),
            stdin=str(stdin) if stdin else None,
            deadline_s=max(0.1, min(run.timeout_s, context.seconds_left())),
            output_cap_bytes=context.order.limits.output_cap_bytes,
            stop_sequence=_STOP,
        )

    def _environment(self) -> dict[str, str]:
        """The operator's environment without what looks secret: checks run what an agent wrote."""
        kept = {name: value for name, value in self.context.environment.items() if not looks_secret(name)}
        return {**kept, **COMMAND_ENV}

    async def _check_started(self, check_id: str, command: str | None, process: str | None) -> None:
        if self.context.wish is not None:
            raise CanceledByOperator
        if not self._told(CheckStarted, check_id):
            await self.context.emit(CheckStarted(id=check_id, command=command, process=process))

    async def _check_finished(self, check: Check) -> None:
        if not self._told(CheckFinished, check.id):
            await self.context.emit(
                CheckFinished(id=check.id, status=check.status, duration_ms=check.duration, message=check.message)
            )

    def _told(self, kind: type[CheckStarted] | type[CheckFinished], check_id: str) -> bool:
        """Whether an engine before this one told it already."""
        here = self.context.run.iteration
        told = (e for e in self.context.persister.events if e.type is kind.type and e.iteration == here)
        return any(event.data.get("id") == check_id for event in told)


def _write_stdin(path: Path, content: bytes) -> None:
    """Beside the spec that will name it. A repeated write replaces what a dead engine left unfinished."""
    make_directory(path.parent.parent)
    make_directory(path.parent)
    replace_file(path, content)
