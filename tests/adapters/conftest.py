"""A pretend Kite server on loopback, small enough to misbehave on request."""

import asyncio
import contextlib
import json
import os
import struct
import time
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.server import serve

from adapters.codec import Account
from bus.secret import Secret

ROOT = Path(__file__).resolve().parents[2]
MASTER_HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange"
)


def frame(*packets):
    """Packets in Kite's counted container."""
    counted = [struct.pack(">H", len(packet)) + packet for packet in packets]
    return struct.pack(">H", len(packets)) + b"".join(counted)


def ltp_packet(token, paise):
    return struct.pack(">II", token, paise)


def quote_packet(token, *fields):
    return struct.pack(">11I", token, *fields)


def full_packet(token, fields, rows):
    book = b"".join(struct.pack(">IIH2x", *row) for row in rows)
    return struct.pack(">16I", token, *fields) + book


class Kite:
    """The server's side: what it was told, and what it is to do."""

    def __init__(self):
        self.url = ""
        self.status = None
        self.master = MASTER_HEADER
        self.master_status = HTTPStatus.OK
        self.sockets = []
        self.queries = []
        self.requests = []
        self.connected = asyncio.Event()

    async def handle(self, socket):
        self.sockets.append(socket)
        self.queries.append(socket.request.path)
        self.connected.set()
        async for message in socket:
            self.requests.append(json.loads(message))
        self.sockets.remove(socket)

    def answer(self, connection, request):
        if request.path == "/instruments":
            return connection.respond(self.master_status, self.master)
        if self.status is not None:
            return connection.respond(self.status, "Incorrect `api_key` or `access_token`.\n")
        return None

    async def send(self, data):
        for socket in list(self.sockets):
            await socket.send(data)


@pytest.fixture
def kite():
    """`async with kite() as server`: a running one."""

    @contextlib.asynccontextmanager
    async def run():
        server = Kite()
        async with serve(
            server.handle, "127.0.0.1", 0, compression=None, process_request=server.answer
        ) as listener:
            server.url = f"ws://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
            yield server

    return run


@pytest.fixture
def account():
    def make(url=""):
        credentials = {"api_key": Secret("key-12345"), "access_token": Secret("token-67890")}
        return Account(credentials=credentials, url=url)

    return make


@pytest.fixture
def eventually():
    """`await eventually(condition)`: fails after ten seconds."""

    async def wait(condition, what="condition"):
        deadline = time.monotonic() + 10.0
        while not condition():
            assert time.monotonic() < deadline, f"never: {what}"
            await asyncio.sleep(0.002)

    return wait


@pytest.fixture
def wire():
    """Builders of Kite's packets."""

    class Wire:
        frame = staticmethod(frame)
        ltp = staticmethod(ltp_packet)
        quote = staticmethod(quote_packet)
        full = staticmethod(full_packet)

    return Wire


@pytest.fixture
def vectors():
    """`vectors("zerodha")`: the path of a broker's golden frames."""

    def path(broker):
        named = os.environ.get("OPENALGO_STREAM_TEST_DATA")
        shared = Path(named).parent if named else ROOT.parent / "shared"
        file = shared / "brokers" / "vectors" / f"{broker}.json"
        if not file.is_file():
            pytest.skip(f"no vectors: {file}")
        return file

    return path
