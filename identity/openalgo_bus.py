"""Hears on OpenAlgo's own bus that a user's session or key changed."""

from __future__ import annotations

import logging
from collections.abc import Callable

import zmq

from bus import sockets
from bus.classic import INVALIDATE, invalidated_user
from bus.drain import Drain

logger = logging.getLogger(__name__)


class OpenAlgoBus:
    """Binds and listens; `on_change` is called once per batch. Made inside a running event loop.

    An endpoint that somebody else has bound (another of our workers, OpenAlgo's own proxy) is
    no failure: the database is polled in any case.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        on_change: Callable[[], None],
    ) -> None:
        self._on_change = on_change
        self.heard_total = 0
        self.malformed_total = 0
        self._socket = sockets.listener(context)
        self._drain: Drain[list[bytes]] | None = None
        try:
            self._socket.bind(endpoint)
        except zmq.ZMQError as error:
            logger.warning("not listening on OpenAlgo's bus, %s: %s", endpoint, error)
            return
        self._socket.subscribe(INVALIDATE)
        self._drain = Drain(self._socket, self._socket.recv_multipart, self._on_messages)

    @property
    def endpoint(self) -> str:
        """Where it listens; empty when it does not."""
        return "" if self._drain is None else sockets.bound_endpoint(self._socket)

    def close(self) -> None:
        if self._drain is not None:
            self._drain.close()
        self._socket.close()

    def _on_messages(self, messages: list[list[bytes]]) -> None:
        users = {invalidated_user(parts) for parts in messages}
        self.heard_total += len(messages)
        if None in users:
            self.malformed_total += 1
            users.discard(None)
        if users:
            self._on_change()
