"""One call of the agent: what it is told, its process, and the reading of what it prints."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from pathlib import Path

from agentgate_engine.agents.driver import AgentCall, AgentCommand, AgentDriver
from agentgate_engine.agents.environment import agent_environment
from agentgate_engine.clock import to_stamp
from agentgate_engine.models.event_type import EventType
from agentgate_engine.models.events import AgentAdopted, AgentComplete, AgentStarted
from agentgate_engine.models.feedback import FeedbackRecord
from agentgate_engine.models.process import INTERRUPTED, ProcessExit, ProcessSpec
from agentgate_engine.phases.agent_attempt import AgentAttempt, AttemptEnd, said_in_attempt
from agentgate_engine.phases.prompt import compose_prompt
from agentgate_engine.phases.run_context import RunContext
from agentgate_engine.phases.transcript_writer import TranscriptWriter
from agentgate_engine.phases.workspace_delta import DeltaWatch
from agentgate_engine.process.process_folder import settle
from agentgate_engine.process.process_host import Dead, Ended, NeverStarted, ProcessHandle
from agentgate_engine.store.atomic import replace_file


@dataclass(frozen=True, slots=True)
class AgentCaller:
    """Makes the attempts of one iteration. Each can be begun, adopted, or read up on."""

    context: RunContext
    driver: AgentDriver

    def call(self, attempt: int, *, fresh_session: bool) -> AgentCall:
        """What the agent is given: from the second iteration on the feedback, in its own conversation where it has one.

        `fresh_session` leaves a conversation that the agent does not know any more.
        """
        context = self.context
        iteration = context.run.iteration
        earlier = context.persister.store.read(FeedbackRecord, context.layout.feedback(iteration - 1))
        feedback = earlier.text if earlier else None
        session = self._session(iteration) if feedback and attempt == 1 and not fresh_session else None
        resumes = session is not None and self.driver.resumes
        return AgentCall(
            request=context.order.agent,
            prompt=compose_prompt(context.order.task_prompt, feedback, resumes_session=resumes),
            feedback=feedback,
            workspace=context.workspace.tree,
            scratch=context.workspace.scratch,
            iteration=iteration,
            attempt=attempt,
            session_id=session if resumes else None,
        )

    def _session(self, iteration: int) -> str | None:
        """The conversation of the iteration before. An attempt that failed has one of its own, which remembers work
        that is not in the tree any more: the attempt after it starts afresh."""
        before = self.context.persister.happened(EventType.AGENT_COMPLETE, iteration - 1)
        return before.session_id if isinstance(before, AgentComplete) else None

    def _abandoned(self, end: ProcessExit | None) -> bool:
        """Whether it was stopped for want of an engine, or with the machine and not for a wish: that says nothing about
        the agent's work."""
        return end is not None and (
            end.ended_by == "engine_lost" or (end.ended_by == "stop" and self.context.wish is None)
        )

    async def attempt(self, directory: Path, call: AgentCall, command: AgentCommand) -> AttemptEnd | None:
        """Start, adopt or read up on the attempt in `directory`; None when it was interrupted."""
        context = self.context
        found = await context.host.adopt(directory)
        before = said_in_attempt(context.persister.events, directory.name)
        known = any(p.process == directory.name for p in context.said_here(AgentStarted))
        if isinstance(found, NeverStarted):
            found = await self._start(directory, call, command)
        elif isinstance(found, Dead):
            return None
        elif isinstance(found, Ended) and self._abandoned(found.exit):
            settle(directory, INTERRUPTED, context.clock)
            return None
        elif known:
            running = isinstance(found, ProcessHandle)
            await context.emit(AgentAdopted(process=directory.name, attempt=call.attempt, still_running=running))
        if not known:
            await self._announce(directory.name, call.attempt, command)
        watch = DeltaWatch(
            context.workspace, await asyncio.to_thread(context.workspace.tree_of_commit, context.before_sha)
        )
        transcript = await self._transcript(call.iteration, directory.name)
        try:
            parser = self.driver.parser(call)
            reading = AgentAttempt(
                context.bus, context.clock, call.iteration, directory, parser, transcript, watch, before
            )
            if isinstance(found, Ended):
                return await reading.read_to_end(found.exit)
            end = await reading.follow(found, context.stop)
            if self._abandoned(end.exit):
                settle(directory, INTERRUPTED, context.clock)
                return None
            return end if end.exit is not None else None
        finally:
            transcript.close()

    async def _transcript(self, iteration: int, process: str) -> TranscriptWriter:
        """Go on with the transcript; one that was opened for a task that is gone meanwhile is closed again."""
        path = self.context.layout.transcript(iteration)
        opening = asyncio.ensure_future(asyncio.to_thread(TranscriptWriter.open, path, process, self.context.mask))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            for opened in await asyncio.gather(opening, return_exceptions=True):
                if isinstance(opened, TranscriptWriter):
                    opened.close()
            raise

    async def _start(self, directory: Path, call: AgentCall, command: AgentCommand) -> ProcessHandle:
        context, order = self.context, self.context.order
        call.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in command.files.items():
            replace_file(call.scratch / name, content.encode(), sync=False)
        stdin: Path | None = None
        if command.stdin is not None:
            stdin = call.scratch / f"stdin-{call.iteration}-{call.attempt}.txt"
            replace_file(stdin, command.stdin.encode(), sync=False)
        spec = ProcessSpec.model_validate(
            {
                "argv": list(command.argv),
                "cwd": str(call.workspace),
                "token": f"{context.run_id}-{call.iteration}-{call.attempt}-{secrets.token_hex(6)}",
                "ownerLock": str(context.layout.lock),
                "stdin": str(stdin) if stdin else None,
                "deadlineS": max(0.1, min(order.limits.max_iteration_seconds, context.seconds_left())),
                "outputCapBytes": order.limits.output_cap_bytes,
                "stopSequence": [list(step) for step in command.stop_sequence],
            }
        )
        # An agent that deletes its `.git` must not find a repository around the store and work on that.
        ceiling = {"GIT_CEILING_DIRECTORIES": str(call.workspace.parent)}
        environment = {**agent_environment(context.environment, command, order.agent), **ceiling}
        return await context.host.start(directory, spec, environment)

    async def _announce(self, process: str, attempt: int, command: AgentCommand) -> None:
        context = self.context
        limit = min(context.order.limits.max_iteration_seconds, context.seconds_left())
        argv = [context.mask(part) for part in (command.redacted_argv or command.argv)]
        await context.emit(
            AgentStarted(
                process=process,
                attempt=attempt,
                argv=argv,
                permission_mode=context.order.agent.permission_mode,
                deadline=to_stamp(context.clock.now() + limit),
            )
        )
