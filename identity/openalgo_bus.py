"""OpenAlgo's own bus, heard in our proxy's place and told to all of our processes.

A process of its own, since one address cannot be bound twice, and several processes want to know:
every worker of the proxy, both generations of one that is replaced, the market-data service.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import msgspec
import zmq

from bus import sockets
from bus.access import OpenAlgoSettings
from bus.announcing import Announcer
from bus.classic import INVALIDATE, ORDERS, invalidated_user, updated_order
from bus.control.bootstrap import Bootstrap
from bus.control.messages import PublisherEntry, Stats
from bus.control.process import run
from bus.control.service import Host
from bus.drain import Drain
from bus.events import RelayedOrder, UsersChanged

logger = logging.getLogger(__name__)

#: How often an address that somebody else has is tried again.
_RETRY_S: Final = 0.5


class OpenAlgoBus:
    """Implements `bus.control.service.Service`. Made inside a running event loop.

    An address that somebody else has bound (OpenAlgo's own proxy) is no failure: who needs to
    know of users looks at the database in any case. It is taken as soon as it is free.
    """

    def __init__(self, host: Host, settings: OpenAlgoSettings) -> None:
        self._host = host
        self._endpoint = settings.bus
        self._announcer = Announcer(host)
        self._socket = sockets.listener(host.context)
        self._drain: Drain[list[bytes]] | None = None
        self._trying: asyncio.Task[None] | None = None
        self._invalidations = 0
        self._orders = 0
        self._malformed = 0

    @property
    def ready(self) -> bool:
        return True

    @property
    def publishes(self) -> str:
        return self._announcer.endpoint

    @property
    def heard_at(self) -> str:
        """Where it listens; empty while it does not."""
        return "" if self._drain is None else sockets.bound_endpoint(self._socket)

    async def start(self) -> str:
        if not self._bind():
            self._trying = asyncio.create_task(self._try())
            self._trying.add_done_callback(self._tried)
        return self.heard_at

    async def stop(self) -> None:
        if self._trying is not None:
            self._trying.cancel()
        if self._drain is not None:
            self._drain.close()
        self._socket.close()
        self._announcer.close()

    def follow(self, publishers: list[PublisherEntry]) -> None:
        """It reads nothing of ours."""

    def stats(self) -> Stats:
        return {
            "listening": self._drain is not None,
            "invalidations_total": self._invalidations,
            "orders_relayed_total": self._orders,
            "malformed_total": self._malformed,
            "unheard_total": self._announcer.unheard_total,
        }

    # --- the socket -------------------------------------------------------------------------

    def _bind(self) -> bool:
        try:
            self._socket.bind(self._endpoint)
        except zmq.ZMQError as error:
            if self._trying is None:
                logger.warning("not listening on OpenAlgo's bus, %s: %s", self._endpoint, error)
            return False
        self._socket.subscribe(b"")  # a suffix cannot be subscribed to
        self._drain = Drain(self._socket, self._socket.recv_multipart, self._on_messages)
        logger.info("listening on OpenAlgo's bus, %s", self.heard_at)
        return True

    async def _try(self) -> None:
        while True:
            await asyncio.sleep(_RETRY_S)
            if self._bind():
                return self._host.changed()

    def _tried(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._host.fail(error)

    def _on_messages(self, messages: list[list[bytes]]) -> None:
        has_news = False
        for parts in messages:
            topic = parts[0]
            if topic.startswith(INVALIDATE):
                known = invalidated_user(parts) is not None
                has_news |= known
                self._invalidations += known
                self._malformed += not known
            elif topic.endswith(ORDERS):
                self._relay(parts)
        if has_news:  # once for a batch: they come in bursts
            self._announcer.tell(UsersChanged())

    def _relay(self, parts: list[bytes]) -> None:
        order = updated_order(parts)
        if order is None:
            self._malformed += 1
            return
        user, update = order
        self._orders += 1
        self._announcer.tell(RelayedOrder(user, msgspec.Raw(update)))


def _build(host: Host, boot: Bootstrap) -> OpenAlgoBus:
    return OpenAlgoBus(host, boot.settings_as(OpenAlgoSettings))


if __name__ == "__main__":
    run(_build)
