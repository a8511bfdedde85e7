"""`broker = "nats"`: an adapter of another site, read from its stream.

What is wanted here is wanted there: demand goes to the bridge and holds as long as this site
renews it. Ticks come from the stream, so a cut costs only time as long as the stream holds
them; what it does not hold any more is counted. With `from` the past is played.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, Literal

import msgspec
import nats.errors
from msgspec import field
from nats.aio.msg import Msg

from adapters.connecting.link import State
from adapters.source import Outflow, Source
from bridge import stamps
from bridge.asking import Asking
from bridge.demand import Answer, SiteDemand
from bridge.errors import LinkError, RefusedError, SubjectError
from bridge.inlet import Sequences
from bridge.link import Link, Login, connected, failure
from bridge.origins import name_of
from bridge.position import Position
from bridge.reader import FILTERS, Reader
from bridge.subjects import Place, Subjects
from bus.backoff import Backoff
from bus.control.messages import Stats
from bus.errors import TopicError
from bus.events import Accepted, BrokerState, Event, OrderUpdate, Rejected, decode_event
from bus.settings import NatsReach
from bus.topics import Topic, is_adapter_name
from bus.wants import Demand

logger = logging.getLogger(__name__)

#: A consumer that is full is looked at again after this.
_FULL_S: Final = 0.002
_WATCH_S: Final = 0.25
#: Changes of demand within this time become one change of the filter.
_FILTER_S: Final = 0.05
#: How long a new life waits for its first consumer, and then for more of what they want.
_FIRST_DEMAND_S: Final = 5.0
_MORE_DEMAND_S: Final = 0.3
_INDIA: Final = timezone(timedelta(hours=5, minutes=30))


class NatsOptions(NatsReach, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[adapters.NAME.options]` of an adapter that reads a stream."""

    #: The adapter over there.
    adapter: str
    #: Play what the stream holds from this moment on, and end at that one; India's time where
    #: none is given. With `from` alone it goes on live.
    from_: datetime | None = field(default=None, name="from")
    to: datetime | None = None
    #: The past as fast as the slowest consumer takes it, or at its own pace.
    pace: Literal["fast", "original"] = "fast"

    @property
    def is_live(self) -> bool:
        """Whether demand is carried over there."""
        return self.to is None


class Remote:
    """Reads one adapter of one stream (`adapters.source.Driver`)."""

    def __init__(self, out: Outflow, options: NatsOptions) -> None:
        if not is_adapter_name(options.adapter):
            raise SubjectError(f"options.adapter: {options.adapter!r} is no adapter's name")
        self._out = out
        self._options = options
        self._to_ns = None if options.to is None else _unix_ns(options.to)
        self._subjects = Subjects(options.prefix)
        self._sequences = Sequences()
        self._places: dict[str, Place | None] = {}
        self._topics: dict[str, bytes] = {}
        site = f"{socket.gethostname()}.{out.name}.{secrets.token_hex(4)}"
        self._demand = SiteDemand(site)
        self._asking = Asking(
            self._demand,
            self._subjects,
            options.adapter,
            answered=self._answered,
            unanswered=self._unanswered,
        )
        self._backoff = Backoff(base_s=0.2, cap_s=5.0, stable_s=10.0)
        self._link: Link | None = None
        #: Sequence of the last message that was dealt with; None: none was.
        self._position: int | None = None
        folder = out.folder if options.is_live else None
        self._kept = Position(folder, out.name, options.stream, out.clock)
        self._trouble = "connecting to NATS"
        self._origin = BrokerState("connecting")
        self._ended = False
        self._refilter = asyncio.Event()
        self._connections_total = 0
        self._expired_total = 0
        self._strange_total = 0

    # --- adapters.source.Driver ---------------------------------------------------------------

    async def start(self) -> None:
        """Nothing is there to open before NATS is."""

    async def run(self) -> None:
        while True:
            state, detail = State.BACKOFF, "the connection to NATS ended"
            try:
                login = Login.of(self._out.credentials)
                name = f"openalgo-stream {self._out.name}"
                async with connected(self._options, login, name, self._complained) as link:
                    await self._live(link)
                    detail = link.why
            except RefusedError as error:
                state, detail = State.NEEDS_TOKEN, str(error)
            except LinkError as error:
                detail = str(error)
            except (OSError, TimeoutError, nats.errors.Error) as error:
                detail = str(failure(error))
            finally:
                self._link = None
            if detail != self._trouble:
                logger.warning("%s", detail)
            self._trouble = detail
            self._out.enter(state, detail)
            await asyncio.sleep(self._backoff.failed(self._out.clock.monotonic()))

    async def stop(self) -> None:
        self._kept.save(self._position)

    def demanded(self, batch: Sequence[Demand]) -> None:
        for wire, wanted in batch:
            text = wire[:-1].decode(errors="replace")
            try:
                topic = Topic.parse(text)
            except TopicError as error:
                self._out.tell(Rejected(text, "SYMBOL_NOT_FOUND", str(error)))
                continue
            name = name_of(topic)
            if not wanted:
                self._demand.leave(name)
                self._sequences.pause(wire)
                continue
            self._topics[name] = wire
            self._demand.want(name)
            if not self._options.is_live:
                self._out.tell(Accepted(text))
        self._asking.change()
        self._refilter.set()

    def renew(self) -> None:
        if self._link is not None:
            self._link.end("new credentials")

    def stats(self) -> Stats:
        return {
            "origin": self._options.adapter,
            "origin_state": self._origin.state,
            "stream": self._options.stream,
            "position": self._position,
            "connections_total": self._connections_total,
            "lost_total": self._sequences.lost_total,
            "repeated_total": self._sequences.repeated_total,
            "expired_total": self._expired_total,
            "strange_total": self._strange_total,
            "ended": self._ended,
        }

    # --- one connection -------------------------------------------------------------------------

    async def _live(self, link: Link) -> None:
        reader = Reader(link, self._options.stream, self._out.clock, self._arrived)
        await self._begin(reader)
        self._link = link
        self._backoff.succeeded(self._out.clock.monotonic())
        self._connections_total += 1
        self._trouble = ""
        self._stand()
        tasks = [asyncio.create_task(self._filter(link, reader))]
        if self._options.is_live:
            tasks.append(asyncio.create_task(self._asking.converse(link)))
        for task in tasks:
            task.add_done_callback(lambda done: _end(link, done))
        try:
            while not link.is_over:
                reader.watch()
                self._kept.save(self._position)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_WATCH_S):
                        await link.stir.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._options.is_live and not link.is_over:  # the process is to end
                await self._asking.farewell(link)

    async def _begin(self, reader: Reader) -> None:
        """From where it was left, from a moment, or from now on."""
        if self._position is None and self._options.is_live:
            self._position = self._kept.load()
            if self._position is not None or self._options.from_ is not None:
                await self._demand_settled()
        state = await reader.state()
        original = self._options.pace == "original" and self._options.from_ is not None
        if self._position is None and self._options.from_ is not None:
            moment = _aware(self._options.from_).astimezone(UTC)
            await reader.begin(moment, self._filters(), original=original)
            return
        if self._position is None:
            self._position = state.last_seq if self._options.is_live else state.first_seq - 1
        elif self._position > state.last_seq:
            logger.warning("stream %s began anew: it is read from there", self._options.stream)
            self._position = 0
        expired = state.first_seq - self._position - 1
        if expired > 0:
            self._expired_total += expired
            logger.warning("%d messages are no longer in the stream", expired)
        await reader.begin(self._position + 1, self._filters(), original=original)

    async def _demand_settled(self) -> None:
        """What is read of the past is for those who want it: they say so first, within moments.
        A filter that comes later would not go back."""
        with contextlib.suppress(TimeoutError):
            wait_s = _FIRST_DEMAND_S
            while True:
                async with asyncio.timeout(wait_s):
                    await self._refilter.wait()
                self._refilter.clear()
                wait_s = _MORE_DEMAND_S

    def _filters(self) -> list[str]:
        """What is read: the adapter's events, and the ticks that are wanted here."""
        adapter = self._options.adapter
        wanted = self._demand.wanted
        if not self._options.is_live or len(wanted) > FILTERS:
            return [self._subjects.of_adapter(adapter)]
        topics = (Topic.parse(self._topics[name][:-1].decode()) for name in wanted)
        ticks = (self._subjects.tick(adapter, topic) for topic in topics)
        return sorted([self._subjects.event(adapter), self._subjects.order(adapter), *ticks])

    async def _filter(self, link: Link, reader: Reader) -> None:
        """What is read follows what is wanted."""
        while not link.is_over:
            self._refilter.clear()
            filters = self._filters()
            if filters != reader.subjects:
                await reader.choose(filters)
            await self._refilter.wait()
            await asyncio.sleep(_FILTER_S)

    # --- what arrives ---------------------------------------------------------------------------

    async def _arrived(self, message: Msg, sequence: int) -> None:
        place = self._place(message.subject)
        try:
            stamp = stamps.read(message.headers)
        except SubjectError:
            place = None
        if place is None:
            self._strange_total += 1
        elif self._to_ns is not None and stamp.received_ns > self._to_ns:
            self._end_of_the_past()
            return
        elif place.kind == "tick":
            await self._tick(place, stamp, message.data)
        else:
            self._event(message.data)
        self._position = sequence

    def _place(self, subject: str) -> Place | None:
        """None: whoever else wrote that into the stream."""
        if subject not in self._places:
            try:
                self._places[subject] = self._subjects.parse(subject)
            except SubjectError as error:
                logger.warning("%s", error)
                self._places[subject] = None
        return self._places[subject]

    async def _tick(self, place: Place, stamp: stamps.Stamps, payload: bytes) -> None:
        name = f"{place.exchange}:{place.symbol}:{place.mode.name}"
        wire = self._topics.get(name)
        if wire is None:
            wire = self._topics[name] = place.topic(self._out.name).wire
        sequence = self._sequences.of(wire, stamp.generation, stamp.sequence)
        if sequence is None:
            return
        relay = (wire, payload, stamp.received_ns, stamp.flags, sequence)
        while not self._out.relay(*relay):  # noqa: ASYNC110 - ZeroMQ has no event for room
            await asyncio.sleep(_FULL_S)

    def _event(self, payload: bytes) -> None:
        try:
            event: Event = decode_event(payload)
        except msgspec.DecodeError:
            self._strange_total += 1
            return
        match event:
            case BrokerState():
                if self._options.is_live:
                    self._origin = event
                    self._stand()
            case Accepted(topic) | Rejected(topic):
                self._judged(event, topic)
            case OrderUpdate():
                self._out.tell(event)

    def _judged(self, event: Accepted | Rejected, topic: str) -> None:
        """What the adapter there said of a topic holds here, under the name that it has here."""
        try:
            name = name_of(Topic.parse(topic))
        except TopicError:
            return
        if name in self._demand.wanted:
            here = self._topics[name][:-1].decode()
            self._out.tell(msgspec.structs.replace(event, topic=here))

    def _end_of_the_past(self) -> None:
        if not self._ended:
            self._ended = True
            logger.info("played until %s", self._options.to)

    # --- how it stands --------------------------------------------------------------------------

    def _answered(self, answer: Answer) -> None:
        self._origin = BrokerState(answer.state, answer.detail)
        if answer.state == "absent":
            self._trouble = f"{self._options.adapter} does not run over there"
        else:
            self._trouble = ""
        self._stand()
        for verdict in answer.verdicts:
            self._event(bytes(verdict))

    def _unanswered(self, why: str) -> None:
        self._trouble = why
        self._stand()

    def _stand(self) -> None:
        origin = self._origin
        if self._trouble:
            self._out.enter(State.BACKOFF, self._trouble)
        elif self._options.is_live and origin.state != State.CONNECTED:
            there = f"{self._options.adapter} over there: {origin.state}"
            self._out.enter(State.BACKOFF, f"{there}, {origin.detail}".removesuffix(", "))
        else:
            self._out.enter(State.CONNECTED, f"stream {self._options.stream}")

    def _complained(self, text: str) -> None:
        logger.warning("NATS: %s", text)


def _end(link: Link, task: asyncio.Task[None]) -> None:
    """A part of a connection's work ended: the rest ends with it."""
    error = None if task.cancelled() else task.exception()
    if isinstance(error, (LinkError, OSError, nats.errors.Error)):
        link.end(str(error))
    elif error is not None:
        logger.error("a defect", exc_info=error)
        link.end(f"a defect: {type(error).__name__}")


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=_INDIA)


def _unix_ns(moment: datetime) -> int:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return (_aware(moment) - epoch) // timedelta(microseconds=1) * 1000


BROKER: Final = Source(
    name="nats",
    title="An adapter of another site, by NATS",
    options=NatsOptions,
    orders=True,
    may_overlap=True,
    # The past can wait, what is live cannot.
    lossless=lambda options: not options.is_live,
    driver=Remote,
)
