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

    A client that does not read makes its transport's buffer grow. Beyond `max_backlog_bytes`
    nothing more is written and `on_slow` is called, once; nobody else notices. (Conflation,
    when it comes, begins at a lower mark: its place is the lane that the member is on.)
    """

    def __init__(
        self,
        connection: ServerConnection,
        totals: Totals,
        max_backlog_bytes: int,
        on_slow: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._transport = connection.transport
        self._totals = totals
        self._max_backlog_bytes = max_backlog_bytes
        self._on_slow = on_slow
        self._shut = False

    def write(self, data: bytes, messages: int) -> None:
        """Never blocks, never raises; a client that is leaving gets nothing more."""
        transport = self._transport
        if self._shut or transport.is_closing() or self._connection.state is not State.OPEN:
            return
        if transport.get_write_buffer_size() > self._max_backlog_bytes:
            self._shut = True
            self._on_slow()
            return
        transport.write(data)
        self._totals.delivered += messages
        self._totals.bytes_sent += len(data)

    def shut(self) -> None:
        """Write nothing any more."""
        self._shut = True
