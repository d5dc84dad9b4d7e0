"""Where a row or a fact leads: to a pane of an order, or to the whole of a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentgate_engine.views.safe_text import SafeText
from agentgate_tui.background import in_thread
from agentgate_tui.screens.order_panes import event_source, output_source
from agentgate_tui.snapshots import RunViews, inside
from agentgate_tui.widgets.log_source import LogLine, LogSource, TextLogSource

if TYPE_CHECKING:
    from agentgate_tui.screens.order import OrderScreen
    from agentgate_tui.screens.why import WhyScreen


def from_table(screen: OrderScreen, key: str, views: RunViews, iteration: int) -> None:
    """Enter on a row of an order's pane: a check or case to its output, the matrix to verify, a call to all of it."""
    kind, _, rest = key.partition(":")
    if kind in ("check", "case", "level"):
        row = next((row for row in views.verification.rows if row.key == key), None)
        if kind == "level" or row is None:
            screen.console.say("enter on a check shows its output")
        else:
            show_check(screen, views, rest if kind == "check" else rest.rpartition(":")[0], row.log, row.line)
    elif any(check.id == key for check in views.order.checks):
        screen.action_pane("verify")
        screen._tables.widget("verify").move_to(f"check:{key}")  # pyright: ignore[reportPrivateUsage]
    else:
        show_call(screen, iteration, key)


def from_fact(screen: WhyScreen, goes_to: str, views: RunViews) -> None:
    """Enter on a fact of a Why."""
    from agentgate_tui.screens.order import OrderScreen

    kind, _, rest = goes_to.partition(":")
    number, _, call = rest.partition(":")
    iteration = int(number) if number.isdigit() else screen.shown_iteration
    if kind == "tool":
        show_call(screen, iteration, call)
    elif kind == "check":
        row = next((row for row in views.verification.rows if row.key == f"check:{rest}"), None)
        show_check(screen, views, rest, row.log if row else None, row.line if row else None)
    elif kind == "events":
        show_text(screen, "events", event_source(views.directory / "events.jsonl"), None, at_end=True)
    elif kind == "prompt":
        show_text(screen, "task", TextLogSource(views.prompt), None)
    elif kind in ("log", "tools", "diff", "feedback"):
        screen.console.push_screen(OrderScreen(screen.run_here(), iteration, kind))


def show_check(screen: OrderScreen | WhyScreen, views: RunViews, check: str, log: str | None, line: int | None) -> None:
    """The whole output of a check, at the line that failed; while it runs, what it has written so far."""
    path = inside(views.directory, log) if log else views.check_logs.get(check)
    if path is None:
        row = next((row for row in views.verification.rows if row.key == f"check:{check}"), None)
        said = row.message if row is not None and row.message else SafeText("This check has no output.")
        source: LogSource = TextLogSource([LogLine(said)])
    else:
        source = output_source(path)
    name = log or (str(path.relative_to(views.directory)) if path is not None else "")
    show_text(screen, f"{check}  {name}", source, line - 1 if line else None)


def show_call(screen: OrderScreen | WhyScreen, iteration: int, call: str) -> None:
    """One tool call, whole; read in a thread, since its record may be large."""
    reader, run = screen.console.sync.reader, screen.run_here()

    async def read() -> None:
        found = await in_thread(lambda: reader.call(run, iteration, call))
        if found is None:
            screen.console.say("no record knows that call")
        else:
            lines = [LogLine(text, kind) for kind, text in found.lines]
            show_text(screen, f"call {found.title}", TextLogSource(lines), None)

    screen.run_worker(read(), group="call", exclusive=True)


def show_text(
    screen: OrderScreen | WhyScreen, title: str, source: LogSource, line: int | None, *, at_end: bool = False
) -> None:
    """A text on a screen of its own; `line` counts from 0."""
    from agentgate_engine.views.safe_text import sanitize
    from agentgate_tui.screens.reader import ReaderScreen

    screen.console.push_screen(ReaderScreen(sanitize(title), source, line, at_end=at_end))
