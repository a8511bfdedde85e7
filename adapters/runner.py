"""The adapter process: demand in, ticks out.

    bus demand --> Switchboard --> Session (one per broker connection) --> broker
    bus ticks  <-- Outlet      <-- Codec.decode <-------------------------- broker

The way of a tick has no `await` in it: a frame is decoded, normalized and published in the
loop turn in which it is received.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from adapters import keeper as keeping
from adapters import registry
from adapters.broker import Broker, Stream
from adapters.codec import Account, OrderUpdate, Tick
from adapters.complaints import Counters
from adapters.demand import Name
from adapters.errors import CredentialsError, InstrumentsError, UnknownBrokerError
from adapters.instruments import InstrumentBook
from adapters.keeper import Keeper
from adapters.link import State
from adapters.master_file import MasterFile
from adapters.orders import OrderDesk
from adapters.origin import origin_of
from adapters.pools import pools_of
from adapters.quarantine import Reason
from adapters.session import Hooks, Session
from adapters.switchboard import Switchboard
from bus import events
from bus.backoff import Backoff
from bus.events import BrokerState, Event, encode_event
from bus.exits import Exit
from bus.latency import Latency, LatencyMeter
from bus.market_hours import Calendar
from bus.messages import PublisherEntry, Stats
from bus.process import ExitError, Host
from bus.publisher import Demand, Publisher
from bus.rate import Rate
from bus.secret import Secret
from bus.settings import AdapterBootstrap

logger = logging.getLogger(__name__)

_HELD_BACK: Final = "held back: %s, first by %s at %s; later ones are only counted"
#: The worst state of any connection is the adapter's; failures come before success.
_WORST_FIRST: Final = (
    *(State.STOPPED, State.NEEDS_TOKEN, State.BACKOFF),
    *(State.CONNECTED, State.CONNECTING),
)


class AdapterService:
    """One broker account on the bus (`bus.process.Service`)."""

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
        self._broker = broker or _find(settings.broker or host.name)
        self._account = Account(credentials=settings.credentials, url=settings.url)
        self._random = random or Random()
        self._calendar = Calendar(boot.market.holidays)
        self._counters = Counters()
        self._sessions: dict[tuple[str, int], Session] = {}
        self._order_session: Session | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._state = BrokerState(State.CONNECTING)
        self._instruments_detail = "loading instruments"
        self._ticks_total = 0
        self._quarantined: Counter[Reason] = Counter()
        self._unknown_token_total = 0
        self._orders_total = 0
        self._last_tick_at: float | None = None
        self._rate = Rate(host.clock.monotonic())
        self._meter = LatencyMeter()
        self._board = Switchboard(
            host.name,
            self._broker,
            pools_of(self._broker, settings),
            connections=self,
            answer=self._publish_event,
        )
        self._orders = OrderDesk(self._names)
        self._keeper = self._make_keeper(Path(boot.state) if boot.state else None)

    # --- bus.process.Service --------------------------------------------------------------

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
        self._publisher = Publisher(
            self._host.context,
            adapter=self._host.name,
            generation=self._host.generation,
            secret=self._host.secret,
            on_demand=self._on_demand,
        )
        self._publish = self._publisher.publish
        self._publish_state()
        self.connection(self._broker.streams[0].name, 0)
        self._open_orders()
        self._spawn(self._keeper.run())
        return self._publisher.endpoint

    async def stop(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        await asyncio.gather(*(session.stop() for session in self._all_sessions()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._announce()
        self._publisher.close()

    def stats(self) -> Stats:
        now = self._host.clock.monotonic()
        counters, last = self._counters, self._last_tick_at
        states = [session.state for session in self._sessions.values()]
        return {
            "broker_state": self._state.state,
            "broker_detail": self._state.detail,
            "may_overlap": self._broker.may_overlap,
            "connections": states.count(State.CONNECTED),
            "symbols": self._board.symbols,
            "topics": self._publisher.topics,
            "topics_seen": self._publisher.topics_seen,
            "topics_waiting": self._board.waiting,
            "ticks_total": self._ticks_total,
            "ticks_per_s": self._rate.sample(now, self._ticks_total),
            "last_tick_age_s": None if last is None else round(now - last, 3),
            "frames_total": counters.frames,
            "published_total": self._publisher.published_total,
            "reconnects_total": counters.reconnects,
            "malformed_total": counters.malformed,
            "broker_errors_total": counters.broker_errors,
            "orders_state": self._order_session.state if self._order_session else None,
            "orders_detail": self._order_session.detail if self._order_session else "",
            "order_updates_total": self._orders_total,
            "rejected_total": self._board.rejected_total,
            "unknown_token_total": self._unknown_token_total,
            "instruments": len(self._keeper.book) if self._keeper.book else 0,
            "instruments_age_s": self._keeper.age_s,
            "instruments_failures_total": self._keeper.failures_total,
            "quarantined_total": self._quarantined.total(),
            **{f"quarantined_{reason}": self._quarantined[reason] for reason in Reason},
        }

    def latency(self) -> Latency:
        """From the broker's frame until all its ticks were published (`bus.process.HasLatency`)."""
        return self._meter.counted()

    def follow(self, publishers: list[PublisherEntry]) -> None:
        """An adapter follows nobody."""

    def renew(self, credentials: Mapping[str, Secret]) -> None:
        """Go on with new credentials (`bus.process.TakesCredentials`)."""
        account = Account(credentials=dict(credentials), url=self._account.url)
        if account == self._account:
            return
        if missing := self._broker.missing(credentials):
            logger.warning("new credentials are not used: no %s", " and ".join(missing))
            return
        logger.info("new credentials")
        self._account = account
        for session in self._all_sessions():
            session.renew(account)
        self._keeper.hurry()

    def _check_settings(self) -> None:
        try:
            self._broker.require(self._account)
            if self._account.url:
                parse_uri(self._account.url)
        except CredentialsError as error:
            raise ExitError(Exit.CONFIGURATION, str(error)) from None
        except (InvalidURI, ValueError):  # a port that is no number is a ValueError
            raise ExitError(Exit.CONFIGURATION, "url: expected ws://HOST or wss://HOST") from None

    # --- adapters.switchboard.Connections ---------------------------------------------------

    def connection(self, stream: str, number: int) -> Session:
        session = self._sessions.get((stream, number))
        if session is None:
            kind = next(s for s in self._broker.streams if s.name == stream)
            session = self._sessions[stream, number] = self._session(kind, number)
        return session

    def release(self, stream: str, number: int) -> None:
        session = self._sessions.pop((stream, number), None)
        if session is not None:
            self._spawn(session.stop())

    def _open_orders(self) -> None:
        """The account's order channel, where the broker has one of its own."""
        stream = next((s for s in self._broker.streams if s.purpose == "orders"), None)
        if stream is not None and self._settings.orders:
            self._order_session = self._session(stream, 0)

    def _session(self, stream: Stream, number: int) -> Session:
        session = Session(
            f"{stream.name} {number}",
            self._broker,
            stream,
            self._account,
            hooks=Hooks(
                on_ticks=self._ticks_of(stream.name),
                on_order=self._on_order,
                on_asked=self._board.asked,
                on_lost=self._board.lost,
                on_state=self._announce,
                expects_ticks=self._expects_ticks,
            ),
            counters=self._counters,
            clock=self._host.clock,
            backoff=Backoff(random=self._random),
        )
        self._spawn(session.run())
        return session

    def _all_sessions(self) -> list[Session]:
        orders = [] if self._order_session is None else [self._order_session]
        return [*self._sessions.values(), *orders]

    # --- ticks, orders and demand -----------------------------------------------------------

    def _ticks_of(self, stream: str) -> Callable[[list[Tick], int], None]:
        """What takes a stream's ticks: two streams may call an instrument the same."""
        find = self._board.routes.get(stream, {}).get
        publish, clock, held_back = self._publish, self._host.clock, self._quarantined
        took = self._meter.note

        def on_ticks(ticks: list[Tick], received_ns: int) -> None:
            for tick in ticks:
                route = find(tick.key)
                if route is None:
                    self._unknown_token_total += 1
                elif (reason := route.emit(tick, received_ns, publish)) is not None:
                    held_back[reason] += 1
                    if held_back[reason] == 1:
                        logger.warning(_HELD_BACK, reason, tick.key, tick.ltp)
            self._ticks_total += len(ticks)
            self._last_tick_at = clock.monotonic()
            took(clock.unix_ns() - received_ns)

        return on_ticks

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
        details = {session.state: session.detail for session in self._sessions.values()}
        worst = next(state for state in _WORST_FIRST if state in details)
        if worst in {State.CONNECTED, State.CONNECTING} and not self._board.is_loaded:
            return BrokerState(State.CONNECTING, self._instruments_detail)
        return BrokerState(worst, details[worst])

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:  # a defect: the supervisor sees the process end, and starts another
            self._host.fail(error)

    # --- instruments --------------------------------------------------------------------------

    def _make_keeper(self, folder: Path | None) -> Keeper:
        return Keeper(
            MasterFile(folder, self._host.name),
            lambda: origin_of(self._settings, self._broker, self._account),
            at=self._settings.instruments_at,
            hooks=keeping.Hooks(on_book=self._on_book, on_trouble=self._on_trouble),
            clock=self._host.clock,
            random=self._random,
        )

    def _on_book(self, book: InstrumentBook) -> None:
        self._board.load(book)
        if self._sessions:  # else the process is only beginning
            self._announce()

    def _on_trouble(self, detail: str) -> None:
        self._instruments_detail = detail
        self._announce()


def _find(name: str) -> Broker:
    try:
        return registry.find(name)
    except UnknownBrokerError as error:
        raise ExitError(Exit.CONFIGURATION, str(error)) from None
