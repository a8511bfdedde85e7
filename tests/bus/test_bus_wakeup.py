"""Reading when there is something to read: at once, or gathered."""

from __future__ import annotations

import asyncio
import socket

import pytest
import zmq

from bus.drain import BUDGET, Drain
from bus.wakeup import Wakeup

LONG_S = 3600.0
SHORT_S = 0.01


class Reader(Wakeup):
    def __init__(self, end, gather_s):
        self.end = end
        self.reads = []
        end.setblocking(False)
        super().__init__(end.fileno(), gather_s)

    def read(self):
        try:
            self.reads.append(self.end.recv(100))
        except BlockingIOError:
            self.reads.append(b"")


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


async def turns(count=20):
    """Of the loop, each of which looks at descriptors."""
    for _ in range(count):
        await asyncio.sleep(0)


def reading(gather_s, scenario):
    async def run():
        ours, theirs = socket.socketpair()
        with ours, theirs:
            reader = Reader(ours, gather_s)
            await until(lambda: reader.reads == [b""])  # the kick of the beginning
            reader.reads.clear()
            try:
                await scenario(reader, theirs)
            finally:
                reader.close()

    asyncio.run(run())


@pytest.mark.parametrize("gather_s", [0.0, LONG_S])
def test_what_comes_by_itself_is_read_at_once(gather_s):
    async def scenario(reader, there):
        there.send(b"1")
        await until(lambda: reader.reads == [b"1"])

    reading(gather_s, scenario)


def test_what_follows_soon_waits_and_is_read_together():
    async def scenario(reader, there):
        there.send(b"1")
        await until(lambda: reader.reads == [b"1"])
        for word in (b"2", b"3", b"4"):
            there.send(word)
            await turns()
        assert reader.reads == [b"1"]
        reader.kick()
        await until(lambda: reader.reads == [b"1", b"234"])

    reading(LONG_S, scenario)


def test_what_waited_is_read_when_its_time_has_come():
    async def scenario(reader, there):
        for number in range(50):
            there.send(b"%02d" % number)
            await turns()
        await until(lambda: b"49" in b"".join(reader.reads))
        assert b"".join(reader.reads) == b"".join(b"%02d" % number for number in range(50))

    reading(SHORT_S, scenario)


def test_one_that_is_closed_while_something_waits_reads_no_more():
    async def scenario(reader, there):
        there.send(b"1")
        await until(lambda: reader.reads == [b"1"])
        there.send(b"2")
        await turns()
        reader.close()
        await asyncio.sleep(5 * SHORT_S)  # its time has come and gone
        assert reader.reads == [b"1"]

    reading(SHORT_S, scenario)


def test_a_zeromq_socket_that_is_gathered_from_gives_everything_in_order():
    count = 3 * BUDGET + 7

    async def run():
        got = []
        with zmq.Context() as context, context.socket(zmq.PULL) as pull:
            pull.set(zmq.RCVHWM, 0)
            port = pull.bind_to_random_port("tcp://127.0.0.1")
            drain = Drain(pull, pull.recv, got.extend, gather_s=SHORT_S)
            with context.socket(zmq.PUSH) as push:
                push.set(zmq.SNDHWM, 0)
                push.connect(f"tcp://127.0.0.1:{port}")
                for number in range(count):
                    push.send(str(number).encode())
                    if not number % 100:
                        await turns(3)
                await until(lambda: len(got) == count)
            drain.close()
        assert [int(one) for one in got] == list(range(count))

    asyncio.run(run())
