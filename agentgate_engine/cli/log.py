"""`agentgate log`: what an agent did, line by line, live if asked."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agentgate_engine.cli.asked_run import asked_run
from agentgate_engine.cli.output import put, put_json, say, writing
from agentgate_engine.errors import UsageError
from agentgate_engine.models.ids import RunId
from agentgate_engine.store.foreign.recognise import recognise
from agentgate_engine.store.layout import resolve_root
from agentgate_engine.store.line_reader import LineReader, json_lines, read_lines
from agentgate_engine.store.log_file import open_log
from agentgate_engine.views.safe_text import sanitize

if TYPE_CHECKING:
    from agentgate_engine.models.run import Run
    from agentgate_engine.store.run_evidence import RunEvidence
    from agentgate_engine.store.store import Store

FOLLOW_S = 0.05
ENGINE_LOOK_S = 1.0
_MARKS = {"tool_call": "$ ", "tool_output": "  ", "thinking": "~ ", "notice": "! ", "error_output": "e "}


def log(asked: argparse.Namespace) -> int:
    """Print a transcript, tool calls, a failed check's output, or raw bytes. With `--follow`, exit 1 if the run failed.

    Raises:
        UsageError: no such run, or options that exclude each other.
        StoreError: it cannot be read.
    """
    if asked.follow and (asked.json or asked.failed or asked.raw or asked.tools):
        raise UsageError("--follow goes with none of --json, --failed, --raw and --tools")
    if asked.tools and (asked.failed or asked.raw):
        raise UsageError("--tools goes with neither --failed nor --raw")
    if asked.follow:
        if (kind := recognise(resolve_root(asked.home, os.environ)[0])) is not None:
            raise UsageError(f"this is {kind.name}, of which nobody here knows what goes on: leave out --follow")
        from agentgate_engine.cli.reading import open_store, run_id_of

        store = open_store(asked)
        return follow(store, run_id_of(store, asked.id))
    if asked.raw and (asked.json or asked.failed):
        raise UsageError("--raw goes with neither --json nor --failed")
    if asked.failed or asked.raw or asked.tools:
        return _from_records(asked)
    run = asked_run(asked)
    transcript = run.layout.transcript(run.iteration)
    if asked.json:
        put_json(json_lines(transcript) if run.iteration else [])
        return 0
    lines = read_lines(transcript) if run.iteration else []
    for line in lines:
        put(_text(line))
    if not lines:
        say(sanitize(f"the agent printed nothing, or did not begin yet; {run.id} is {run.state}: {run.now}"))
    return 0


def _from_records(asked: argparse.Namespace) -> int:
    from agentgate_engine.cli.reading import read_asked
    from agentgate_engine.cli.tool_calls import put_tool_calls

    evidence, iteration = read_asked(asked)
    if asked.failed:
        return _failed(evidence, iteration, as_json=asked.json)
    return _raw(evidence, iteration) if asked.raw else put_tool_calls(evidence, iteration, as_json=asked.json)


def follow(store: Store, run_id: RunId, still_worked: Callable[[], None] = lambda: None) -> int:
    """Print the transcript as it grows, each iteration after the other, until the run ends.

    `still_worked` is called about once a second, for a caller who sees to it that an engine is there.
    """
    layout, iteration, reader = store.layout.run(run_id), 0, None
    looks_at, waits = time.monotonic() + ENGINE_LOOK_S, ""
    while True:
        looks = time.monotonic() >= looks_at
        if looks:
            still_worked()
            looks_at = time.monotonic() + ENGINE_LOOK_S
        run = store.read_run(run_id)
        if looks and (found := _waits_for(store, run)) != waits:
            waits = found
            if waits:
                say(sanitize(f"-- {waits} --"))
        if reader is not None:
            for line in reader.read_new():
                put(_text(line))
            with writing():
                sys.stdout.flush()
        if run.iteration > iteration:
            iteration += 1
            reader = LineReader(layout.transcript(iteration))
            say(f"-- {run_id} iteration {iteration} --")
            continue
        if run.state.terminal:
            say(f"-- {run_id} {run.result}" + (f": {run.error}" if run.error else "") + " --")
            return 0 if run.result == "passed" else 1
        time.sleep(FOLLOW_S)


def _waits_for(store: Store, run: Run) -> str:
    """What holds a run that does not go on at the moment, in a sentence; empty when nothing does."""
    if run.waiting_for is not None and run.waiting_for.kind == "backoff":
        until = f" (at {run.waiting_for.until})" if run.waiting_for.until else ""
        return f"{run.id} is tried again{until}: {run.waiting_for.reason}"
    from agentgate_engine.cli.place import standing

    held = [words for what, words in standing(store.layout, run).lines if what != "engine"]
    return f"{run.id} waits: {'; '.join(held)}" if held and run.state == "queued" else ""


def _text(line: bytes) -> str:
    try:
        found = json.loads(line)
        return _MARKS.get(found["kind"], "") + sanitize(found["text"]) + (" ..." if found.get("cut") else "")
    except (ValueError, KeyError, TypeError):
        return "? " + sanitize(line[:200])


def _failed(evidence: RunEvidence, iteration: int, *, as_json: bool) -> int:
    report = evidence.verifications.get(iteration)
    check = report.first_failed if report else None
    if check is None:
        agent = evidence.agents.get(iteration)
        if agent is not None and not agent.success and not as_json:
            say(f"no check failed: the agent did ({agent.outcome.value}); its output follows")
            return _raw(evidence, iteration)
        raise UsageError(f"no check of {evidence.run.id}/{iteration} failed")
    streams = [name for name in (check.stdout_log, check.stderr_log) if name]
    if as_json:
        texts = {name: b"".join(_bytes(evidence.layout.directory / name)).decode(errors="replace") for name in streams}
        put_json({"check": check.id, "message": check.message, "output": texts})
        return 0
    put(sanitize(f"{check.id}: {check.message or ''}"))
    for name in streams:
        path = evidence.layout.directory / name
        say(f"-- {path} --")
        for line in read_lines_of(path):
            put(sanitize(line))
    if not streams:
        put(sanitize(check.details or ""))
    return 0


def _raw(evidence: RunEvidence, iteration: int) -> int:
    """Byte for byte; to a terminal only what is text, since raw bytes could drive it."""
    agent = evidence.agents.get(iteration)
    names = [agent.stdout_log, agent.stderr_log] if agent else _live_logs(evidence, iteration)
    for name in names:
        path = evidence.layout.directory / name
        if sys.stdout.isatty():
            for line in read_lines_of(path):
                put(sanitize(line))
        else:
            for chunk in _bytes(path):
                with writing():
                    sys.stdout.flush()
                    sys.stdout.buffer.write(chunk)
    return 0


def _live_logs(evidence: RunEvidence, iteration: int) -> list[str]:
    folders = sorted(evidence.layout.processes.glob(f"{iteration}-agent-*"))
    return [f"processes/{folders[-1].name}/{name}.log" for name in ("stdout", "stderr")] if folders else []


def read_lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a log, the last one too when it has no newline."""
    rest = b""
    for chunk in _bytes(path):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _bytes(path: Path) -> Iterator[bytes]:
    try:
        with os.fdopen(open_log(path), "rb") as file:
            while chunk := file.read(1 << 16):
                yield chunk
    except FileNotFoundError:
        return
