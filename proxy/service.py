"""The proxy as a supervised process: the bus on one side, the WebSocket server on the other."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

import msgspec

from bus.control.messages import ClientStatus, HandOver, PublisherEntry, Stats
from bus.control.service import CLIENTS_TOLD, Host
from bus.events import (
    Accepted,
    BrokerState,
    OrderUpdate,
    PaperOrder,
    Rejected,
    RelayedOrder,
    UsersChanged,
    decode_event,
)
from bus.feed import Feed
from bus.frames import Frame, Kind
from bus.lane.receiving import lane_or_zeromq
from bus.market.hours import Calendar
from bus.measuring.flow import Flow
from bus.measuring.latency import Latency
from bus.settings import ProxyBootstrap
from bus.subscriber import Subscriber
from identity.identities import Identities
from proxy import statsfile
from proxy.desk import Desk
from proxy.entrance.server import Server
from proxy.fanout.lanes import Lanes
from proxy.moving.arrival import Arrival
from proxy.moving.departure import Departure
from proxy.moving.harbour import Harbour
from proxy.orders import OrderDesk
from proxy.routing.demand import Demand
from proxy.routing.feeds import Feeds
from proxy.routing.junction import Junction
from proxy.routing.rules import Routing
from proxy.totals import Totals

logger = logging.getLogger(__name__)

#: A step of the lanes' tidying is cheap and bounded, as is a look whether keys changed; the
#: rest is done less often.
_TIDY_S: Final = 0.25
_ROUNDS_PER_SECOND: Final = 4
_STATS_FILE_EVERY_S: Final = 10


class ProxyService:
    """Implements `bus.control.service.Service`. Made inside a running event loop.

    Raises:
        ExitError: what knows the users cannot be used.
    """

    def __init__(self, host: Host, boot: ProxyBootstrap) -> None:
        self._host = host
        self._stats_path = Path(boot.stats_path) if boot.stats_path else None
        self._malformed_frames = 0
        #: The newest event of each adapter and service.
        self._events: dict[bytes, Frame] = {}
        self._flow = Flow(host.clock)
        self._subscriber = Subscriber(
            host.context,
            secret=host.secret,
            on_frames=self._on_frames,
            connect=lane_or_zeromq(host.context, host.secret, boot.proxy.gather_s),
        )
        self._identities = Identities(host, boot.keys_path, boot.access)
        demand, feeds, lanes = Demand(self._subscriber), Feeds(), Lanes()
        self._desk = Desk(
            settings=boot.proxy,
            authority=self._identities.authority,
            routing=Routing(boot.adapters, boot.routing),
            demand=demand,
            feeds=feeds,
            lanes=lanes,
            totals=Totals(),
            clock=host.clock,
            junction=Junction(
                boot.routing,
                demand=demand,
                feeds=feeds,
                lanes=lanes,
                calendar=Calendar(boot.market.holidays),
                clock=host.clock,
            ),
        )
        self._server = Server(self._desk, boot.access.limits)
        self.orders = OrderDesk(self._desk.totals)
        self._takeover = boot.takeover
        self._arrival: Arrival | None = None
        self._departure: Departure | None = None
        self._departing: asyncio.Task[None] | None = None
        self._chores: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        return self._server.serving

    async def start(self) -> str:
        await self._identities.start()
        takeover = self._takeover
        if takeover is None or not self._server.is_at(takeover.endpoint):
            address = await self._server.start()
        else:
            self._server.prepare()
            address = self._server.address_like(takeover.endpoint)
        if takeover is not None:
            self._arrival = Arrival(self._host, self._harbour(), takeover.path, address)
        self._chores = asyncio.create_task(self._do_chores())
        self._chores.add_done_callback(self._chores_ended)
        logger.info("serving on %s", address)
        return address

    async def stop(self) -> None:
        if self._chores is not None:
            self._chores.cancel()
        if self._departing is not None:
            self._departing.cancel()
        if self._arrival is not None:
            self._arrival.stop()
        await self._server.stop()
        self._subscriber.close()
        self._identities.stop()

    def stats(self) -> Stats:
        totals = self._desk.totals
        clients = list(self._server.clients)
        waiting = [client.waiting_bytes for client in clients]
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
            **self._desk.junction.stats(),
            "auth_failures_total": totals.auth_failures,
            "snapshots_total": totals.snapshots,
            "order_updates_total": totals.order_updates,
            "queue_bytes": sum(waiting),
            "queue_bytes_max": max(waiting, default=0),
            "conflating": self._desk.lanes.parked,
            "conflated_total": totals.conflated,
            "dropped_total": totals.dropped,
            "slow_closed_total": totals.slow_closed,
            "malformed_total": totals.malformed + self._malformed_frames,
            "key_connections_refused_total": self._desk.presence.refused_total,
            **self._flow.stats(),
            **({} if self._departure is None else self._departure.stats()),
            **({} if self._arrival is None else self._arrival.stats()),
            **self._server.door.stats(),
            **self._identities.stats(),
        }

    def latency(self) -> Latency:
        """From the adapter's receipt until all clients were written to."""
        return self._flow.latency()

    def legs(self) -> dict[str, Latency]:
        return self._flow.legs()

    def clients(self) -> tuple[list[ClientStatus], int]:
        now = self._host.clock.monotonic()
        listed = [client.status(now) for client in self._server.clients]
        listed.sort(key=lambda one: (-one.dropped, -one.queue_bytes, -one.conflated))
        return listed[:CLIENTS_TOLD], len(listed)

    def follow(self, publishers: list[PublisherEntry]) -> None:
        for adapter in self._desk.feeds.follow(publishers):
            self._desk.demand.forget(adapter)
        self._subscriber.follow(publishers)
        self._desk.junction.adapters_changed()

    def hand_over(self, order: HandOver) -> None:
        """To the next generation; one attempt at a time."""
        if self._departing is not None and not self._departing.done():
            return
        self._departure = Departure(
            self._host,
            self._harbour(),
            order.generation,
            lambda: self._host.finish("the next generation has everything"),
        )
        self._departing = asyncio.create_task(
            self._departure.run(order.path, self._desk.settings.drain_s)
        )
        self._departing.add_done_callback(self._chores_ended)

    def _harbour(self) -> Harbour:
        return Harbour(self._desk, self._server, self.orders, self._events.values())

    # --- the bus --------------------------------------------------------------------------

    def _on_frames(self, feed: Feed, frames: list[Frame]) -> None:
        self._flow.came(frames)
        strays = self._desk.junction.deliver(frames)
        self._flow.took([f for f in frames if f.kind == Kind.TICK] if strays else frames)
        for frame in strays:
            if frame.kind == Kind.EVENT:
                self._events[frame.topic] = frame
                self._on_event(feed.entry.adapter, frame.payload)
        if self._departure is not None and not self._departure.over:
            self._departure.note(feed.entry.adapter, frames)
        elif self._arrival is not None and not self._arrival.over:
            self._arrival.note(feed.entry.adapter, frames)

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
                self._desk.junction.answered(event)
                self._desk.demand.note(event)
            case BrokerState():
                self._desk.feeds.heard(adapter, event)
                self._desk.junction.adapters_changed()
            case UsersChanged():
                self._identities.look()
            case OrderUpdate() | PaperOrder() | RelayedOrder():
                sessions = (client.session for client in self._server.clients)
                self.orders.hear(sessions, adapter, event)

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
            self._desk.junction.look()
            self._identities.sweep(list(self._server.clients))
            turn += 1
            if turn % _ROUNDS_PER_SECOND:
                continue
            for client in self._server.clients:
                client.look(now)
            self._desk.totals.measure(now - measured)
            measured = now
            self._identities.save_use()
            self._server.look_at_certificate()
            if now - written >= _STATS_FILE_EVERY_S:
                written = now
                self._write_stats_file()

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
