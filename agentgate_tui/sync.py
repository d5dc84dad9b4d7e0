"""From a changed store to snapshots: watches the files, and sends what changed, at a bounded rate.

The first change is read and sent at once; what follows within the interval is sent together. Nothing changed, nothing
sent. The watch is checked every two seconds against the files themselves, so that an event the kernel dropped costs two
seconds and not the truth; when the watch dies, that check alone goes on, faster, and the screen says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from watchfiles import awatch

from agentgate_engine.clock import Clock
from agentgate_engine.models.ids import RunId
from agentgate_tui.background import in_thread
from agentgate_tui.snapshots import QueueSnapshot, RunSnapshot, StoreReader

TABLE_INTERVAL_S = 0.25
STREAM_INTERVAL_S = 1 / 15
RECONCILE_S = 2.0
POLL_S = 0.5
READ_ONLY = "READ-ONLY"
_STEP_MS, _DEBOUNCE_MS = 5, 20


@dataclass(frozen=True, slots=True)
class Health:
    """How fresh the screen is: `LIVE`, or `POLLING` with why the watch is gone; `READ-ONLY` for a foreign store."""

    word: str = "LIVE"
    reason: str = ""


class Listener(Protocol):
    """What hears of changes; called on the event loop."""

    def queue_changed(self, snapshot: QueueSnapshot) -> None: ...
    def run_changed(self, snapshot: RunSnapshot) -> None: ...
    def logs_grew(self) -> None: ...
    def health_changed(self, health: Health) -> None: ...


class Pulse:
    """A job that runs as soon as it is poked, and then not again before `interval` seconds went by."""

    def __init__(self, interval: float, job: Callable[[], Awaitable[None]]) -> None:
        self._interval = interval
        self._job = job
        self._due = asyncio.Event()

    def poke(self) -> None:
        self._due.set()

    async def run(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            await self._job()
            await asyncio.sleep(self._interval)


class Sync:
    """Follows one store, and in it the run that is looked at. `run` is the task its owner awaits or cancels."""

    def __init__(self, reader: StoreReader, clock: Clock, listener: Listener, *, watch: bool = True) -> None:
        self._view, self.reader, self._clock, self._listener = reader.view, reader, clock, listener
        self._watching = watch
        self._queue_pulse = Pulse(TABLE_INTERVAL_S, self._send_queue)
        self._run_pulse = Pulse(TABLE_INTERVAL_S, self._send_run)
        # A raw log grows a moment before the transcript made from it: with one pulse for both, what is read most would
        # always come a whole interval late.
        self._transcript_pulse = Pulse(STREAM_INTERVAL_S, self._send_logs)
        self._raw_pulse = Pulse(STREAM_INTERVAL_S, self._send_logs)
        self._focus: tuple[RunId, int | None] | None = None
        self._rows_dirty = self._run_dirty = True
        self._seen: dict[Path, tuple[int, int, int]] = {}
        self._to_check: set[RunId] = set()
        self.queue: QueueSnapshot | None = None
        self.open_run: RunSnapshot | None = None
        self.health = Health() if self._view.read_only is None else Health(READ_ONLY)

    async def run(self) -> None:
        """Follow until cancelled."""
        self._queue_pulse.poke()
        pulses = (self._queue_pulse, self._run_pulse, self._transcript_pulse, self._raw_pulse)
        jobs = [*(pulse.run() for pulse in pulses), self._tick(), self._reconcile()]
        if self._watching:
            jobs.append(self._watch())
        async with asyncio.TaskGroup() as tasks:
            for job in jobs:
                tasks.create_task(job)
            tasks.create_task(self._check_all())

    def look_at(self, run: RunId | None, iteration: int | None = None) -> None:
        """Follow this run as well, at this iteration (None: the last). Its snapshot comes as soon as it is read."""
        focus = None if run is None else (run, iteration)
        if focus != self._focus:
            self._focus = focus
            self._run_dirty = True
            self._run_pulse.poke()

    def reread(self) -> None:
        """Look again at everything, whatever the watch says."""
        self._rows_dirty = self._run_dirty = True
        for pulse in (self._queue_pulse, self._run_pulse, self._transcript_pulse, self._raw_pulse):
            pulse.poke()

    # Sending

    async def _send_queue(self) -> None:
        reread, self._rows_dirty = self._rows_dirty, False
        check, self._to_check = list(self._to_check), set[RunId]()

        def look() -> QueueSnapshot:
            if check:
                self.reader.check_runs(check)
            return self.reader.queue(self._clock.now(), reread=reread)

        found = await in_thread(look)
        if found != self.queue:
            self.queue = found
            self._listener.queue_changed(found)

    async def _send_run(self) -> None:
        focus = self._focus
        if focus is None:
            return
        reread, self._run_dirty = self._run_dirty, False
        found = await in_thread(lambda: self.reader.run(*focus, self._clock.now(), reread=reread))
        if focus != self._focus:
            self._run_pulse.poke()
        elif found != self.open_run:
            self.open_run = found
            self._listener.run_changed(found)

    async def _send_logs(self) -> None:
        self._listener.logs_grew()

    async def _check_all(self) -> None:
        if await in_thread(self.reader.check_runs):
            self._queue_pulse.poke()

    async def _tick(self) -> None:
        """Ages and bars that go on by themselves."""
        while True:
            await asyncio.sleep(1)
            self._queue_pulse.poke()
            views = self.open_run.views if self.open_run else None
            if views is not None and views.live:
                self._run_pulse.poke()

    # Noticing

    async def _watch(self) -> None:
        """Both watches; when one ends, neither is trusted any more."""
        layout = self._view.layout
        places = [(layout.runs, True), (layout.root, False)]
        if self._view.read_only is not None:  # there the orders change, and a directory may be missing
            places = [place for place in (*places, (layout.work_orders, False)) if place[0].is_dir()]
        watches = [asyncio.ensure_future(self._follow(place, recursive=deep)) for place, deep in places]
        try:
            done, _ = await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
            fault = next(iter(done)).exception()
            self._tell(Health("POLLING", f"the file watch ended: {fault or 'the directory went away'}"))
        finally:
            self._watching = False
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)

    async def _follow(self, place: Path, *, recursive: bool) -> None:
        changes = awatch(
            place,
            recursive=recursive,
            step=_STEP_MS,
            debounce=_DEBOUNCE_MS,
            watch_filter=None,
            ignore_permission_denied=True,
        )
        async for batch in changes:
            for _, name in batch:
                self._notice(Path(name))

    def _notice(self, path: Path) -> None:
        """A file or directory changed. One that cannot be placed counts as everything."""
        root = self._view.layout.root
        parts = path.relative_to(root).parts if path.is_relative_to(root) else ()
        if len(parts) >= 2 and parts[0] == "runs" and self._view.is_run(parts[1]):
            self._notice_run(RunId(parts[1]), path.name)
        elif parts[:1] == ("workspaces",) or parts == ("store.lock",) or path.name.endswith("-shm"):
            return
        else:
            self._rows_dirty = True
            self._queue_pulse.poke()

    def _notice_run(self, run: RunId, name: str) -> None:
        if name == "run.json" or self._view.read_only is not None:
            self._to_check.add(run)
            self._rows_dirty = True
            self._queue_pulse.poke()
        if self._focus is None or self._focus[0] != run:
            return
        if name.startswith("transcript-"):
            self._transcript_pulse.poke()
        elif name.endswith((".log", ".patch")):
            self._raw_pulse.poke()
        if not name.endswith((".log", ".times")) and not name.startswith("transcript-"):
            self._run_dirty = True
            self._run_pulse.poke()

    async def _reconcile(self) -> None:
        self._seen = await in_thread(self._fingerprint)
        while True:
            await asyncio.sleep(RECONCILE_S if self._watching else POLL_S)
            now = await in_thread(self._fingerprint)
            before, self._seen = self._seen, now
            for path in now.keys() | before.keys():
                if now.get(path) != before.get(path):
                    self._notice(path)

    def _fingerprint(self) -> dict[Path, tuple[int, int, int]]:
        """The state of the files that matter: the index, the wishes, the list of runs, and the run that is open."""
        layout = self._view.layout
        paths = [layout.index, Path(f"{layout.index}-wal"), layout.control, layout.runs, layout.engines]
        paths += [layout.work_orders] if self._view.read_only is not None else []
        if self._focus is not None:
            paths += _record_files(layout.run(self._focus[0]).directory)
        found: dict[Path, tuple[int, int, int]] = {}
        for path in paths:
            try:
                status = path.lstat()
            except OSError:
                continue
            found[path] = (status.st_ino, status.st_mtime_ns, status.st_size)
        return found

    def _tell(self, health: Health) -> None:
        if self._view.read_only is not None:
            health = Health(READ_ONLY, health.reason)
        self.health = health
        self._listener.health_changed(health)


def _record_files(directory: Path) -> list[Path]:
    try:
        return [*directory.iterdir(), *directory.glob("processes/*/std*.log")]
    except OSError:
        return []
