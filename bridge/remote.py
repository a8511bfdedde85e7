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
from typing import Final

import msgspec
import nats.errors

from adapters.connecting.link import State
from adapters.source import Outflow, Source
from bridge.arrivals import Arrivals
from bridge.asking import Asking
from bridge.demand import Answer, SiteDemand
from bridge.errors import LinkError, RefusedError, SubjectError
from bridge.link import Link, Login, connected, failure
from bridge.options import NatsOptions
from bridge.origins import name_of
from bridge.position import Position
from bridge.reader import FILTERS, Reader
from bridge.standing import Standing
from bridge.subjects import Subjects
from bus.backoff import Backoff
from bus.control.messages import Stats
from bus.errors import TopicError
from bus.events import Accepted, BrokerState, Event, OrderUpdate, Rejected
from bus.topics import Topic, is_adapter_name
from bus.wants import Demand

logger = logging.getLogger(__name__)

_WATCH_S: Final = 0.25
#: Changes of demand within this time become one change of the filter.
_FILTER_S: Final = 0.05
#: How long a new life waits for its first consumer, and then for more of what they want.
_FIRST_DEMAND_S: Final = 5.0
_MORE_DEMAND_S: Final = 0.3


class Remote:
    """Reads one adapter of one stream (`adapters.source.Driver`)."""

    def __init__(self, out: Outflow, options: NatsOptions) -> None:
        if not is_adapter_name(options.adapter):
            raise SubjectError(f"options.adapter: {options.adapter!r} is no adapter's name")
        self._out = out
        self._options = options
        self._subjects = Subjects(options.prefix)
        self._arrivals = Arrivals(out, options, self._event)
        self._standing = Standing(out, options)
        #: Topics that were ever wanted here, by the name that sites say.
        self._topics: dict[str, bytes] = {}
        site = f"{socket.gethostname()}.{out.name}.{secrets.token_hex(4)}"
        self._demand = SiteDemand(site)
        self._asking = Asking(
            self._demand,
            self._subjects,
            options.adapter,
            answered=self._answered,
            unanswered=self._standing.trouble,
        )
        self._backoff = Backoff(base_s=0.2, cap_s=5.0, stable_s=10.0)
        self._link: Link | None = None
        folder = out.folder if options.is_live else None
        self._kept = Position(folder, out.name, options.stream, out.clock)
        self._refilter = asyncio.Event()
        self._connections_total = 0
        self._expired_total = 0

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
            self._standing.failed(state, detail)
            await asyncio.sleep(self._backoff.failed(self._out.clock.monotonic()))

    async def stop(self) -> None:
        if (reached := self._arrivals.reached) is not None:
            self._kept.save(reached)

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
                self._arrivals.sequences.pause(wire)
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
            "origin_state": self._standing.origin.state,
            "stream": self._options.stream,
            "position": self._arrivals.position,
            "connections_total": self._connections_total,
            "lost_total": self._arrivals.sequences.lost_total,
            "repeated_total": self._arrivals.sequences.repeated_total,
            "expired_total": self._expired_total,
            "strange_total": self._arrivals.strange_total,
            "ended": self._arrivals.ended,
        }

    # --- one connection -------------------------------------------------------------------------

    async def _live(self, link: Link) -> None:
        reader = Reader(link, self._options.stream, self._out.clock, self._arrivals.take)
        await self._begin(reader)
        self._link = link
        self._backoff.succeeded(self._out.clock.monotonic())
        self._connections_total += 1
        self._standing.trouble("")
        tasks = [asyncio.create_task(self._filter(link, reader))]
        if self._options.is_live:
            tasks.append(asyncio.create_task(self._asking.converse(link)))
        for task in tasks:
            task.add_done_callback(lambda done: _end(link, done))
        try:
            while not link.is_over:
                reader.watch()
                if (reached := self._arrivals.reached) is not None:
                    self._kept.reached(reached)
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
        arrivals, begins = self._arrivals, self._options.begins
        if arrivals.position is None and self._options.is_live:
            before = self._kept.load()
            if before is not None:
                arrivals.go_on(before)
            if before is not None or begins is not None:
                await self._demand_settled()
        state = await reader.state()
        original = self._options.pace == "original" and begins is not None
        if arrivals.position is None and begins is not None:
            await reader.begin(begins, self._filters(), original=original)
            return
        if arrivals.position is None:
            arrivals.position = state.last_seq if self._options.is_live else state.first_seq - 1
        elif arrivals.position > state.last_seq:
            logger.warning("stream %s began anew: it is read from there", self._options.stream)
            arrivals.position = 0
        expired = state.first_seq - arrivals.position - 1
        if expired > 0:
            self._expired_total += expired
            logger.warning("%d messages are no longer in the stream", expired)
        await reader.begin(arrivals.position + 1, self._filters(), original=original)

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

    def _event(self, event: Event) -> None:
        match event:
            case BrokerState():
                if self._options.is_live:
                    self._standing.there(event)
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

    def _answered(self, answer: Answer) -> None:
        absent = answer.state == "absent"
        trouble = f"{self._options.adapter} does not run over there" if absent else ""
        self._standing.there(BrokerState(answer.state, answer.detail), trouble)
        for verdict in answer.verdicts:
            self._arrivals.event(bytes(verdict))

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
