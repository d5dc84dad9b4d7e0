"""Everybody who hears a run besides the persister, for as long as an engine has the run in hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

from agentgate_engine.event_bus import EventBus
from agentgate_engine.models.events import RunWarned
from agentgate_engine.store.layout import RunLayout
from agentgate_engine.subscribers.metrics import MetricsWriter
from agentgate_engine.subscribers.notification_rules import NotificationRule
from agentgate_engine.subscribers.notifications import CLOSE_LIMIT_S, WARNING, Notifications


@asynccontextmanager
async def attached(
    bus: EventBus,
    layout: RunLayout,
    *,
    title: str,
    rules: Sequence[NotificationRule],
    environment: Mapping[str, str],
    close_limit_s: float = CLOSE_LIMIT_S,
) -> AsyncGenerator[None]:
    """Subscribe metrics and notifications to a run's bus; at the end wait for the hooks that are due, at most
    `close_limit_s` seconds.

    The run's evidence can still be written then, so a hook that failed is a warning of the run. A cancel waits for
    nothing. A hook that was due when an engine died is not run again: a notification comes once or not at all.

    Raises:
        ParkRun: a warning could not be written.
    """

    async def warn(message: str) -> None:
        await bus.emit(RunWarned(warning=WARNING, message=message))

    notifications = Notifications(rules, title, environment, warn, close_limit_s=close_limit_s)
    leaves = [bus.subscribe(MetricsWriter(layout)), bus.subscribe(notifications)]
    try:
        yield
    except asyncio.CancelledError:
        await notifications.close(at_once=True)
        raise
    except BaseException:
        await notifications.close()
        raise
    else:
        await notifications.close()
    finally:
        for leave in leaves:
            leave()
