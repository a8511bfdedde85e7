"""A client's socket as the fan-out sees it: takes whole frames, at once, up to a bound."""

from __future__ import annotations

from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.protocol import State

from proxy.totals import Totals


class Outlet:
    """Writes prebuilt frames past the library, which keeps pings, pongs and closing.

    Both write whole frames to the same transport from the same event loop, so frames never
    mix; the library's own `send`, which may fragment, is not used.

    A client that does not read makes its transport's buffer grow. Beyond `soft_bytes` each
    write calls `on_behind`, which sees to it that fewer come; beyond `hard_bytes` nothing more
    is written and `on_slow` is called, once. Nobody else notices either.
    """

    def __init__(
        self,
        connection: ServerConnection,
        totals: Totals,
        *,
        soft_bytes: int,
        hard_bytes: int,
        on_behind: Callable[[], None],
        on_slow: Callable[[], None],
    ) -> None:
        #: Bytes and messages given to the transport so far; messages thrown away.
        self.written = 0
        self.delivered = 0
        self.dropped = 0
        self._connection = connection
        self._transport = connection.transport
        self._totals = totals
        self._soft_bytes = soft_bytes
        self._hard_bytes = hard_bytes
        self._on_behind = on_behind
        self._on_slow = on_slow
        self._shut = False

    @property
    def waiting(self) -> int:
        """Bytes that the client has yet to take from us; the kernel's buffers come on top.

        None of a connection that is ending: a TLS transport that was closed twice cannot tell.
        """
        transport = self._transport
        return 0 if transport.is_closing() else transport.get_write_buffer_size()

    def write(self, data: bytes, messages: int) -> None:
        """Never blocks, never raises; a client that is leaving gets nothing more."""
        transport, totals = self._transport, self._totals
        if self._shut or transport.is_closing() or self._connection.state is not State.OPEN:
            self.dropped += messages
            totals.dropped += messages
            return
        waiting = transport.get_write_buffer_size()
        if waiting > self._soft_bytes:
            if waiting > self._hard_bytes:
                self._shut = True
                self.dropped += messages
                totals.dropped += messages
                self._on_slow()
                return
            self._on_behind()
        transport.write(data)
        self.written += len(data)
        self.delivered += messages
        totals.delivered += messages
        totals.bytes_sent += len(data)

    def resume(self, delivered: int, dropped: int) -> None:
        """Go on counting where another process left off; what waits here was written there."""
        self.written, self.delivered, self.dropped = self.waiting, delivered, dropped

    def shut(self) -> None:
        """Write nothing any more."""
        self._shut = True
