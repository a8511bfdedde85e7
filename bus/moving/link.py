"""The socket between two generations of a process: sealed messages, and descriptors beside them.

A Unix stream. Each message is its length in four bytes, an HMAC made with the run's secret, and
MessagePack. Descriptors travel with the first byte of their message; the kernel hands them over in
order, and a message says how many are its own. Nothing here blocks.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from bus.control.channel import Sealer
from bus.errors import ControlError
from bus.secret import Secret

#: What the other end says.
M = TypeVar("M")

#: The largest message: a batch whose clients have all that may wait for them.
_MAX_BYTES: Final = 256 << 20
_LENGTH: Final = struct.Struct("!I")
_READ_BYTES: Final = 1 << 18
#: As many as the kernel takes at once.
MAX_DESCRIPTORS: Final = 253


class Link(Generic[M]):
    """One end; `kind` is the union of what the other end says, `descriptors_of` tells how many
    descriptors travel beside one of its messages.

    `on_message` gets each message with its descriptors, which are then the receiver's to close.
    `on_lost` is called once, when the other end is gone or says what cannot be understood.
    """

    def __init__(
        self,
        sock: socket.socket,
        secret: Secret,
        kind: Any,
        *,
        descriptors_of: Callable[[M], int],
        on_message: Callable[[M, list[int]], None],
        on_lost: Callable[[str], None],
    ) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._sealer: Sealer[M] = Sealer(secret, kind)
        self._descriptors_of: Callable[[M], int] = descriptors_of
        self._on_message: Callable[[M, list[int]], None] = on_message
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._descriptors: list[int] = []
        self._sending: deque[tuple[memoryview, Sequence[int]]] = deque()
        self._closed = False
        self._loop.add_reader(sock, self._readable)

    @property
    def closed(self) -> bool:
        """Whether nothing that is said arrives any more."""
        return self._closed

    @property
    def idle(self) -> bool:
        """Whether all that was said is on its way: its descriptors may be closed."""
        return self._closed or not self._sending

    def say(self, message: Struct, descriptors: Sequence[int] = ()) -> None:
        """Send it, as soon as the other end has room; the descriptors stay the caller's."""
        if self._closed:
            return
        sealed = self._sealer.seal(message)
        data = memoryview(_LENGTH.pack(len(sealed)) + sealed)
        self._sending.append((data, descriptors))
        if len(self._sending) == 1:
            self._writable()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        close_all(self._descriptors)
        self._descriptors.clear()

    # --- the socket -----------------------------------------------------------------------

    def _writable(self) -> None:
        try:
            while self._sending:
                data, descriptors = self._sending[0]
                sent = self._send(data, descriptors)
                self._sending.popleft()
                if sent < len(data):
                    self._sending.appendleft((data[sent:], ()))
        except BlockingIOError:
            self._loop.add_writer(self._socket, self._writable)
        except OSError as error:
            # Told in the loop's next turn: who says something must not be called back meanwhile.
            self._sending.clear()
            self._loop.call_soon(self._lose, f"cannot be written to: {error.strerror}")
        else:
            self._loop.remove_writer(self._socket)

    def _send(self, data: memoryview, descriptors: Sequence[int]) -> int:
        if not descriptors:
            return self._socket.send(data)
        rights = array.array("i", descriptors)
        return self._socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])

    def _readable(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._socket, _READ_BYTES, MAX_DESCRIPTORS)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(f"cannot be read: {error.strerror}")
            return
        self._descriptors += descriptors
        if not data:
            self._lose("it ended")
            return
        self._received += data
        try:
            while not self._closed and (message := self._next()) is not None:
                count = self._descriptors_of(message)
                mine, self._descriptors = self._descriptors[:count], self._descriptors[count:]
                if len(mine) < count:
                    close_all(mine)
                    raise ControlError(f"{len(mine)} of {count} descriptors")
                self._on_message(message, mine)
        except (ControlError, ValueError) as error:
            self._lose(str(error))

    def _next(self) -> M | None:
        buffer = self._received
        if len(buffer) < _LENGTH.size:
            return None
        (size,) = _LENGTH.unpack_from(buffer)
        if size > _MAX_BYTES:
            raise ControlError(f"a message of {size} bytes")
        end = _LENGTH.size + size
        if len(buffer) < end:
            return None
        message = self._sealer.open(bytes(buffer[_LENGTH.size : end]))
        del buffer[:end]
        return message

    def _lose(self, why: str) -> None:
        if not self._closed:
            self.close()
            self._on_lost(why)


def close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
