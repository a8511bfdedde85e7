"""The classic tap: what flows on the bus, for consumers written against OpenAlgo's ZeroMQ feed.

A process of its own, started by the supervisor when `[tap]` is enabled. It binds a PUB and
sends two parts per tick, the topic and the JSON. A tap wants nothing: it repeats what clients
and other consumers have subscribed to, and a slow reader of it loses messages by itself.
"""

from __future__ import annotations

import logging

import zmq

from bus import sockets
from bus.control.bootstrap import Bootstrap
from bus.control.exits import Exit
from bus.control.messages import PublisherEntry, Stats
from bus.control.process import run
from bus.control.service import ExitError, Host
from bus.feed import Feed
from bus.frames import Frame, Kind
from bus.measuring.flow import Flow
from bus.measuring.latency import Latency
from bus.settings import TapSettings
from bus.subscriber import Subscriber

logger = logging.getLogger(__name__)


class TapService:
    """Implements `bus.control.service.Service`. Made inside a running event loop."""

    def __init__(self, host: Host, settings: TapSettings) -> None:
        self._settings = settings
        self._with_broker = settings.topics == "BROKER_EXCHANGE_SYMBOL_MODE"
        self._published = 0
        self._flow = Flow(host.clock)
        self._socket = sockets.classic_publisher(host.context)
        self._subscriber = Subscriber(
            host.context, secret=host.secret, on_frames=self._on_frames, tap=True
        )

    @property
    def ready(self) -> bool:
        return True

    async def start(self) -> str:
        """Raises ExitError: the address cannot be had."""
        settings = self._settings
        try:
            self._socket.bind(f"tcp://{settings.host}:{settings.port}")
        except zmq.ZMQError as error:
            raise ExitError(
                Exit.CONFIGURATION,
                f"[tap] cannot bind {settings.host}:{settings.port}: {error.strerror} "
                "(OpenAlgo's own proxy, or another tap, may have it)",
            ) from None
        endpoint = sockets.bound_endpoint(self._socket)
        logger.info("publishing on %s", endpoint)
        return endpoint

    async def stop(self) -> None:
        self._subscriber.close()
        self._socket.close()

    def stats(self) -> Stats:
        return {
            "published_total": self._published,
            "lost_total": self._subscriber.lost_total,
            **self._flow.stats(),
        }

    def latency(self) -> Latency:
        """From the adapter's receipt until it was published again."""
        return self._flow.latency()

    def legs(self) -> dict[str, Latency]:
        return self._flow.legs()

    def follow(self, publishers: list[PublisherEntry]) -> None:
        self._subscriber.follow(publishers)

    def _on_frames(self, feed: Feed, frames: list[Frame]) -> None:
        self._flow.came(frames)
        send, with_broker = self._socket.send_multipart, self._with_broker
        ticks = [frame for frame in frames if frame.kind == Kind.TICK]
        for frame in ticks:
            topic = frame.topic if with_broker else classic_topic(frame.topic)
            send((topic, frame.payload), copy=True)
        self._published += len(ticks)
        self._flow.took(ticks)


def classic_topic(topic: bytes) -> bytes:
    """`EXCHANGE_SYMBOL_MODE`: the bus's topic without the broker, which holds no `_`."""
    return topic[topic.index(b"_") + 1 :]


def _build(host: Host, boot: Bootstrap) -> TapService:
    return TapService(host, boot.settings_as(TapSettings))


if __name__ == "__main__":
    run(_build)
