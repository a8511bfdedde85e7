"""Where the streams that several adapters can feed are switched. No I/O of its own.

On the path of the ticks this costs nothing while nothing changes: clients are carried on the
topic of the adapter that feeds them, like all others, and only those ticks that no client
gets come here. What is decided is decided by `arbiter`, from what is looked at now and then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from bus.clock import Clock
from bus.control.messages import Stats
from bus.events import Accepted, Rejected
from bus.frames import Frame, Kind
from bus.market.hours import Calendar
from bus.settings import AdapterEntry, FailoverSettings
from bus.topics import Mode
from proxy.fanout.lanes import Lanes
from proxy.fanout.stream import Stream, StreamKey
from proxy.routing.arbiter import Why
from proxy.routing.demand import Demand
from proxy.routing.feeds import Feeds
from proxy.routing.reserve import Reserve

logger = logging.getLogger(__name__)

#: A look at a stream's silence is due once in so many looks at everything.
_SLICES: Final = 4
_NAMED: Final = 10


class Junction:
    """All streams of one proxy process."""

    def __init__(
        self,
        settings: FailoverSettings,
        *,
        demand: Demand,
        feeds: Feeds,
        lanes: Lanes,
        calendar: Calendar,
        clock: Clock,
    ) -> None:
        self.failovers_total = 0
        self.failbacks_total = 0
        self.unaligned_total = 0
        self._settings = settings
        self._demand = demand
        self._feeds = feeds
        self._lanes = lanes
        self._routes = lanes.routes
        self._calendar = calendar
        self._clock = clock
        self._streams: dict[StreamKey, Stream] = {}
        #: By topic without NUL, as frames have it: streams, and their adapters' places.
        self._by_topic: dict[bytes, list[tuple[Stream, int]]] = {}
        self._up: dict[str, bool] = {}
        #: Streams that wait for the first tick that may follow, by its topic.
        self._switching: dict[bytes, list[Stream]] = {}
        #: Ticks that no client gets; all of a stand-in's while an adapter is away.
        self._reserve = Reserve()
        #: When the deadline of an adapter that went away ends.
        self._urgent_at: float | None = None
        self._turn = 0
        self._listeners: dict[Callable[[Stream], None], None] = {}

    # --- who wants what -------------------------------------------------------------------

    def open(
        self, route: Sequence[AdapterEntry], exchange: str, symbol: str, mode: Mode, start: str = ""
    ) -> Stream:
        """One holder more of a stream; `start` names the adapter that fed it so far."""
        key = StreamKey(tuple(route), exchange, symbol, mode)
        stream = self._streams.get(key)
        if stream is None:
            stream = self._make(key, start)
        stream.holders += 1
        return stream

    def close(self, stream: Stream) -> None:
        """One holder less."""
        stream.holders -= 1
        if stream.holders:
            return
        del self._streams[stream.key]
        self._wait_no_more(stream)
        for number in stream.asked:
            self._demand.release(stream.topics[number])
        for topic in stream.topics:
            entries = self._by_topic[topic[:-1]]
            entries[:] = [entry for entry in entries if entry[0] is not stream]
            if not entries:
                del self._by_topic[topic[:-1]]
                self._reserve.forget(topic[:-1])

    def observe(self, listener: Callable[[Stream], None]) -> None:
        """Tell of every stream that another adapter feeds from now on."""
        self._listeners[listener] = None

    def ignore(self, listener: Callable[[Stream], None]) -> None:
        self._listeners.pop(listener, None)

    def _make(self, key: StreamKey, start: str) -> Stream:
        now = self._clock.monotonic()
        for adapter in key.route:
            self._up.setdefault(adapter.name, self._feeds.connected(adapter.name))
        up = [self._up[adapter.name] for adapter in key.route]
        stream = self._streams[key] = Stream(key, up, self._settings, now)
        names = [adapter.name for adapter in key.route]
        if start in names:
            stream.carrying = stream.arbiter.feeding = names.index(start)
        for number, topic in enumerate(stream.topics):
            self._by_topic.setdefault(topic[:-1], []).append((stream, number))
        self._look_at(stream, now)
        if not all(up):
            self._urgent_at = now + self._settings.deadline_s
        return stream

    # --- what the bus brings --------------------------------------------------------------

    def deliver(self, frames: list[Frame]) -> list[Frame]:
        """To whom they concern; returns what is nobody's tick."""
        if not self._streams:
            return self._routes.deliver(frames)
        self._reserve.came(frames)
        deliver = self._deliver_and_switch if self._switching else self._routes.deliver
        strays = deliver(frames)
        for frame in strays:
            if frame.kind == Kind.TICK and frame.topic in self._by_topic:
                self._reserve.strayed(frame)
        return strays

    def _deliver_and_switch(self, frames: list[Frame]) -> list[Frame]:
        strays: list[Frame] = []
        begin = 0
        for number, frame in enumerate(frames):
            for stream in list(self._switching.get(frame.topic, ())):
                if self._joins(stream, frame):
                    strays += self._routes.deliver(frames[begin:number])
                    begin = number
                    self._switch(stream)
        return strays + self._routes.deliver(frames[begin:])

    def answered(self, verdict: Accepted | Rejected) -> None:
        """An adapter answered a demand: before whoever waits for the answer is told."""
        now = self._clock.monotonic()
        for stream, number in list(self._by_topic.get(verdict.topic.encode(), ())):
            stream.arbiter.answered(number, isinstance(verdict, Accepted))
            self._look_at(stream, now)

    def adapters_changed(self) -> None:
        """Some came or went, or their brokers did."""
        now = self._clock.monotonic()
        changed = {
            name: up
            for name, was in self._up.items()
            if (up := self._feeds.connected(name)) is not was
        }
        if not changed:
            return
        self._up |= changed
        for stream in self._streams.values():
            for number, adapter in enumerate(stream.key.route):
                if adapter.name not in changed:
                    continue
                (stream.arbiter.up if changed[adapter.name] else stream.arbiter.down)(number, now)
                if number == stream.carrying and not changed[adapter.name]:
                    for other in stream.asked - {number}:
                        self._reserve.keep(stream.topics[other][:-1])
        if not all(changed.values()):
            self._urgent_at = now + self._settings.deadline_s
        self._look_at_all(now)

    # --- what follows from it -------------------------------------------------------------

    def look(self) -> None:
        """Four times a second or so."""
        now = self._clock.monotonic()
        if self._urgent_at is not None and now >= self._urgent_at:
            self._urgent_at = None
            self._look_at_all(now)
            self._reserve.clear()
            return
        self._turn = (self._turn + 1) % _SLICES
        for stream in list(self._streams.values())[self._turn :: _SLICES]:
            self._look_at(stream, now)

    def _look_at_all(self, now: float) -> None:
        for stream in list(self._streams.values()):
            self._look_at(stream, now)

    def _look_at(self, stream: Stream, now: float) -> None:
        arbiter = stream.arbiter
        for number in stream.asked:
            newest = self._newest_of(stream.topics[number][:-1])
            if newest is not None:
                stream.note(number, newest, now)
        unix_s = self._clock.unix_ns() / 1e9
        before = arbiter.feeding
        why = arbiter.look(now, is_open=self._calendar.is_open(stream.key.exchange, unix_s))
        self._ask(stream)
        if why is None:
            return
        stream.why = None if why is Why.BACK else why
        if arbiter.feeding > before:
            self.failovers_total += 1
        else:
            self.failbacks_total += 1
        logger.info("%s: fed by %s (%s)", stream, stream.key.route[arbiter.feeding].name, why)
        self._wait_no_more(stream)
        if stream.is_switching:
            self._begin_switch(stream)

    def _ask(self, stream: Stream) -> None:
        wanted = stream.arbiter.wanted
        if wanted == stream.asked:
            return
        for number in sorted(wanted - stream.asked):
            topic = stream.topics[number]
            self._demand.take(stream.key.route[number].name, topic)
            verdict = self._demand.verdict(topic)
            if verdict is not None:
                stream.arbiter.answered(number, isinstance(verdict, Accepted))
        gone, stream.asked = stream.asked - wanted, set(wanted)
        for number in gone:
            stream.seen.pop(number, None)
            self._demand.release(stream.topics[number])

    def _begin_switch(self, stream: Stream) -> None:
        """At once with what is known of the new one, else with its first tick that may follow."""
        topic = stream.next_topic[:-1]
        self._switching.setdefault(topic, []).append(stream)
        if self._routes.frame(stream.topic[:-1]) is None:
            self._switch(stream)
        known = self._reserve.kept(topic)
        if not known and (newest := self._newest_of(topic)) is not None:
            known = (newest,)
        for number, frame in enumerate(known):
            if not stream.is_switching or self._joins(stream, frame):
                if stream.is_switching:
                    self._switch(stream)
                self._routes.give(known[number:], stream.key)
                return

    def _joins(self, stream: Stream, frame: Frame) -> bool:
        last = self._routes.frame(stream.topic[:-1])
        joins = stream.joins(frame, last, self._clock.monotonic())
        if joins is None:
            self.unaligned_total += 1
            logger.warning("%s: a step back at the change of adapters", stream)
        return joins is not False

    def _switch(self, stream: Stream) -> None:
        self._wait_no_more(stream)
        before = stream.topic[:-1]
        stream.switched()
        self._lanes.move(before, stream.topic[:-1], stream.key, stream.adapter.broker)
        for listener in list(self._listeners):
            listener(stream)

    def _wait_no_more(self, stream: Stream) -> None:
        for topic in stream.topics:
            waiting = self._switching.get(topic[:-1])
            if waiting is not None and stream in waiting:
                waiting.remove(stream)
                if not waiting:
                    del self._switching[topic[:-1]]

    def _newest_of(self, topic: bytes) -> Frame | None:
        carried, stray = self._routes.frame(topic), self._reserve.newest(topic)
        if carried is None or stray is None:
            return carried or stray
        return max(carried, stray, key=lambda frame: frame.received_ns)

    # --- for `status` ---------------------------------------------------------------------

    @property
    def streams(self) -> Iterable[Stream]:
        return self._streams.values()

    def stats(self) -> Stats:
        away = [stream for stream in self._streams.values() if stream.carrying]
        named = [f"{stream} {stream.adapter.name} ({stream.why})" for stream in away[:_NAMED]]
        return {
            "routed": len(self._streams),
            "failed_over": len(away),
            "failed_over_symbols": ", ".join(named) + (", ..." if len(away) > _NAMED else ""),
            "failovers_total": self.failovers_total,
            "failbacks_total": self.failbacks_total,
            "unaligned_total": self.unaligned_total,
        }
