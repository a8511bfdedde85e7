"""The adapter process: demand in, ticks out.

    bus demand --> Switchboard --> Session (one per broker connection) --> broker
    bus ticks  <-- Outlet      <-- Codec.decode <-------------------------- broker

The way of a tick has no `await` in it: a frame is decoded, normalized and published in the
loop turn in which it is received.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from random import Random
from typing import Any, Final

from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from adapters import registry
from adapters.broker import Broker, MasterSource, Stream
from adapters.codec import Account, Tick
from adapters.complaints import Counters
from adapters.errors import CredentialsError, InstrumentsError, UnknownBrokerError
from adapters.instruments import InstrumentBook, is_remote, load
from adapters.link import State
from adapters.pool import Pool
from adapters.session import Hooks, Session
from adapters.switchboard import Switchboard
from adapters.threads import in_daemon_thread
from bus.backoff import Backoff
from bus.events import BrokerState, Event, encode_event
from bus.exits import Exit
from bus.messages import PublisherEntry, Stats
from bus.process import ExitError, Host
from bus.publisher import Demand, Publisher
from bus.settings import AdapterSettings

logger = logging.getLogger(__name__)

#: Between attempts to fetch the instrument master.
MASTER_BACKOFF_BASE_S: Final = 1.0
MASTER_BACKOFF_CAP_S: Final = 60.0
#: The shortest time over which a rate of ticks means something.
_RATE_WINDOW_S: Final = 0.5
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
        settings: AdapterSettings,
        *,
        broker: Broker | None = None,
        random: Random | None = None,
    ) -> None:
        self._host = host
        self._settings = settings
        self._broker = broker or _find(settings.broker or host.name)
        self._account = Account(credentials=settings.credentials, url=settings.url)
        self._random = random or Random()
        self._counters = Counters()
        self._sessions: dict[tuple[str, int], Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._state = BrokerState(State.CONNECTING)
        self._instruments_detail = "loading instruments"
        self._ticks_total = 0
        self._zero_price_total = 0
        self._unknown_token_total = 0
        self._last_tick_at: float | None = None
        self._rate = _Rate(host.clock.monotonic())
        self._hooks = Hooks(
            on_ticks=self._on_ticks,
            on_asked=self._on_asked,
            on_lost=self._on_lost,
            on_state=self._announce,
        )
        self._board = Switchboard(
            host.name,
            self._broker,
            {stream.name: _pool(stream, settings) for stream in self._broker.streams},
            connections=self,
            answer=self._publish_event,
        )
        self._by_key = self._board.by_key

    # --- bus.process.Service --------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Connected to the broker, and able to name its instruments."""
        return self._state.state == State.CONNECTED

    async def start(self) -> str:
        self._check_settings()
        sources = self._master_sources()
        if not any(is_remote(source.url) for source in sources):
            await self._load_files(sources)
        self._publisher = Publisher(
            self._host.context,
            adapter=self._host.name,
            generation=self._host.generation,
            secret=self._host.secret,
            on_demand=self._on_demand,
        )
        self._publish = self._publisher.publish
        self.connection(self._broker.streams[0].name, 0)
        if not self._board.is_loaded:
            self._spawn(self._fetch_master(sources))
        return self._publisher.endpoint

    async def stop(self) -> None:
        self._stopped = True
        await asyncio.gather(*(session.stop() for session in self._sessions.values()))
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
            "order_updates_total": counters.order_updates,
            "rejected_total": self._board.rejected_total,
            "unknown_token_total": self._unknown_token_total,
            "zero_price_total": self._zero_price_total,
        }

    def follow(self, publishers: list[PublisherEntry]) -> None:
        """An adapter follows nobody."""

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
            session = self._sessions[stream, number] = Session(
                f"{stream} {number}",
                self._broker,
                next(s for s in self._broker.streams if s.name == stream),
                self._account,
                hooks=self._hooks,
                counters=self._counters,
                clock=self._host.clock,
                backoff=Backoff(random=self._random),
            )
            self._spawn(session.run())
        return session

    def release(self, stream: str, number: int) -> None:
        self._spawn(self._sessions.pop((stream, number)).stop())

    # --- ticks and demand -------------------------------------------------------------------

    def _on_ticks(self, ticks: list[Tick], received_ns: int) -> None:
        find, publish = self._by_key.get, self._publish
        for tick in ticks:
            outlet = find(tick.key)
            if outlet is None:
                self._unknown_token_total += 1
            elif not outlet.emit(tick, received_ns, publish):
                self._zero_price_total += 1
        self._ticks_total += len(ticks)
        self._last_tick_at = self._host.clock.monotonic()

    def _on_demand(self, batch: list[Demand]) -> None:
        self._board.demanded(batch)
        # Whoever has to wait for an answer is told why, also one who came after the change.
        if self._state.state != State.CONNECTED and self._board.is_waiting:
            self._publish_event(self._state)

    def _on_asked(self, tokens: list[str]) -> None:
        self._board.asked(tokens)

    def _on_lost(self, tokens: list[str]) -> None:
        self._board.lost(tokens)

    def _publish_event(self, event: Event) -> None:
        self._publisher.publish_event(encode_event(event), self._host.clock.unix_ns())

    # --- state --------------------------------------------------------------------------------

    def _announce(self) -> None:
        """Tell the consumers and the supervisor if anything changed."""
        state = self._judge()
        if state != self._state:
            self._state = state
            self._publish_event(state)
            self._host.changed()

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

    def _master_sources(self) -> tuple[MasterSource, ...]:
        location = self._settings.instruments
        # The broker's headers hold the token: they go to the broker and to nobody else.
        return (MasterSource(url=location),) if location else self._broker.masters(self._account)

    async def _load_files(self, sources: tuple[MasterSource, ...]) -> None:
        """A file that cannot be read will not be better soon: the process says so and ends."""
        try:
            self._loaded(await self._load(sources))
        except InstrumentsError as error:
            raise ExitError(Exit.CONFIGURATION, str(error)) from None

    async def _fetch_master(self, sources: tuple[MasterSource, ...]) -> None:
        """Until it works; demand waits so long."""
        clock = self._host.clock
        backoff = Backoff(MASTER_BACKOFF_BASE_S, MASTER_BACKOFF_CAP_S, random=self._random)
        while True:
            try:
                book = await self._load(sources)
                break
            except InstrumentsError as error:
                delay_s = backoff.failed(clock.monotonic())
                logger.warning("instruments: %s; next attempt in %.1f s", error, delay_s)
                self._instruments_detail = f"instruments: {error}"
                self._announce()
                await asyncio.sleep(delay_s)
        self._loaded(book)
        self._announce()

    async def _load(self, sources: tuple[MasterSource, ...]) -> InstrumentBook:
        return await in_daemon_thread(lambda: load(sources, self._broker.master_reader))

    def _loaded(self, book: InstrumentBook) -> None:
        logger.info("%d instruments, %d rows skipped", len(book), book.skipped + book.duplicates)
        self._board.load(book)


class _Rate:
    """Events per second since the last sample that is old enough."""

    def __init__(self, now: float) -> None:
        self._at = now
        self._total = 0
        self._rate = 0.0

    def sample(self, now: float, total: int) -> float:
        elapsed = now - self._at
        if elapsed >= _RATE_WINDOW_S:
            self._rate = round((total - self._total) / elapsed, 1)
            self._at, self._total = now, total
        return self._rate


def _find(name: str) -> Broker:
    try:
        return registry.find(name)
    except UnknownBrokerError as error:
        raise ExitError(Exit.CONFIGURATION, str(error)) from None


def _pool(stream: Stream, settings: AdapterSettings) -> Pool:
    return Pool(
        settings.symbols_per_connection or stream.symbols_per_connection,
        settings.connections or stream.connections,
    )
