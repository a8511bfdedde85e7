"""The bridge's process: a consumer of the bus that puts it into a NATS JetStream stream, and
asks the adapters for what other sites want."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import msgspec
from nats.aio.msg import Msg

from bridge.demand import Answer, Change, decode_word, encode
from bridge.link import Link
from bridge.origins import Origin
from bridge.outbox import Message
from bridge.sender import Sender
from bridge.stamps import message_id
from bridge.subjects import Subjects
from bus.control.bootstrap import Bootstrap
from bus.control.messages import PublisherEntry, Stats
from bus.control.service import Host
from bus.errors import TopicError
from bus.events import Accepted, BrokerState, Event, OrderUpdate, Rejected, decode_event
from bus.feed import Feed
from bus.frames import Frame, Kind
from bus.measuring.flow import Flow
from bus.measuring.latency import Latency
from bus.settings import NatsSettings
from bus.subscriber import Subscriber
from bus.topics import Mode, Topic

logger = logging.getLogger(__name__)

#: How long NATS may take for what waits when the process is to end.
_DRAIN_S: Final = 3.0
_LEASES_S: Final = 1.0
#: The adapters that read such a stream: bridging one back would go round for ever.
_READER: Final = "nats"


class BridgeService:
    """Implements `bus.control.service.Service`. Made inside a running event loop."""

    def __init__(self, host: Host, settings: NatsSettings) -> None:
        self._host = host
        self._settings = settings
        self._subjects = Subjects(settings.prefix)
        self._origins: dict[str, Origin] = {}
        self._wheres: dict[tuple[str, bytes], tuple[str, str]] = {}
        self._unnamed_total = 0
        self._orders_total = 0
        self._complaint = ""
        self._flow = Flow(host.clock)
        self._sender = Sender(
            settings,
            f"openalgo-stream {host.name}",
            clock=host.clock,
            greet=self._greet,
            changed=self._changed,
            on_error=self._complained,
        )
        self._subscriber = Subscriber(
            host.context,
            secret=host.secret,
            on_frames=self._on_frames,
            tap=settings.flow == "all",
        )
        self._work: list[asyncio.Task[None]] = []

    @property
    def ready(self) -> bool:
        """Whether NATS takes what is bridged."""
        return self._sender.is_up

    async def start(self) -> str:
        self._work = [
            asyncio.create_task(self._sender.run()),
            asyncio.create_task(self._expire_leases()),
        ]
        for task in self._work:
            task.add_done_callback(self._finished)
        return ""

    async def stop(self) -> None:
        self._subscriber.close()
        if not await self._sender.drained(_DRAIN_S if self._sender.is_up else 0.0):
            logger.error("%d messages did not reach NATS", len(self._sender.outbox))
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    def follow(self, publishers: list[PublisherEntry]) -> None:
        chosen = [entry for entry in publishers if self._is_chosen(entry)]
        for adapter in {entry.adapter for entry in chosen} - self._origins.keys():
            self._origins[adapter] = Origin(adapter, self._settings.lease_s)
            for topic in self._always(adapter):
                self._subscriber.subscribe(adapter, topic.wire)
        self._subscriber.follow(chosen)
        present = {entry.adapter for entry in chosen}
        for adapter, origin in self._origins.items():
            if adapter not in present and origin.state != BrokerState("absent"):
                self._stands(adapter, BrokerState("absent"))

    def stats(self) -> Stats:
        outbox = self._sender.outbox
        return {
            "feeds": sum(feed.trusted for feed in self._subscriber.feeds),
            **self._flow.stats(),
            "nats_up": self._sender.is_up,
            "nats_detail": self._sender.detail or self._complaint,
            "connections_total": self._sender.connections_total,
            "bridged_total": outbox.sent_total,
            "waiting": len(outbox),
            "waiting_bytes": outbox.bytes,
            "in_flight": outbox.in_flight,
            "sites": sum(origin.leases.sites for origin in self._origins.values()),
            "demanded": sum(len(origin.leases.topics) for origin in self._origins.values()),
            "lost_total": outbox.lost_total + outbox.refused_total + self._subscriber.lost_total,
            "queue_lost_total": outbox.lost_total,
            "refused_total": outbox.refused_total,
            "unnamed_total": self._unnamed_total,
            "bus_lost_total": self._subscriber.lost_total,
            "orders_total": self._orders_total,
        }

    def latency(self) -> Latency:
        """From the adapter's receipt until it waited for NATS."""
        return self._flow.latency()

    def legs(self) -> dict[str, Latency]:
        return self._flow.legs()

    # --- from the bus to the stream -----------------------------------------------------------

    def _is_chosen(self, entry: PublisherEntry) -> bool:
        if self._settings.adapters:
            return entry.adapter in self._settings.adapters
        return entry.ticks and entry.broker != _READER

    def _always(self, adapter: str) -> list[Topic]:
        """What the configuration asks for; checked when that was read."""
        mode = Mode[self._settings.mode]
        pairs = (text.partition(":") for text in self._settings.symbols)
        return [Topic.make(adapter, exchange, symbol, mode) for exchange, _, symbol in pairs]

    def _on_frames(self, feed: Feed, frames: list[Frame]) -> None:
        self._flow.came(frames)
        adapter = feed.entry.adapter
        ticks = [frame for frame in frames if frame.kind == Kind.TICK]
        for frame in frames:
            if frame.kind != Kind.TICK:
                self._event(adapter, frame)
                continue
            subject, where = self._wheres.get((adapter, frame.topic)) or self._named(
                adapter, frame.topic
            )
            if subject:
                self._put(subject, where, frame)
        self._flow.took(ticks)
        self._sender.stir()

    def _named(self, adapter: str, topic: bytes) -> tuple[str, str]:
        """The subject of a topic, with and without the prefix; empty: it has none."""
        try:
            subject = self._subjects.tick(adapter, Topic.parse(topic.decode()))
        except (TopicError, UnicodeDecodeError):
            self._unnamed_total += 1
            return "", ""
        where = subject.removeprefix(f"{self._settings.prefix}.")
        self._wheres[adapter, topic] = subject, where
        return subject, where

    def _put(self, subject: str, where: str, frame: Frame) -> None:
        self._sender.put(Message(subject, message_id(where, frame), frame.flags, frame.payload))

    def _event(self, adapter: str, frame: Frame) -> None:
        """States and answers cross, orders where they may; an end of a stream is of one life."""
        try:
            event: Event = decode_event(frame.payload)
        except msgspec.DecodeError:
            return
        origin = self._origins[adapter]
        match event:
            case BrokerState():
                origin.state = event
            case Accepted(topic) | Rejected(topic):
                if not origin.judged(topic, frame.payload):
                    return
            case OrderUpdate() if self._settings.orders:
                self._orders_total += 1
                self._put(self._subjects.order(adapter), f"{adapter}.order", frame)
                return
            case _:
                return
        self._put(self._subjects.event(adapter), f"{adapter}.event", frame)

    def _stands(self, adapter: str, state: BrokerState) -> None:
        """What the bridge itself sees of an adapter, as if that had said it."""
        now_ns = self._host.clock.unix_ns()
        payload = msgspec.json.encode(state)
        frame = Frame(b"", Kind.EVENT, 0, 0, 0, now_ns, payload)
        self._event(adapter, frame)
        self._sender.stir()

    # --- from other sites to the bus ----------------------------------------------------------

    async def _greet(self, link: Link) -> None:
        """Hear what sites want; those that are there say it at once."""
        for origin in self._origins.values():
            origin.leases.extend(self._host.clock.monotonic())
        await link.client.subscribe(self._subjects.demand("*"), cb=self._asked)
        await link.client.publish(self._subjects.hello)
        await link.client.flush()

    async def _asked(self, message: Msg) -> None:
        adapter = message.subject.rpartition(".")[2]
        origin = self._origins.get(adapter)
        lease_s = self._settings.lease_s
        if origin is None:
            answer = Answer(known=False, lease_s=lease_s, state="absent")
        else:
            try:
                word = decode_word(message.data)
            except msgspec.DecodeError:
                logger.warning("a word on %s that is none of ours", message.subject)
                return
            known, changes = origin.leases.hear(word, self._host.clock.monotonic())
            self._apply(origin, changes)
            answer = Answer(
                known=known,
                lease_s=lease_s,
                state=origin.state.state,
                detail=origin.state.detail,
                verdicts=origin.verdicts(word.want),
            )
        if message.reply:
            await message.respond(encode(answer))

    def _apply(self, origin: Origin, changes: list[Change]) -> None:
        for change in changes:
            wire = origin.wire(change.topic)
            if wire is None:
                continue
            if change.wanted:
                self._subscriber.subscribe(origin.adapter, wire)
            elif wire not in {topic.wire for topic in self._always(origin.adapter)}:
                origin.forget(wire)
                self._subscriber.unsubscribe(origin.adapter, wire)

    async def _expire_leases(self) -> None:
        """While NATS is away no site can be heard, and none is given up."""
        while True:
            await asyncio.sleep(_LEASES_S)
            if not self._sender.is_up:
                continue
            for origin in self._origins.values():
                ended, changes = origin.leases.expire(self._host.clock.monotonic())
                self._apply(origin, changes)
                for site in ended:
                    logger.info("site %s is silent: its demand for %s ends", site, origin.adapter)

    # --- inside ---------------------------------------------------------------------------------

    def _changed(self) -> None:
        if self._sender.is_up:
            self._complaint = ""
            logger.info("connected to NATS")
        else:
            logger.warning("NATS: %s", self._sender.detail)
        self._host.changed()

    def _complained(self, text: str) -> None:
        self._complaint = text
        logger.warning("NATS: %s", text)

    def _finished(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:  # a defect: the supervisor sees the process end, and starts another
            self._host.fail(error)


def build(host: Host, boot: Bootstrap) -> BridgeService:
    return BridgeService(host, boot.settings_as(NatsSettings))
