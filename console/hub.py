"""Every browser that looks on, and what all of them are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from console.feed import Feed
from console.figures import Figures
from console.logtail import Line
from console.sessions import Session

#: Streams at a time, in all.
MAX_STREAMS: Final = 256
#: Something is sent this often, so that a connection that is gone is found out.
_KEEP_ALIVE_S: Final = 15.0


class _Watcher:
    def __init__(self, session: Session) -> None:
        identity = session.identity
        self.session = session
        self.feed = Feed(admin=identity is not None and identity.scopes.admin)
        self.wake = asyncio.Event()


class Hub:
    """One per process."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._watchers: set[_Watcher] = set()

    def __len__(self) -> int:
        return len(self._watchers)

    @property
    def is_full(self) -> bool:
        return len(self._watchers) >= MAX_STREAMS

    @property
    def wants_lines(self) -> bool:
        """Whether anybody may see logs; nobody reads them for nobody."""
        return any(watcher.feed.admin for watcher in self._watchers)

    async def stream(
        self, session: Session, recent: Callable[[], Awaitable[list[Line]]]
    ) -> AsyncIterator[bytes]:
        """What one browser gets, as server-sent events, until it is over.

        `recent` reads the log lines so far. Nothing is awaited between that and joining, so no
        line is missed or told twice.
        """
        watcher = _Watcher(session)
        feed = watcher.feed
        feed.put_lines(await recent() if feed.admin else [])
        feed.put_history(self._figures.history())
        feed.put_status(self._figures.now)
        self._watchers.add(watcher)
        try:
            while True:
                watcher.wake.clear()
                is_over = feed.is_over
                if feed.is_waiting:
                    yield feed.take()
                if is_over:
                    return
                if feed.is_waiting:  # came while that was sent
                    continue
                try:
                    async with asyncio.timeout(_KEEP_ALIVE_S):
                        await watcher.wake.wait()
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self._watchers.discard(watcher)

    def tell_status(self, now: float) -> None:
        """There are new figures. Whoever may not look any more is told so."""
        for watcher in list(self._watchers):
            identity = watcher.session.identity
            if identity is None:
                watcher.feed.end("session")
            else:
                watcher.session.seen_at = now  # an open page is in use
                watcher.feed.admin = identity.scopes.admin
                watcher.feed.put_status(self._figures.now)
            watcher.wake.set()

    def tell_lines(self, lines: list[Line]) -> None:
        for watcher in self._watchers if lines else ():
            watcher.feed.put_lines(lines)
            watcher.wake.set()

    def tell_restart(self, name: str, progress: Any) -> None:
        for watcher in self._watchers:
            watcher.feed.put_restart(name, progress)
            watcher.wake.set()

    def close(self) -> None:
        """The process ends: browsers come back by themselves."""
        for watcher in self._watchers:
            watcher.feed.end("stopping")
            watcher.wake.set()
