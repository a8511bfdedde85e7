"""Waiting for an event, but not for ever."""

from __future__ import annotations

import asyncio


async def set_within(event: asyncio.Event, timeout_s: float | None) -> bool:
    """Until the event or the time, whichever is first; whether it is set.

    Not `asyncio.wait_for`: that of Python 3.11 forgets a cancellation which comes together with
    the event, and a task that waits in a loop then never ends.
    """
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
