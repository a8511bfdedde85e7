"""The control plane over real sockets on loopback."""

import asyncio
import logging

import msgspec
import pytest
import zmq

from bus import sockets
from bus.control.channel import CommandServer, ControlClient, ControlServer, Sealer, ask
from bus.control.messages import (
    Credentials,
    Directory,
    Done,
    DownRequest,
    FromProcess,
    Heartbeat,
    Hello,
    PublisherEntry,
    Reply,
    StatusRequest,
    ToProcess,
)
from bus.errors import ControlError, UnreachableError
from bus.secret import Secret

SECRET = Secret("run-secret")
HELLO = Hello("zerodha", "adapter", 42, 1, "tcp://127.0.0.1:5", "0.1.0")


async def until(condition, timeout_s=5.0):
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)


def test_hello_and_directory_cross():
    async def run():
        context = zmq.Context()
        heard, told = [], []
        server = ControlServer(
            context, secret=SECRET, on_message=lambda who, message: heard.append((who, message))
        )
        client = ControlClient(
            context,
            endpoint=server.endpoint,
            identity="zerodha.1",
            secret=SECRET,
            on_message=told.append,
        )
        client.send(HELLO)
        await until(lambda: heard)
        assert heard == [(b"zerodha.1", HELLO)]
        directory = Directory([PublisherEntry("zerodha", 1, "tcp://127.0.0.1:5")])
        assert server.send(b"zerodha.1", directory)
        await until(lambda: told)
        assert told == [directory]
        assert not server.send(b"nobody.1", directory)
        client.close()
        server.close()
        context.term()

    asyncio.run(run())


def test_credentials_cross_and_are_not_shown():
    sealer = Sealer(Secret("run"), ToProcess)
    sent = Credentials({"access_token": Secret("t0ken")})
    again = sealer.open(sealer.seal(sent))
    assert again == sent
    assert "t0ken" not in repr(again)


def test_malformed_messages_are_counted_logged_once_per_kind_and_never_fatal(caplog):
    good = Sealer(SECRET, FromProcess)
    foreign = Sealer(Secret("another run"), FromProcess)
    unknown = good._mac(b"\x01") + b"\x01"

    async def run():
        context = zmq.Context()
        heard = []
        server = ControlServer(
            context, secret=SECRET, on_message=lambda _who, message: heard.append(message)
        )
        socket = sockets.dealer(context, b"x")
        socket.connect(server.endpoint)
        for _ in range(3):
            socket.send(b"")
            socket.send(b"garbage")
            socket.send(foreign.seal(HELLO))
            socket.send(unknown)
            socket.send_multipart([b"too", b"many", b"parts"])
        socket.send(good.seal(HELLO))
        await until(lambda: heard)
        assert heard == [HELLO]
        assert server.malformed_total == 15
        socket.close()
        server.close()
        context.term()

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == len(set(texts)) == 3


def test_a_command_is_answered_and_a_slow_answer_holds_up_nobody():
    async def run():
        context = zmq.Context()
        late = []

        def on_request(request, reply):
            if isinstance(request, DownRequest):
                late.append(reply)
            else:
                reply(Done("now"))

        server = CommandServer(context, secret=SECRET, on_request=on_request)
        slow = asyncio.create_task(asyncio.to_thread(ask, server.endpoint, SECRET, DownRequest()))
        await until(lambda: late)
        quick = await asyncio.to_thread(ask, server.endpoint, SECRET, StatusRequest())
        assert quick == Done("now")
        late[0](Done("later"))
        assert await slow == Done("later")
        server.close()
        context.term()

    asyncio.run(run())


def test_nobody_there_is_said_after_the_time_given():
    with pytest.raises(UnreachableError, match="no answer"):
        ask("tcp://127.0.0.1:1", SECRET, StatusRequest(), timeout_s=0.05)


@pytest.mark.parametrize("kind", [FromProcess, ToProcess, Reply])
def test_only_the_expected_kind_opens(kind):
    sealer = Sealer(SECRET, kind)
    with pytest.raises(ControlError, match="unknown message"):
        sealer.open(Sealer(SECRET, kind).seal({"type": "Nonsense"}))
    beat = Heartbeat("zerodha", 1, ready=True, stats={"symbols": 3, "last_tick_age_s": None})
    if kind is FromProcess:
        assert sealer.open(sealer.seal(beat)) == beat
    flipped = bytearray(sealer.seal(beat))
    flipped[-1] ^= 1
    with pytest.raises(ControlError, match="wrong seal"):
        sealer.open(bytes(flipped))
    assert msgspec.msgpack.decode(sealer.seal(beat)[32:])["type"] == "Heartbeat"
