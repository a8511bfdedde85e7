"""100,000 frames on the bus that no publisher sends: none ends the proxy, all are counted."""

from __future__ import annotations

import asyncio
import itertools
import os
import random

from bus import frames
from bus.errors import FrameError
from bus.events import Accepted, BrokerState, encode_event
from bus.frames import HEADER_BYTES, Kind
from bus.topics import Mode, Topic, event_topic

SEED = int(os.environ.get("OPENALGO_STREAM_TEST_SEED", "20261121"))
FRAMES = 100_000
#: Between two looks whether the client still gets its ticks; less than the sockets hold.
CHUNK = 2_000
SBIN = Topic.make("zerodha", "NSE", "SBIN", Mode.LTP).wire
EVENTS = event_topic("zerodha")
EVENT = encode_event(BrokerState("connected"))
WORDS = (b"", b"{", b"[]", b"null", b'{"type":"x"}', b'{"type":7}', b"\xff\xfe", b"\0" * 100)


class Stranger:
    """Makes frames that match the proxy's subscriptions and are damaged somewhere."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def frame(self):
        chance = self.random
        return chance.choice((self.header, self.header, self.cut, self.noise, self.event))()

    def good(self, topic, kind, payload):
        return frames.encode(topic, kind, 0, 1, self.random.getrandbits(63), 1, payload)

    def header(self):
        """A version or kind that there is not."""
        data = bytearray(self.good(SBIN, Kind.TICK, b"{}"))
        data[len(SBIN) + self.random.randrange(2)] = self.random.randrange(3, 256)
        return bytes(data)

    def cut(self):
        topic = self.random.choice((SBIN, EVENTS))
        data = self.good(topic, Kind.EVENT, EVENT)
        return data[: len(topic) + self.random.randrange(HEADER_BYTES)]

    def noise(self):
        topic = self.random.choice((SBIN, EVENTS))
        return topic + b"\x09" + self.random.randbytes(self.random.choice((3, 30, 3000)))

    def event(self):
        """A frame that is whole, and no event that is known in it."""
        payload = self.random.choice((*WORDS, EVENT[: self.random.randrange(len(EVENT))]))
        return self.good(EVENTS, Kind.EVENT, payload)


def is_refused(frame):
    """The oracle: what cannot be taken apart, or says nothing."""
    try:
        return frames.decode(frame).topic == EVENTS[:-1]
    except FrameError:
        return True


def test_a_hundred_thousand_damaged_frames_are_counted_and_disturb_nobody(proxy_bench):
    print(f"seed {SEED}")
    stranger = Stranger(SEED)

    async def scenario():
        async with proxy_bench() as bench:
            client = await bench.client()
            await client.subscribe()
            (feed,) = bench.service._subscriber.feeds
            socket, sent = bench.adapter.publisher._socket, 0

            def counted():
                return feed.malformed_total + bench.service.stats()["malformed_total"]

            for number in itertools.count(1):
                for _ in range(CHUNK):
                    frame = stranger.frame()
                    assert is_refused(frame)
                    socket.send(frame)
                sent += CHUNK
                bench.adapter.tick(ltp=number)
                assert (await client.receive(30))["data"]["ltp"] == number
                assert counted() == sent
                if sent >= FRAMES:
                    break
            bench.adapter.event(Accepted("ZERODHA_NSE_SBIN_LTP"))  # events are still heard, too
            assert (await client.subscribe("TCS"))["status"] == "success"

    asyncio.run(scenario())
