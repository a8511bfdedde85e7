"""The proxy as a supervised process: the bus on one side, the WebSocket server on the other."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

import msgspec

from bus.events import Accepted, BrokerState, Rejected, decode_event
from bus.exits import Exit
from bus.frames import Frame, Kind
from bus.messages import PublisherEntry, Stats
from bus.process import ExitError, Host
from bus.settings import ProxyBootstrap
from bus.subscriber import Feed, Subscriber
from identity.authority import IdentityError
from identity.keys import KeysError, KeyStore
from proxy import statsfile
from proxy.client import AUTH_FAILED
from proxy.demand import Demand
from proxy.desk import Desk
from proxy.feeds import Feeds
from proxy.lanes import Lanes
from proxy.routing import Routing
from proxy.server import Server
from proxy.totals import Totals

logger = logging.getLogger(__name__)

#: A step of the lanes' tidying is cheap and bounded; keys and rates are looked at less often.
_TIDY_S: Final = 0.25
_ROUNDS_PER_SECOND: Final = 4
_STATS_FILE_EVERY_S: Final = 10


class ProxyService:
    """Implements `bus.process.Service`. Made inside a running event loop.

    Raises:
        ExitError: the key store cannot be opened.
    """

    def __init__(self, host: Host, boot: ProxyBootstrap) -> None:
        self._host = host
        self._stats_path = Path(boot.stats_path) if boot.stats_path else None
        self._malformed_frames = 0
        self._subscriber = Subscriber(host.context, secret=host.secret, on_frames=self._on_frames)
        try:
            self._keys = KeyStore(boot.keys_path, host.clock)
        except KeysError as error:
            raise ExitError(Exit.CONFIGURATION, str(error)) from None
        self._desk = Desk(
            settings=boot.proxy,
            authority=self._keys,
            routing=Routing(boot.adapters),
            demand=Demand(self._subscriber),
            feeds=Feeds(),
            lanes=Lanes(),
            totals=Totals(),
            clock=host.clock,
        )
        self._server = Server(self._desk)
        self._chores: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        return self._server.serving

    async def start(self) -> str:
        address = await self._server.start()
        self._chores = asyncio.create_task(self._do_chores())
        self._chores.add_done_callback(self._chores_ended)
        logger.info("serving on %s", address)
        return address

    async def stop(self) -> None:
        if self._chores is not None:
            self._chores.cancel()
        await self._server.stop()
        self._subscriber.close()
        self._keys.close()

    def stats(self) -> Stats:
        totals = self._desk.totals
        clients = list(self._server.clients)
        return {
            "clients": len(clients),
            "subscriptions": sum(client.session.subscriptions for client in clients),
            "topics": len(self._desk.demand),
            "lanes": self._desk.lanes.count,
            "delivered_total": totals.delivered,
            "delivered_per_s": totals.delivered_per_s,
            "bytes_total": totals.bytes_sent,
            "lost_total": self._subscriber.lost_total,
            "last_gap_ms": self._subscriber.last_gap_ms,
            "auth_failures_total": totals.auth_failures,
            "slow_closed_total": totals.slow_closed,
            "malformed_total": totals.malformed + self._malformed_frames,
        }

    def follow(self, publishers: list[PublisherEntry]) -> None:
        for adapter in self._desk.feeds.follow(publishers):
            self._desk.demand.forget(adapter)
        self._subscriber.follow(publishers)

    # --- the bus --------------------------------------------------------------------------

    def _on_frames(self, feed: Feed, frames: list[Frame]) -> None:
        for frame in self._desk.lanes.deliver(frames):
            if frame.kind == Kind.EVENT:
                self._on_event(feed.entry.adapter, frame.payload)

    def _on_event(self, adapter: str, payload: bytes) -> None:
        try:
            event = decode_event(payload)
        except msgspec.DecodeError as error:
            self._malformed_frames += 1
            logger.warning("an event of %s is none that is known: %s", adapter, error)
            return
        match event:
            case Accepted() | Rejected():
                self._desk.feeds.heard(adapter)
                self._desk.demand.note(event)
            case BrokerState():
                self._desk.feeds.heard(adapter, event)

    # --- now and then -----------------------------------------------------------------------

    async def _do_chores(self) -> None:
        clock = self._host.clock
        measured = clock.monotonic()
        written = float("-inf")
        turn = 0
        while True:
            await asyncio.sleep(_TIDY_S)
            now = clock.monotonic()
            self._desk.lanes.tidy(now)
            turn += 1
            if turn % _ROUNDS_PER_SECOND:
                continue
            self._desk.totals.measure(now - measured)
            measured = now
            self._look_at_keys()
            if now - written >= _STATS_FILE_EVERY_S:
                written = now
                self._write_stats_file()

    def _look_at_keys(self) -> None:
        """End the connections of keys that were revoked; note which keys are in use."""
        try:
            if self._keys.changed():
                for client in list(self._server.clients):
                    identity = client.session.identity
                    if identity is not None and not self._keys.renew(identity):
                        client.close(AUTH_FAILED, "key revoked")
            self._keys.save_use()
        except IdentityError as error:
            logger.warning("%s", error)

    def _write_stats_file(self) -> None:
        if self._stats_path is None:
            return
        try:
            statsfile.write(
                self._stats_path,
                unix_s=self._host.clock.unix_ns() / 1e9,
                clients=len(list(self._server.clients)),
                symbols=len(self._desk.demand),
                brokers=self._desk.routing.brokers,
            )
        except OSError as error:
            logger.warning("cannot write %s: %s", self._stats_path, error)

    def _chores_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._host.fail(error)
