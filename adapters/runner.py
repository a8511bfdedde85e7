"""The adapter process: demand in, ticks out.

    bus demand --> Switchboard --> Connections: a Session each ---> broker
    bus ticks  <-- Flow: Outlets <-- Reader: Codec <--------------- broker

The way of a tick has no `await` in it: a frame is decoded, normalized and published in the
loop turn in which it is taken.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from random import Random

from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from adapters import registry
from adapters.broker import Broker, Stream
from adapters.codec import Account, OrderUpdate
from adapters.connecting.connections import Connections
from adapters.connecting.link import State
from adapters.connecting.session import Hooks
from adapters.demand.names import Name
from adapters.demand.overlap import may_overlap
from adapters.demand.pools import pools_of
from adapters.demand.switchboard import Switchboard
from adapters.errors import CredentialsError, InstrumentsError, UnknownBrokerError
from adapters.instruments import keeper as keeping
from adapters.instruments.book import InstrumentBook
from adapters.instruments.file import MasterFile
from adapters.instruments.keeper import Keeper
from adapters.instruments.origin import origin_of
from adapters.publishing import publisher_for
from adapters.ticks.flow import Flow
from adapters.ticks.orders import OrderDesk
from bus import events
from bus.backoff import Backoff
from bus.control.exits import Exit
from bus.control.messages import PublisherEntry, Stats
from bus.control.service import ExitError, Host
from bus.events import BrokerState, Event, encode_event
from bus.market.hours import Calendar
from bus.measuring.latency import Latency
from bus.secret import Secret
from bus.settings import AdapterBootstrap
from bus.wants import Demand

logger = logging.getLogger(__name__)


class AdapterService:
    """One broker account on the bus (`bus.control.service.Service`)."""

    def __init__(
        self,
        host: Host,
        boot: AdapterBootstrap,
        *,
        broker: Broker | None = None,
        random: Random | None = None,
    ) -> None:
        settings = boot.adapter
        self._host = host
        self._settings = settings
        self._lane_mib = boot.lane_mib
        self._broker = broker or _find(settings.broker or host.name)
        self._random = random or Random()
        self._calendar = Calendar(boot.market.holidays)
        self._stopped = False
        self._state = BrokerState(State.CONNECTING)
        self._instruments_detail = "loading instruments"
        self._orders_total = 0
        self._connections = Connections(
            self._broker,
            Account(credentials=settings.credentials, url=settings.url),
            host.clock,
            hooks=self._hooks,
            backoff=lambda: Backoff(random=self._random),
            on_defect=host.fail,
        )
        self._pools = pools_of(self._broker, settings)
        self._board = Switchboard(
            host.name,
            self._broker,
            self._pools,
            connections=self._connections,
            answer=self._publish_event,
        )
        self._flow = Flow(host.clock, self._board.routes)
        self._orders = OrderDesk(self._names)
        self._keeper = self._make_keeper(Path(boot.state) if boot.state else None)

    # --- bus.control.service.Service ----------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Connected to the broker, and able to name its instruments."""
        return self._state.state == State.CONNECTED

    async def start(self) -> str:
        self._check_settings()
        try:
            await self._keeper.begin()
        except InstrumentsError as error:  # a file will not be better soon
            raise ExitError(Exit.CONFIGURATION, str(error)) from None
        self._publisher = publisher_for(self._host, self._lane_mib, self._on_demand)
        self._publish_state()
        self._connections.connection(self._broker.streams[0].name, 0)
        if self._settings.orders:
            self._connections.open_orders()
        self._connections.spawn(self._keeper.run())
        return self._publisher.endpoint

    @property
    def lane(self) -> str:
        """Where consumers on the same machine find its shared memory; empty without one."""
        return self._publisher.lane

    async def stop(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        await self._connections.stop()
        self._announce()
        self._publisher.close()

    def stats(self) -> Stats:
        counters, orders = self._connections.counters, self._connections.orders
        return {
            "broker_state": self._state.state,
            "broker_detail": self._state.detail,
            "may_overlap": may_overlap(self._broker, self._settings, self._pools),
            "connections": self._connections.states.count(State.CONNECTED),
            "symbols": self._board.symbols,
            "topics": self._publisher.topics,
            "topics_seen": self._publisher.topics_seen,
            "topics_waiting": self._board.waiting,
            "frames_total": counters.frames,
            "published_total": self._publisher.published_total,
            "reconnects_total": counters.reconnects,
            "malformed_total": counters.malformed,
            "broker_errors_total": counters.broker_errors,
            "orders_state": orders.state if orders else None,
            "orders_detail": orders.detail if orders else "",
            "order_updates_total": self._orders_total,
            "rejected_total": self._board.rejected_total,
            "instruments": len(self._keeper.book) if self._keeper.book else 0,
            "instruments_age_s": self._keeper.age_s,
            "instruments_failures_total": self._keeper.failures_total,
            **self._flow.stats(),
        }

    def latency(self) -> Latency:
        """From the broker's frames until their ticks were published (`HasLatency`)."""
        return self._flow.latency()

    def legs(self) -> dict[str, Latency]:
        return self._flow.legs()

    def follow(self, publishers: list[PublisherEntry]) -> None:
        """An adapter follows nobody."""

    def renew(self, credentials: Mapping[str, Secret]) -> None:
        """Go on with new credentials (`bus.control.service.TakesCredentials`)."""
        before = self._connections.account
        account = Account(credentials=dict(credentials), url=before.url)
        if account == before and self.ready:
            return  # where the broker refused, the same ones given again are a wish to try now
        if missing := self._broker.missing(credentials):
            logger.warning("new credentials are not used: no %s", " and ".join(missing))
            return
        logger.info("new credentials")
        self._connections.renew(account)
        self._keeper.hurry()

    def _check_settings(self) -> None:
        try:
            account = self._connections.account
            self._broker.require(account)
            if account.url:
                parse_uri(account.url)
        except CredentialsError as error:
            raise ExitError(Exit.CONFIGURATION, str(error)) from None
        except (InvalidURI, ValueError):  # a port that is no number is a ValueError
            raise ExitError(Exit.CONFIGURATION, "url: expected ws://HOST or wss://HOST") from None

    # --- ticks, orders and demand -----------------------------------------------------------

    def _hooks(self, stream: Stream) -> Hooks:
        return Hooks(
            on_ticks=self._flow.taker(stream.name, self._publisher.publish),
            on_order=self._on_order,
            on_asked=self._board.asked,
            on_lost=self._board.lost,
            on_state=self._announce,
            expects_ticks=self._expects_ticks,
        )

    def _on_order(self, update: OrderUpdate) -> None:
        order = self._orders.take(update) if self._settings.orders else None
        if order is not None:
            self._orders_total += 1
            self._publish_event(events.OrderUpdate(order))

    def _names(self, token: str) -> list[Name]:
        return [] if self._keeper.book is None else self._keeper.book.names(token)

    def _expects_ticks(self, tokens: list[str]) -> bool:
        now = self._host.clock.unix_ns() / 1e9
        return self._calendar.is_any_open(self._board.exchanges(tokens), now)

    def _on_demand(self, batch: list[Demand]) -> None:
        self._board.demanded(batch)
        # Whoever has to wait for an answer is told why, also one who came after the change.
        if self._state.state != State.CONNECTED and self._board.is_waiting:
            self._publish_event(self._state)

    def _publish_event(self, event: Event) -> None:
        self._publisher.publish_event(encode_event(event), self._host.clock.unix_ns())

    # --- state --------------------------------------------------------------------------------

    def _announce(self) -> None:
        """Tell the consumers and the supervisor if anything changed."""
        state = self._judge()
        if state != self._state:
            self._state = state
            self._publish_state()
            self._host.changed()

    def _publish_state(self) -> None:
        """It stands until the next one: whoever subscribes meanwhile is told, too."""
        self._publisher.publish_state(encode_event(self._state), self._host.clock.unix_ns())

    def _judge(self) -> BrokerState:
        if self._stopped:
            return BrokerState(State.STOPPED)
        worst, detail = self._connections.worst() or (State.CONNECTING, "")
        if worst in {State.CONNECTED, State.CONNECTING} and not self._board.is_loaded:
            return BrokerState(State.CONNECTING, self._instruments_detail)
        return BrokerState(worst, detail)

    # --- instruments --------------------------------------------------------------------------

    def _make_keeper(self, folder: Path | None) -> Keeper:
        return Keeper(
            MasterFile(folder, self._host.name),
            lambda: origin_of(self._settings, self._broker, self._connections.account),
            at=self._settings.instruments_at,
            hooks=keeping.Hooks(on_book=self._on_book, on_trouble=self._on_trouble),
            clock=self._host.clock,
            random=self._random,
        )

    def _on_book(self, book: InstrumentBook) -> None:
        self._board.load(book)
        if self._connections.states:  # else the process is only beginning
            self._announce()

    def _on_trouble(self, detail: str) -> None:
        self._instruments_detail = detail
        self._announce()


def _find(name: str) -> Broker:
    try:
        return registry.find(name)
    except UnknownBrokerError as error:
        raise ExitError(Exit.CONFIGURATION, str(error)) from None
