"""One connection to a simulator, as its server keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from websockets.asyncio.server import ServerConnection

    from simulators.broker import Session


class Client:
    """One connection: its session, and packets that wait for the end of the turn."""

    def __init__(
        self,
        connection: ServerConnection,
        session: Session,
        frames: Callable[[Sequence[bytes]], Iterator[str | bytes]],
        now: float,
    ) -> None:
        self.connection = connection
        self.session = session
        self.frames = frames
        self.sent_at = now
        self.pending: list[bytes] = []

    @property
    def unread_bytes(self) -> int:
        return self.connection.transport.get_write_buffer_size()

    def drop(self) -> None:
        """End the connection without a closing handshake, as a broken network does."""
        self.connection.transport.abort()
