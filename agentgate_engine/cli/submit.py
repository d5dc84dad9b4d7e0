"""`agentgate submit` and `agentgate run`."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys

from agentgate_engine.agents.registry import driver_for
from agentgate_engine.cli.log import follow
from agentgate_engine.cli.output import put, put_json, record_json, say
from agentgate_engine.cli.reading import make_store
from agentgate_engine.cli.why import put_why
from agentgate_engine.clock import Clock
from agentgate_engine.commands import SubmitRequest, Submitted, living_engines, start_engine
from agentgate_engine.commands import submit as submit_order
from agentgate_engine.errors import UsageError
from agentgate_engine.models.work_order import AgentRequest, Limits
from agentgate_engine.store.log_window import read_log_lines
from agentgate_engine.store.run_evidence import RunEvidenceReader
from agentgate_engine.store.store import Store
from agentgate_engine.views.safe_text import sanitize
from agentgate_engine.views.why import why_view


def submit(asked: argparse.Namespace) -> int:
    """Queue an order; durable when the id is printed.

    Raises:
        UsageError: something about the order cannot be used; nothing was queued.
        StoreError: the store cannot be written.
    """
    store, done = _submit(asked)
    engines = living_engines(store)
    if not engines and asked.start:
        engines = [start_engine(store, os.environ)]
    if asked.json:
        put_json({**_document(done), "engines": engines})
        return 0
    put(done.order_id)
    say(f"queued as number {done.position}" if done.position else "queued")
    if not engines:
        say("no engine is alive: start one with `agentgate serve`")
    return 0


def run(asked: argparse.Namespace) -> int:
    """Queue an order, have an engine work it, follow it. Exit 0 if it passed, 1 if not.

    Raises:
        UsageError: something about the order cannot be used; nothing was queued.
        StoreError: the store cannot be written.
        AgentGateError: no engine could be started.
    """
    store, done = _submit(asked)

    def with_an_engine() -> None:
        if not living_engines(store):
            start_engine(store, os.environ, until_idle=True)

    with_an_engine()
    say(f"{done.run_id} is in the hands of an engine; leaving here does not stop it")
    try:
        if asked.json:
            with contextlib.redirect_stdout(io.StringIO()):
                code = follow(store, done.run_id, with_an_engine)
        else:
            code = follow(store, done.run_id, with_an_engine)
    except KeyboardInterrupt:
        say(
            f"the run goes on; follow it with `agentgate log -F {done.order_id}`,"
            f" end it with `agentgate cancel {done.order_id}`"
        )
        return 130
    evidence = RunEvidenceReader(store, done.run_id).read()
    if asked.json:
        put_json({**_document(done), "run": record_json(evidence.run)})
    elif code:
        put_why(why_view(evidence, None, read_log_lines))
    else:
        put(sanitize(f"passed; the branch {evidence.run.branch} is in {evidence.run.repository}"))
    return code


def _submit(asked: argparse.Namespace) -> tuple[Store, Submitted]:
    driver_for(asked.agent)
    given = {
        "maxIterations": asked.max_iterations,
        "maxIterationSeconds": asked.iteration_time,
        "maxWallClockSeconds": asked.max_time,
    }
    limits = Limits.model_validate({name: value for name, value in given.items() if value is not None})
    named = {name for name, value in given.items() if value is not None}
    named |= {name for name, value in (("model", asked.model), ("pristine", asked.pristine)) if value}
    named |= {"permissionMode"} if asked.permissions != "default" else set()
    named |= {"agent"} if asked.agent != "claude-code" else set()
    request = SubmitRequest(
        prompt=_prompt(asked),
        repository=asked.repo.absolute(),
        agent=AgentRequest(
            type=asked.agent,
            command=asked.agent_command,
            script=str(asked.script.absolute()) if asked.script else None,
            model=asked.model,
            permission_mode=asked.permissions,
            pass_env=asked.pass_env,
        ),
        limits=limits,
        title=asked.title,
        priority=asked.priority,
        include_dirty=asked.include_dirty,
        pristine=asked.pristine,
        explicit=frozenset(named),
    )
    store = make_store(asked)
    done = submit_order(store, request, os.environ, Clock())
    for note in done.notes:
        say(f"note: {sanitize(note)}")
    return store, done


def _prompt(asked: argparse.Namespace) -> str:
    if (asked.prompt is None) == (asked.prompt_file is None):
        raise UsageError("give the task with either --prompt or --prompt-file")
    if asked.prompt is not None:
        return asked.prompt
    try:
        return sys.stdin.read() if str(asked.prompt_file) == "-" else asked.prompt_file.read_text()
    except OSError as fault:
        raise UsageError(f"cannot read {asked.prompt_file}: {fault.strerror}") from None
    except UnicodeDecodeError as fault:
        raise UsageError(f"{asked.prompt_file} is not UTF-8 text: {fault.reason} at byte {fault.start}") from None


def _document(done: Submitted) -> dict[str, object]:
    return {
        "order": done.order_id,
        "runId": done.run_id,
        "position": done.position,
        "baseCommit": done.base_commit,
        "leftOut": list(done.left_out),
        "notes": list(done.notes),
    }
