"""The new proxy's end of the talk with the old one, which comes to a socket and says what is next.

Whoever else connects there is not heard: without the run's secret nothing can be said.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path

from bus.link import Link, close_all
from bus.secret import Secret
from proxy.moving.messages import FromNew, FromOld, descriptors_of

logger = logging.getLogger(__name__)


class Reception:
    """Made inside a running event loop; listens at `path` until the old proxy has come."""

    def __init__(self, path: str, secret: Secret) -> None:
        self._path = path
        self._secret = secret
        self._loop = asyncio.get_running_loop()
        self._said: asyncio.Queue[tuple[FromOld, list[int]] | None] = asyncio.Queue()
        self._link: Link[FromOld] | None = None
        self._socket: socket.socket | None = listen(path)
        self._loop.add_reader(self._socket, self._connected)

    async def hear(self) -> tuple[FromOld, list[int]] | None:
        """What it says next, with descriptors that are the caller's to close; None: it is gone."""
        return await self._said.get()

    def say(self, message: FromNew) -> None:
        """Answer."""
        if self._link is not None:
            self._link.say(message)

    def close(self) -> None:
        """Listen no more, and forget what was said and not heard."""
        self._stop_listening()
        while not self._said.empty():
            said = self._said.get_nowait()
            if said is not None:
                close_all(said[1])
        if self._link is not None:
            self._link.close()

    def _connected(self) -> None:
        if self._socket is None:
            return
        with contextlib.suppress(BlockingIOError):
            sock, _ = self._socket.accept()
            _Caller(sock, self._secret, self._heard, self._lost)

    def _heard(self, link: Link[FromOld], message: FromOld, descriptors: list[int]) -> None:
        """Sealed with the run's secret, or it would not have come here."""
        if self._link is None:
            self._link = link
            self._stop_listening()
        self._said.put_nowait((message, descriptors))

    def _lost(self, link: Link[FromOld], why: str) -> None:
        if link is self._link:
            logger.info("the old proxy says no more: %s", why)
            self._said.put_nowait(None)
        else:
            logger.warning("a stranger at %s: %s", self._path, why)

    def _stop_listening(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            Path(self._path).unlink(missing_ok=True)


class _Caller:
    """Somebody who connected, not known to be the old proxy before a sealed message comes."""

    def __init__(
        self,
        sock: socket.socket,
        secret: Secret,
        on_message: Callable[[Link[FromOld], FromOld, list[int]], None],
        on_lost: Callable[[Link[FromOld], str], None],
    ) -> None:
        self._link: Link[FromOld] = Link(
            sock,
            secret,
            FromOld,
            descriptors_of=descriptors_of,
            on_message=lambda message, descriptors: on_message(self._link, message, descriptors),
            on_lost=lambda why: on_lost(self._link, why),
        )


def listen(path: str) -> socket.socket:
    """A socket at a path, for its owner only."""
    Path(path).unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        sock.bind(path)
    finally:
        os.umask(mask)
    sock.setblocking(False)
    sock.listen(1)
    return sock
