"""Work in a thread that nobody waits for at the end.

`asyncio.to_thread` would hold up quitting until its thread is done; a cancel may take six seconds and an engine twenty
to come up, and the console is to be gone within one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar, cast

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """The result of `work`, done in a thread of its own, which is left to end alone when the caller is cancelled."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, fault: BaseException | None) -> None:
        if done.done():
            return
        if fault is not None:
            done.set_exception(fault)
        else:
            done.set_result(cast(T, result))

    def body() -> None:
        result: T | None = None
        fault: BaseException | None = None
        try:
            result = work()
        except BaseException as error:
            fault = error
        try:
            loop.call_soon_threadsafe(settle, result, fault)
        except RuntimeError:  # the loop is closed: whoever asked has gone
            pass

    threading.Thread(target=body, daemon=True, name="agentgate-work").start()
    return await done
