"""The bytes of a connection that are on their way through us: received and not handled yet, given
to the transport and not sent yet.

The WebSocket library parses with a generator, which takes a frame's header off its buffer before
the payload is there. `Recorder`, in the place of its stream reader, remembers what was taken
since the last whole frame, so that another process can begin with the very same byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Final

from websockets.protocol import Protocol
from websockets.streams import StreamReader

#: Where asyncio's transports keep what the kernel did not take yet: bytes, or a queue of them.
_BUFFER: Final = "_buffer"


class Recorder(StreamReader):
    """The library's reader; `unread` is all that came after the last whole frame."""

    def __init__(self) -> None:
        super().__init__()
        self._taken = bytearray()

    @property
    def unread(self) -> bytes:
        return bytes(self._taken + self.buffer)

    def at_eof(self) -> Generator[None, None, bool]:
        """Asked by the library at the beginning of each frame."""
        self._taken.clear()
        return super().at_eof()

    def read_exact(self, n: int) -> Generator[None, None, bytearray]:
        data = yield from super().read_exact(n)
        self._taken += data
        return data


def record(protocol: Protocol) -> Recorder:
    """Make a protocol that has received nothing yet read through a recorder."""
    recorder = protocol.reader = Recorder()
    protocol.parser = protocol.parse()
    next(protocol.parser)
    return recorder


def unsent(transport: asyncio.WriteTransport) -> bytes | None:
    """What the kernel has not taken yet; None where it cannot be known."""
    size = transport.get_write_buffer_size()
    if not size:
        return b""
    buffer = getattr(transport, _BUFFER, None)
    if isinstance(buffer, bytes | bytearray | memoryview):
        data = bytes(buffer)
    elif buffer is None:
        return None
    else:
        data = b"".join(buffer)
    return data if len(data) == size else None
