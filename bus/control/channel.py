"""The control plane's sockets: sealed, typed messages between supervisor and processes.

Each message travels with an HMAC made with the run's secret; what has no valid seal, or is no
message that we know, is counted, logged once per kind, and never more than that.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, TypeVar

import msgspec
import zmq

from bus import sockets
from bus.control.messages import FromProcess, Reply, Request, ToProcess
from bus.drain import Drain
from bus.errors import ControlError, UnreachableError
from bus.secret import Secret, decode_secret, encode_secret

logger = logging.getLogger(__name__)

M = TypeVar("M")
_SEAL_BYTES: Final = 32


class Sealer(Generic[M]):
    """Turns messages into sealed bytes and back; `kind` is the union of what may come in."""

    def __init__(self, secret: Secret, kind: Any) -> None:
        self._key = secret.reveal().encode()
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(
            kind, dec_hook=decode_secret
        )

    def seal(self, message: object) -> bytes:
        body = msgspec.msgpack.encode(message, enc_hook=encode_secret)
        return self._mac(body) + body

    def open(self, data: bytes) -> M:
        """Raises ControlError: a wrong seal, or no message that we know."""
        mac, body = data[:_SEAL_BYTES], data[_SEAL_BYTES:]
        if not hmac.compare_digest(mac, self._mac(body)):
            raise ControlError("wrong seal")
        try:
            return self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ControlError(f"unknown message: {error}") from None

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)


class _Inbox(Generic[M]):
    """Opens what a socket brought; counts what does not open and logs the first of each kind."""

    def __init__(self, sealer: Sealer[M], parts: int) -> None:
        self.malformed_total = 0
        self._sealer = sealer
        self._parts = parts
        self._seen: set[str] = set()

    def opened(self, batch: list[list[bytes]]) -> Iterator[tuple[list[bytes], M]]:
        """The envelope and the message of each that is one; the message is the last part."""
        for parts in batch:
            try:
                if len(parts) != self._parts:
                    raise ControlError(f"{len(parts)} parts")
                message = self._sealer.open(parts[-1])
            except ControlError as error:
                self._note(error)
                continue
            yield parts[:-1], message

    def _note(self, error: ControlError) -> None:
        self.malformed_total += 1
        text = str(error)
        if text not in self._seen and len(self._seen) < 100:
            self._seen.add(text)
            logger.warning("control message ignored: %s", text)


class ControlServer:
    """The supervisor's ROUTER. `on_message(identity, message)` gets what processes say."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        *,
        secret: Secret,
        on_message: Callable[[bytes, FromProcess], None],
        endpoint: str = sockets.LOOPBACK_ANY_PORT,
    ) -> None:
        self._sealer: Sealer[FromProcess] = Sealer(secret, FromProcess)
        self._on_message = on_message
        self._inbox = _Inbox(self._sealer, parts=2)
        self._socket = sockets.router(context)
        self._socket.bind(endpoint)
        self.endpoint = sockets.bound_endpoint(self._socket)
        self._drain = Drain(self._socket, self._socket.recv_multipart, self._received)

    @property
    def malformed_total(self) -> int:
        return self._inbox.malformed_total

    def send(self, identity: bytes, message: ToProcess) -> bool:
        """Whether the process was there to be sent to."""
        try:
            self._socket.send_multipart([identity, self._sealer.seal(message)], zmq.NOBLOCK)
        except zmq.ZMQError:  # unknown, gone or not reading: its heartbeats will tell
            return False
        finally:
            self._drain.kick()
        return True

    def close(self) -> None:
        self._drain.close()
        self._socket.close()

    def _received(self, batch: list[list[bytes]]) -> None:
        for (identity,), message in self._inbox.opened(batch):
            self._on_message(identity, message)


class ControlClient:
    """A process's DEALER. Sends never block; while no supervisor is there they are dropped."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        *,
        endpoint: str,
        identity: str,
        secret: Secret,
        on_message: Callable[[ToProcess], None],
    ) -> None:
        self._sealer: Sealer[ToProcess] = Sealer(secret, ToProcess)
        self._on_message = on_message
        self._inbox = _Inbox(self._sealer, parts=1)
        self._socket = sockets.dealer(context, identity.encode())
        self._socket.connect(endpoint)
        self._drain = Drain(self._socket, self._socket.recv_multipart, self._received)

    def send(self, message: FromProcess) -> None:
        try:
            self._socket.send(self._sealer.seal(message), zmq.NOBLOCK)
        except zmq.Again:
            logger.debug("the supervisor does not read; a message was dropped")
        self._drain.kick()

    def close(self) -> None:
        self._drain.close()
        self._socket.close()

    def _received(self, batch: list[list[bytes]]) -> None:
        for _, message in self._inbox.opened(batch):
            self._on_message(message)


class CommandServer:
    """Where the command line asks. `on_request(request, reply)`: call `reply` once, any time."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        *,
        secret: Secret,
        on_request: Callable[[Request, Callable[[Reply], None]], None],
    ) -> None:
        self._sealer: Sealer[Request] = Sealer(secret, Request)
        self._on_request = on_request
        self._inbox = _Inbox(self._sealer, parts=3)
        # A ROUTER answers REQ sockets in any order, so that a long restart holds up nobody.
        self._socket = sockets.router(context)
        self._socket.bind(sockets.LOOPBACK_ANY_PORT)
        self.endpoint = sockets.bound_endpoint(self._socket)
        self._drain = Drain(self._socket, self._socket.recv_multipart, self._received)

    @property
    def malformed_total(self) -> int:
        return self._inbox.malformed_total

    def close(self) -> None:
        self._drain.close()
        self._socket.close()

    def _received(self, batch: list[list[bytes]]) -> None:
        for envelope, request in self._inbox.opened(batch):
            self._on_request(request, self._replier(envelope))

    def _replier(self, envelope: list[bytes]) -> Callable[[Reply], None]:
        def reply(message: Reply) -> None:
            try:
                self._socket.send_multipart([*envelope, self._sealer.seal(message)], zmq.NOBLOCK)
            except zmq.ZMQError:
                logger.debug("the asker left before its answer")
            self._drain.kick()

        return reply


def ask(endpoint: str, secret: Secret, request: Request, timeout_s: float = 5.0) -> Reply:
    """Put one question to the supervisor and wait for the answer; blocks.

    Raises:
        UnreachableError: no answer in time.
        ControlError: an answer that is not from our supervisor.
    """
    sealer: Sealer[Reply] = Sealer(secret, Reply)
    with zmq.Context() as context:
        socket = sockets.request(context, int(timeout_s * 1000))
        with socket:
            socket.connect(endpoint)
            try:
                socket.send(sealer.seal(request))
                return sealer.open(socket.recv())
            except zmq.Again:
                raise UnreachableError(f"no answer within {timeout_s:g} s") from None
