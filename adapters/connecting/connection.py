"""A broker connection of the library `websockets` that hands out its messages in batches.

Only the receiving differs (`adapters.connecting.intake`): one wake-up for everything that came
with one read of the socket, where `recv` costs several microseconds per message.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from adapters.codec import WireFrame
from adapters.connecting.intake import OWED, Intake, Message

_END_OF_HEADERS: Final = b"\r\n\r\n"


class BatchConnection(ClientConnection):
    """`take` in place of `recv`; everything else is as it was.

    Args:
        max_bytes: of a message; one that is longer ends the connection.
    """

    def __init__(self, protocol: ClientProtocol, *, max_bytes: int, **settings: Any) -> None:
        super().__init__(protocol, **settings)
        self._intake = Intake(super().data_received, max_bytes)
        #: The end of what came of the handshake's answer; None: the answer is over.
        self._answer: bytes | None = b""
        self._waiting: list[Message] = []
        self._wake = asyncio.Event()
        self._is_lost = False

    async def take(self) -> list[WireFrame]:
        """Everything that came since the last call; waits until there is something.

        Raises:
            ConnectionClosed: the connection ended, and all that came before was taken.
        """
        while not self._waiting:
            if self._is_lost:
                return [await self.recv()]  # raises what tells how it ended
            self._wake.clear()
            await self._wake.wait()
        messages, self._waiting = self._waiting, []
        self.transport.resume_reading()
        taken: list[WireFrame] = []
        for message in messages:
            if message is not OWED:
                taken.append(message)
                continue
            try:
                taken.append(await self.recv())
            except ConnectionClosed:  # a text that is none: what came before it counts
                break
        return taken

    # --- asyncio.Protocol -----------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._answer is not None:
            data = self._answered(self._answer, data)
        if self._waiting:  # nobody took the last ones yet: TCP holds the server back
            self.transport.pause_reading()
        if data:
            self._intake.feed(data, self._waiting)
        if self._waiting:
            self._wake.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._is_lost = True
        self._wake.set()

    def _answered(self, before: bytes, data: bytes) -> bytes:
        """Give the library the handshake's answer; the bytes behind it."""
        seen = before + data
        end = seen.find(_END_OF_HEADERS)
        behind = len(data) if end < 0 else end + len(_END_OF_HEADERS) - len(before)
        super().data_received(data[:behind])
        if end < 0:
            self._answer = seen[1 - len(_END_OF_HEADERS) :]
        else:
            self._answer = None
            if self.protocol.state is not State.OPEN:  # refused, with a body
                self._intake.give_up()
        return data[behind:]
