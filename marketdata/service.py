"""The market-data service's process: the bus on one side, HTTP on the other.

It taps what flows, which causes no demand, and adds a demand of its own for what its clients ask
and what their orders need. It can stall without delaying a tick to anybody else.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from bus.control.bootstrap import Bootstrap
from bus.control.messages import HandOver, PublisherEntry, Stats
from bus.control.service import Host
from bus.events import Accepted, BrokerState, Rejected, decode_event
from bus.feed import Feed
from bus.frames import Frame, Kind
from bus.market.hours import Calendar
from bus.measuring.flow import Flow
from bus.measuring.latency import Latency
from bus.settings import MarketDataBootstrap
from bus.subscriber import Subscriber
from identity.identities import Identities
from marketdata.announcing import Announcer
from marketdata.api.app import Door, application
from marketdata.api.books import Books
from marketdata.api.chains import Chains
from marketdata.api.data import DataCalls
from marketdata.api.endpoint import Endpoint
from marketdata.api.exchanges import Exchanges
from marketdata.api.history import History
from marketdata.api.options import Options
from marketdata.api.orders import Orders
from marketdata.api.prices import Prices
from marketdata.api.risk import Risk
from marketdata.api.server import Server, address, listen
from marketdata.api.symbols import Symbols
from marketdata.api.triggers import Triggers
from marketdata.api.underlyings import Underlyings
from marketdata.asking import Asking
from marketdata.catalogue import Catalogue
from marketdata.history import Historian
from marketdata.interpreter import prepare
from marketdata.keeper import Keeper
from marketdata.market import Market
from marketdata.moving.arrival import Arrival
from marketdata.moving.departure import Departure
from marketdata.moving.dock import Dock
from marketdata.paper import Paper

logger = logging.getLogger(__name__)

#: Keys that changed are noticed, and leases looked at, so often.
_LOOK_S: Final = 0.25
_TIDY_EVERY: Final = 1200
#: Ticks for consumers that take turns, per turn: some hundred microseconds of the loop.
_TURN: Final = 200


class MarketDataService:
    """Implements `bus.control.service.Service`. Made inside a running event loop.

    Raises:
        ExitError: what knows the users cannot be used.
    """

    def __init__(self, host: Host, boot: Bootstrap) -> None:
        self._host = host
        told = boot.settings_as(MarketDataBootstrap)
        self._settings = told.marketdata
        self._instruments = Path(told.state) / "instruments"
        self._recordings = told.recordings
        self._subscriber = Subscriber(
            host.context, secret=host.secret, on_frames=self._on_frames, tap=True
        )
        calendar = Calendar(told.market.holidays)
        self._market = Market(self._settings, calendar, host.clock, self._subscriber)
        self._identities = Identities(host, told.keys_path, told.access)
        self._asking = Asking(self._market)
        self._paper = Paper(self._market, self._asking)
        self._announcer = Announcer(host)
        self._keeper = Keeper(host, told, self._paper, self._announcer)
        hosts = [self._settings.host, *self._settings.hosts]
        self._door = Door(self._identities.authority, told.access.limits, host.clock, hosts)
        self._server = Server(application(self._endpoints(), self._door))
        self._takeover = told.takeover
        self._is_told = False
        self._arrival: Arrival | None = None
        self._departure: Departure | None = None
        self._departing: asyncio.Task[None] | None = None
        self._chores: asyncio.Task[None] | None = None
        self._turn: asyncio.Handle | None = None
        self._flow = Flow(host.clock)

    @property
    def ready(self) -> bool:
        return self._arrival is None or self._arrival.serves

    @property
    def publishes(self) -> str:
        return self._announcer.endpoint

    async def start(self) -> str:
        await self._identities.start()
        self._server.start()
        takeover = self._takeover
        if takeover is not None and self._is_at(takeover.endpoint):
            where = takeover.endpoint
        else:
            listener = listen(self._settings.host, self._settings.port)
            await self._server.accept(listener)
            where = address(listener)
        if takeover is not None:
            self._arrival = Arrival(self._host, self._dock(), takeover.path)
        else:
            self._keeper.start()
        self._chores = asyncio.create_task(self._do_chores())
        self._chores.add_done_callback(self._chores_ended)
        prepare()
        logger.info("serving on %s", where)
        return where

    async def stop(self) -> None:
        if self._chores is not None:
            self._chores.cancel()
        if self._departing is not None:
            self._departing.cancel()
        if self._arrival is not None:
            self._arrival.stop()
        await self._server.stop()
        await self._keeper.stop()
        self._announcer.close()
        self._subscriber.close()
        self._identities.stop()

    def follow(self, publishers: list[PublisherEntry]) -> None:
        self._is_told = True
        self._market.feeds.follow(publishers)
        if adapters := [feed.name for feed in self._market.feeds]:
            self._keeper.follow(adapters)
        self._subscriber.follow(entry for entry in publishers if entry.ticks)

    def stats(self) -> Stats:
        market, now_ns = self._market, self._host.clock.unix_ns()
        newest_ns = market.values.newest_ns()
        age_s = None if newest_ns is None else (now_ns - newest_ns) / 1e9
        return {
            "feeds": sum(feed.trusted for feed in self._subscriber.feeds),
            "instruments": market.values.instruments,
            "topics": len(market.values),
            "ticks_total": market.values.ticks_total,
            "ticks_per_s": self._flow.stats()["ticks_per_s"],
            "last_tick_age_s": None if age_s is None else round(age_s, 3),
            "lost_total": self._subscriber.lost_total,
            "wanted": len(market.holds),
            "queue_ticks": market.board.waiting,
            "conflated_total": market.board.conflated_total,
            "requests_refused_total": self._door.refused_total,
            "order_events_total": self._announcer.announced_total,
            "order_events_unheard_total": self._announcer.unheard_total,
            **self._keeper.stats(),
            **({} if self._departure is None else self._departure.stats()),
            **({} if self._arrival is None else self._arrival.stats()),
            **{f"held_{reason}": count for reason, count in market.values.held.items()},
        }

    def latency(self) -> Latency:
        """From the adapter's receipt until it can be asked for here."""
        return self._flow.latency()

    def legs(self) -> dict[str, Latency]:
        return self._flow.legs()

    def hand_over(self, order: HandOver) -> None:
        """To the next generation; one attempt at a time."""
        if self._departing is not None and not self._departing.done():
            return
        self._departure = Departure(
            self._host,
            self._dock(),
            order.generation,
            lambda: self._host.finish("the next generation has everything"),
        )
        self._departing = asyncio.create_task(self._departure.run(order.path))
        self._departing.add_done_callback(self._chores_ended)

    def _dock(self) -> Dock:
        return Dock(self._market, self._paper, self._keeper, self._server, self._hears_all)

    def _hears_all(self) -> bool:
        """Whether every publisher of ticks that the directory told of is believed."""
        return self._is_told and all(feed.trusted for feed in self._subscriber.feeds)

    def _is_at(self, endpoint: str) -> bool:
        """Whether the configuration means this address, so that its socket will do."""
        there = urlsplit(endpoint)
        mine = self._settings
        return there.hostname == mine.host.lower() and mine.port in {0, there.port}

    # --- the bus ------------------------------------------------------------------------------

    def _on_frames(self, feed: Feed, frames: list[Frame]) -> None:
        self._flow.came(frames)
        adapter = feed.entry.adapter
        events = self._market.take(adapter, frames)
        self._flow.took([frame for frame in frames if frame.kind == Kind.TICK])
        if self._turn is None and self._market.board.waiting:
            self._turn = asyncio.get_running_loop().call_soon(self._take_turn)
        for frame in events:
            self._on_event(adapter, frame.payload)

    def _take_turn(self) -> None:
        """Consumers that do not go first get a bounded piece of the loop, then the bus again."""
        self._turn = None
        if self._market.board.take_turn(_TURN):
            self._turn = asyncio.get_running_loop().call_soon(self._take_turn)

    def _on_event(self, adapter: str, payload: bytes) -> None:
        try:
            event = decode_event(payload)
        except msgspec.DecodeError as error:
            logger.warning("an event of %s is none that is known: %s", adapter, error)
            return
        match event:
            case BrokerState():
                self._market.feeds.heard(adapter, event)
            case Accepted() | Rejected():
                self._asking.note(event)

    # --- parts --------------------------------------------------------------------------------

    def _endpoints(self) -> list[Endpoint]:
        market, paper = self._market, self._paper
        clock = self._host.clock
        orders = Orders(paper)
        prices = Prices(market, self._asking)
        underlyings = Underlyings(market, self._asking, self._catalogue)
        calls = (
            orders,
            Options(underlyings, orders),
            Books(paper),
            Triggers(market, paper),
            prices,
            Chains(underlyings, prices, clock),
            Symbols(market, paper, self._catalogue),
            Exchanges(market.calendar, clock),
            Risk(paper),
            History(market, Historian(self._recordings)),
            DataCalls(market, paper, lambda: self._subscriber.lost_total),
        )
        return [endpoint for call in calls for endpoint in call.endpoints()]

    def _catalogue(self) -> Catalogue:
        return Catalogue(self._instruments, [feed.name for feed in self._market.feeds])

    # --- now and then -------------------------------------------------------------------------

    async def _do_chores(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(_LOOK_S)
            self._identities.sweep([])
            self._market.holds.tidy(self._host.clock.monotonic())
            turn += 1
            if turn % _TIDY_EVERY == 0:
                self._identities.save_use()
                self._forget()

    def _forget(self) -> None:
        horizon = self._host.clock.unix_ns() - int(self._settings.forget_after_s * 1e9)
        dropped = self._market.values.drop_older(horizon)
        if dropped:
            logger.info("forgot %d topics without a tick", dropped)

    def _chores_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._host.fail(error)
