"""Messages out of a server's byte stream: the library's own parser is the measure."""

import asyncio
import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from adapters.connecting.connection import BatchConnection
from adapters.connecting.intake import OWED, Intake

MAX_BYTES = 70_000
DATA = {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}


class Library:
    """The library's protocol behind the handshake, and the messages that it was left."""

    def __init__(self):
        self.protocol = ClientProtocol(parse_uri("ws://a"), state=State.OPEN, max_size=MAX_BYTES)
        self.messages = []
        self.pings = []
        self._parts = []

    def feed(self, data):
        self.protocol.receive_data(data)
        for frame in self.protocol.events_received():
            if frame.opcode in DATA:
                self._parts.append(frame)
                if frame.fin:
                    whole = b"".join(bytes(part.data) for part in self._parts)
                    is_text = self._parts[0].opcode is Opcode.TEXT
                    self.messages.append(whole.decode() if is_text else whole)
                    self._parts = []
            elif frame.opcode is Opcode.PING:
                self.pings.append(bytes(frame.data))


def alone(data):
    library = Library()
    library.feed(data)
    return library


def beside(pieces):
    """The same bytes through the intake; its messages, and the library that has the rest."""
    library, messages, at = Library(), [], 0
    intake = Intake(library.feed, MAX_BYTES)
    for piece in pieces:
        intake.feed(piece, messages)
    taken = []
    for message in messages:
        if message is OWED:
            taken.append(library.messages[at])
            at += 1
        else:
            taken.append(message)
    assert library.messages[at:] == []
    return taken, library


def wire(opcode, data, *, fin=True):
    return Frame(opcode, data, fin).serialize(mask=False)


def fragmented(opcode, parts):
    codes = [opcode, *[Opcode.CONT] * (len(parts) - 1)]
    last = len(parts) - 1
    pairs = enumerate(zip(codes, parts, strict=True))
    return b"".join(wire(code, part, fin=n == last) for n, (code, part) in pairs)


SIZES = st.sampled_from([0, 1, 125, 126, 127, 300, 65_535, 65_536]) | st.integers(0, 400)
BINARY = SIZES.map(lambda size: wire(Opcode.BINARY, b"\x82" * size))
TEXT = st.text(max_size=50).map(lambda text: wire(Opcode.TEXT, text.encode()))
PING = st.binary(max_size=125).map(lambda data: wire(Opcode.PING, data))
PARTS = st.lists(st.binary(max_size=200), min_size=2, max_size=4)
STREAM = st.lists(
    BINARY | TEXT | PING | PARTS.map(lambda parts: fragmented(Opcode.BINARY, parts)), max_size=12
).map(b"".join)


def cut(data, places):
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(marks)]


@given(STREAM, st.lists(st.integers(0, 2**20), max_size=8))
def test_every_stream_gives_what_the_library_gives(data, places):
    known = alone(data)
    taken, library = beside(cut(data, places))
    assert taken == known.messages
    assert library.pings == known.pings
    assert library.protocol.state is State.OPEN


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=8))
def test_any_bytes_end_as_at_the_library(data, places):
    with contextlib.suppress(UnicodeDecodeError):  # what of text the library decodes later
        known = alone(data)
        taken, library = beside(cut(data, places))
        assert taken == known.messages
        assert library.protocol.state is known.protocol.state
        assert library.protocol.close_sent == known.protocol.close_sent


def test_a_fragment_within_keeps_its_place():
    parts = [b"a", b"b", b"c"]
    data = wire(Opcode.BINARY, b"1") + fragmented(Opcode.BINARY, parts) + wire(Opcode.BINARY, b"2")
    assert beside([data])[0] == [b"1", b"abc", b"2"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (wire(Opcode.BINARY, b"x" * (MAX_BYTES + 1)), 1009),
        (Frame(Opcode.BINARY, b"x").serialize(mask=True), 1002),
        (b"\xc2\x01x", 1002),
        (wire(Opcode.CONT, b"x"), 1002),
        (b"\x83\x01x", 1002),
    ],
    ids=["too long", "masked", "reserved bit", "stray fragment", "unknown kind"],
)
def test_a_breach_is_the_librarys_to_answer(frame, code):
    taken, library = beside([wire(Opcode.BINARY, b"1") + frame + wire(Opcode.BINARY, b"2")])
    assert taken == [b"1"]
    assert library.protocol.close_sent.code == code


def test_nothing_counts_behind_a_close_frame():
    close = wire(Opcode.CLOSE, b"\x03\xe8")
    taken, library = beside([wire(Opcode.TEXT, b"1") + close + wire(Opcode.TEXT, b"2")])
    assert taken == ["1"]
    assert library.protocol.close_rcvd.code == 1000


# --- the connection ---------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def connected(handler):
    async with serve(handler, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]

        def made(protocol, **settings):
            return BatchConnection(protocol, max_bytes=1 << 20, **settings)

        url = f"ws://127.0.0.1:{port}"
        async with connect(url, compression=None, create_connection=made, proxy=None) as socket:
            yield socket


async def everything(socket):
    got = []
    try:
        while True:
            got += await socket.take()
    except ConnectionClosed as ended:
        return got, ended


def test_all_kinds_of_messages_come_in_order_and_then_the_end():
    said = [b"x" * 100_000, "text \u20b9", ["in ", "parts"], b"", *[b"%d" % n for n in range(3000)]]

    async def handler(socket):
        for message in said:
            await socket.send(message)
        await socket.close(4001, "enough")

    async def scenario():
        async with connected(handler) as socket:
            got, ended = await everything(socket)
        assert got == [m if isinstance(m, (bytes, str)) else "".join(m) for m in said]
        assert (ended.rcvd.code, ended.rcvd.reason) == (4001, "enough")

    asyncio.run(scenario())


def test_a_text_that_is_none_ends_the_connection_behind_what_came_before():
    async def handler(socket):
        await socket.send(b"before")
        await socket.send(b"\xff\xfe", text=True)
        await socket.wait_closed()

    async def scenario():
        async with connected(handler) as socket:
            got, ended = await everything(socket)
        assert got == [b"before"]
        assert ended.sent.code == 1007

    asyncio.run(scenario())


def test_a_reader_that_is_slow_loses_nothing():
    async def handler(socket):
        for n in range(2000):
            await socket.send(n.to_bytes(4) * 500)
        await socket.close()

    async def scenario():
        async with connected(handler) as socket:
            got = []
            with contextlib.suppress(ConnectionClosed):
                while True:
                    for _ in range(20):
                        await asyncio.sleep(0)
                    got += await socket.take()
        assert [int.from_bytes(message[:4]) for message in got] == list(range(2000))

    asyncio.run(scenario())
