"""From the outbox to the stream, over one connection after the other.

The stream acknowledges each message. What it refuses, or does not acknowledge in time, ends
the connection; the next one begins with what the stream has (`outbox`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import msgspec
import nats.errors
from msgspec import Struct
from nats.aio.msg import Msg

from bridge import stamps, stream
from bridge.errors import LinkError
from bridge.link import Link, Login, connected, failure
from bridge.outbox import Message, Outbox, Sending
from bus.backoff import Backoff
from bus.clock import Clock
from bus.settings import NatsSettings

#: The stream answers within milliseconds, a new leader within seconds.
ACK_S: Final = 5.0
#: Messages after which acknowledgements get their turn.
_BURST: Final = 64
_TOO_LARGE: Final = 10054


class _Error(Struct):
    err_code: int = 0
    description: str = ""


class _Ack(Struct):
    duplicate: bool = False
    error: _Error | None = None


_decode_ack = msgspec.json.Decoder(_Ack).decode


class Sender:
    """Keeps a connection and sends what is put.

    `greet(link)` is awaited on each new connection before anything is sent; `changed()` is
    called when the connection comes or goes, and `on_error(text)` with complaints.
    """

    def __init__(
        self,
        settings: NatsSettings,
        name: str,
        *,
        clock: Clock,
        greet: Callable[[Link], Awaitable[None]],
        changed: Callable[[], None],
        on_error: Callable[[str], None],
    ) -> None:
        self.outbox = Outbox(settings.queue_mb << 20, settings.window)
        self.is_up = False
        self.detail = "connecting to NATS"
        self.connections_total = 0
        self._settings = settings
        self._name = name
        self._clock = clock
        self._greet = greet
        self._changed = changed
        self._on_error = on_error
        self._link: Link | None = None
        self._backoff = Backoff(base_s=0.2, cap_s=5.0, stable_s=10.0)
        self._progress_at = 0.0

    def put(self, message: Message) -> None:
        self.outbox.put(message)

    def stir(self) -> None:
        """Something was put."""
        if self._link is not None:
            self._link.stir.set()

    async def run(self) -> None:
        """Connect and send, for ever."""
        login = Login(**{key: getattr(self._settings, key) for key in Login.__struct_fields__})
        while True:
            try:
                async with connected(self._settings, login, self._name, self._on_error) as link:
                    await self._live(link)
                    self._tell(link.why)
            except LinkError as error:
                self._tell(str(error))
            except (OSError, TimeoutError, nats.errors.Error) as error:
                self._tell(str(failure(error)))
            finally:
                self._link = None
            await asyncio.sleep(self._backoff.failed(self._clock.monotonic()))

    async def drained(self, timeout_s: float) -> bool:
        """Whether all that was put is in the stream, waited for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while len(self.outbox):  # noqa: ASYNC110 - an end in a hurry
                    await asyncio.sleep(0.02)
        return not len(self.outbox)

    def _tell(self, detail: str) -> None:
        if self.is_up or detail != self.detail:
            self.is_up, self.detail = False, detail
            self._changed()

    async def _live(self, link: Link) -> None:
        await stream.ensure(link, self._settings)
        inbox = link.client.new_inbox()
        await link.client.subscribe(f"{inbox}.*", cb=partial(self._acked, link))
        self.outbox.resume(*await stream.last(link, self._settings.stream))
        await self._greet(link)
        self._link = link
        self._backoff.succeeded(self._clock.monotonic())
        self.connections_total += 1
        self.is_up, self.detail = True, ""
        self._changed()
        while not link.is_over:
            link.stir.clear()
            await self._send(link, inbox)
            self._watch(link)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ACK_S / 4):
                    await link.stir.wait()

    async def _send(self, link: Link, inbox: str) -> None:
        """All that the window has room for."""
        count = 0
        while not link.is_over and (sending := self.outbox.take()) is not None:
            if self.outbox.in_flight == 1:
                self._progress_at = self._clock.monotonic()
            await self._publish(link, inbox, sending)
            count += 1
            if count % _BURST == 0:
                await asyncio.sleep(0)

    async def _publish(self, link: Link, inbox: str, sending: Sending) -> None:
        message = sending.message
        headers = {stamps.MSG_ID: message.ident, stamps.EXPECTED_LAST: str(sending.after)}
        if message.flags:
            headers[stamps.FLAGS] = str(message.flags)
        reply = f"{inbox}.{sending.after}"
        try:
            await link.client.publish(message.subject, message.payload, reply, headers)
        except nats.errors.MaxPayloadError:
            self.outbox.refused(sending.after)

    def _watch(self, link: Link) -> None:
        if self.outbox.in_flight and self._clock.monotonic() - self._progress_at > ACK_S:
            link.end(f"the stream has acknowledged nothing for {ACK_S:g} s")

    async def _acked(self, link: Link, message: Msg) -> None:
        """The stream's answer to one message."""
        after = int(message.subject.rpartition(".")[2])
        if not message.data:  # a status of the server: nobody listens on that subject now
            link.end("the stream has no leader")
            return
        ack = _decode_ack(message.data)
        if ack.error is None:
            self._progress_at = self._clock.monotonic()
            self.outbox.acknowledged(after)
            if ack.duplicate:
                link.end("the stream had a message already")
            link.stir.set()
            return
        if ack.error.err_code == _TOO_LARGE:
            self.outbox.refused(after)
        link.end(f"the stream refused a message: {ack.error.description}")
