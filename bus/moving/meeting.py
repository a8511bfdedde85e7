"""Where a new generation awaits the old one: a Unix socket of the file system, for its owner only.

The first who says something under the run's seal is believed; others are strangers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from bus.moving.link import Link, close_all
from bus.secret import Secret

logger = logging.getLogger(__name__)

M = TypeVar("M")
#: Strangers that may be connected at a time.
_MOST: Final = 4


class Meeting(Generic[M]):
    """Made inside a running event loop. What the other side says is had with `next`."""

    def __init__(
        self, path: str, secret: Secret, kind: Any, descriptors_of: Callable[[M], int]
    ) -> None:
        """Raises OSError: there can be no socket at `path`."""
        self._path = path
        self._secret = secret
        self._kind = kind
        self._descriptors_of: Callable[[M], int] = descriptors_of
        self._loop = asyncio.get_running_loop()
        self._said: asyncio.Queue[tuple[M, list[int]] | None] = asyncio.Queue()
        self._link: Link[M] | None = None
        self._callers: list[Link[M]] = []
        self._socket: socket.socket | None = _listen(path)
        self._loop.add_reader(self._socket, self._connected)

    async def next(self) -> tuple[M, list[int]] | None:
        """The next message, with descriptors that are the caller's to close; None: that was all."""
        return await self._said.get()

    def say(self, message: Struct) -> None:
        """To whoever was believed."""
        if self._link is not None:
            self._link.say(message)

    def close(self) -> None:
        """Nothing more is said or heard; the path is gone."""
        self._listen_no_more()
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
            if len(self._callers) >= _MOST:
                sock.close()
                return
            link: Link[M] = Link(
                sock,
                self._secret,
                self._kind,
                descriptors_of=self._descriptors_of,
                on_message=lambda message, descriptors: self._heard(link, message, descriptors),
                on_lost=lambda why: self._lost(link, why),
            )
            self._callers.append(link)

    def _heard(self, link: Link[M], message: M, descriptors: list[int]) -> None:
        if self._link is None:
            self._link = link
            self._listen_no_more()
        self._said.put_nowait((message, descriptors))

    def _lost(self, link: Link[M], why: str) -> None:
        if link is self._link:
            logger.info("the other generation says no more: %s", why)
            self._said.put_nowait(None)
            return
        logger.warning("a stranger at %s: %s", self._path, why)
        if link in self._callers:
            self._callers.remove(link)

    def _listen_no_more(self) -> None:
        if self._socket is None:
            return
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        Path(self._path).unlink(missing_ok=True)
        for caller in self._callers:
            if caller is not self._link:
                caller.close()


def _listen(path: str) -> socket.socket:
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


async def call(
    path: str,
    secret: Secret,
    kind: Any,
    *,
    descriptors_of: Callable[[M], int],
    on_message: Callable[[M, list[int]], None],
    on_lost: Callable[[str], None],
) -> Link[M]:
    """The old generation's end. Raises OSError: nobody awaits it there."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, path)
    except OSError:
        sock.close()
        raise
    return Link(
        sock,
        secret,
        kind,
        descriptors_of=descriptors_of,
        on_message=on_message,
        on_lost=on_lost,
    )
