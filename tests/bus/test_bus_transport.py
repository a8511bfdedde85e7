"""A further transport: a lane of the publisher, and a consumer that reads it."""

import asyncio

import zmq

from bus.control.messages import PublisherEntry
from bus.publisher import Publisher
from bus.secret import Secret
from bus.subscriber import Subscriber
from bus.topics import Mode, Topic
from bus.welcome import make

SECRET = Secret("run-secret")
SBIN = Topic.make("zerodha", "NSE", "SBIN", Mode.LTP)
INFY = Topic.make("zerodha", "NSE", "INFY", Mode.LTP)


class Lane:
    """Both ends of a transport in memory."""

    path = "here"

    def __init__(self):
        self.readers = []
        self.closed = False

    def send(self, frame):
        for reader in self.readers:
            reader.take(frame)

    def bell(self, name, wanted):
        raise AssertionError("nobody sleeps here")

    def close(self):
        self.closed = True

    def connect(self, entry, on_batch):
        return LaneReader(self, entry, on_batch)


class LaneReader:
    def __init__(self, lane, entry, on_batch):
        self.lane, self.on_batch = lane, on_batch
        self.prefixes = []
        on_batch([make(SECRET, entry.adapter, entry.generation)])
        lane.readers.append(self)

    def subscribe(self, topic):
        self.prefixes.append(topic)

    def unsubscribe(self, topic):
        self.prefixes.remove(topic)

    def take(self, frame):
        if frame.startswith(tuple(self.prefixes)):
            self.on_batch([frame])

    def poll(self):
        pass

    def close(self):
        self.lane.readers.remove(self)


def test_frames_come_by_a_lane_as_they_come_by_zeromq():
    async def body():
        context = zmq.Context()
        lane, got = Lane(), []
        publisher = Publisher(
            context,
            adapter="zerodha",
            generation=3,
            secret=SECRET,
            on_demand=lambda _: None,
            lane=lane,
        )
        subscriber = Subscriber(
            context,
            secret=SECRET,
            on_frames=lambda _feed, batch: got.extend(batch),
            connect=lane.connect,
        )
        subscriber.subscribe("zerodha", SBIN.wire)
        subscriber.follow([PublisherEntry("zerodha", 3, publisher.endpoint)])
        publisher.publish(SBIN.wire, b"1", 10)
        publisher.publish(INFY.wire, b"2", 11)
        subscriber.unsubscribe("zerodha", SBIN.wire)
        publisher.publish(SBIN.wire, b"3", 12)
        subscriber.subscribe("zerodha", SBIN.wire)
        publisher.publish(SBIN.wire, b"4", 13)
        assert [(f.payload, f.sequence, f.generation) for f in got] == [(b"1", 1, 3), (b"4", 3, 3)]
        subscriber.close()
        assert lane.readers == []
        publisher.close()
        assert lane.closed
        context.term()

    asyncio.run(body())
