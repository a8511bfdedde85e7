"""Blocking work off the event loop, which never holds up the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_daemon_thread(work: Callable[[], T]) -> T:
    """What `work` returns or raises. The loop's own executor would be waited for at exit."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: Callable[[], None]) -> None:
        if not future.done():
            result()

    def run() -> None:
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
            report = _setter(future.set_exception, error)
        else:
            report = _setter(future.set_result, value)
        with contextlib.suppress(RuntimeError):  # the loop is gone, and whoever awaited it
            loop.call_soon_threadsafe(settle, report)

    threading.Thread(target=run, daemon=True, name=f"adapters-{work!r}"[:40]).start()
    return await future


def _setter(method: Callable[[T], None], value: T) -> Callable[[], None]:
    return lambda: method(value)
