"""What the simulators' tests share."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from simulators import SimulatorServer, SimulatorSettings


@pytest.fixture(scope="session")
def ticks_file(data_folder: Path) -> Path:
    return data_folder / "upstox-nse-2025-12-15" / "ticks.jsonl.gz"


def _read_packet(packet: bytes) -> dict[str, object]:
    """Kite's layout once more, written from the sheet and not from the encoder."""

    def at(offset: int) -> int:
        return struct.unpack_from(">I", packet, offset)[0]

    token = at(0)
    scale = {3: 10_000_000, 6: 10_000, 12: 10_000}.get(token % 256, 100)
    tick: dict[str, object] = {"token": token, "length": len(packet), "ltp": at(4) / scale}
    if len(packet) in (28, 32):
        for name, offset in (("high", 8), ("low", 12), ("open", 16), ("close", 20)):
            tick[name] = at(offset) / scale
        tick["change"] = struct.unpack_from(">i", packet, 24)[0] / scale
        if len(packet) == 32:
            tick["exchange_s"] = at(28)
    if len(packet) >= 44:
        tick |= {
            "last_quantity": at(8),
            "average_price": at(12) / scale,
            "volume": at(16),
            "buy_quantity": at(20),
            "sell_quantity": at(24),
            "open": at(28) / scale,
            "high": at(32) / scale,
            "low": at(36) / scale,
            "close": at(40) / scale,
        }
    if len(packet) == 184:
        tick |= {"trade_s": at(44), "oi": at(48), "oi_high": at(52), "oi_low": at(56)}
        tick["exchange_s"] = at(60)
        rows = [
            (at(o + 4) / scale, at(o), struct.unpack_from(">H", packet, o + 8)[0])
            for o in range(64, 184, 12)
        ]
        tick["bids"], tick["asks"] = rows[:5], rows[5:]
    return tick


def _read_frame(frame: bytes) -> list[bytes]:
    """The packets of a frame, which must be used up to its last byte."""
    count, offset, packets = int.from_bytes(frame[:2], "big"), 2, []
    for _ in range(count):
        length = int.from_bytes(frame[offset : offset + 2], "big")
        packets.append(frame[offset + 2 : offset + 2 + length])
        offset += 2 + length
    assert offset == len(frame)
    return packets


@pytest.fixture(scope="session")
def read_packet():
    return _read_packet


@pytest.fixture(scope="session")
def read_frame():
    return _read_frame


ROWS = "".join(f"2022-10-03 09:00:{n:02d},{17_000 + n}\n" for n in range(40))


class Sim:
    """What the tests of the server drive it with."""

    @staticmethod
    @contextlib.asynccontextmanager
    async def running(**settings):
        server = SimulatorServer(SimulatorSettings(broker="zerodha", **settings))
        await server.start()
        try:
            yield server
        finally:
            await server.stop()

    @staticmethod
    def client(server, api_key="k", access_token="t"):
        query = urllib.parse.urlencode({"api_key": api_key, "access_token": access_token})
        return connect(
            f"ws://127.0.0.1:{server.port}/?{query}", compression=None, close_timeout=0.2
        )

    @staticmethod
    async def ask(websocket, action, value):
        await websocket.send(json.dumps({"a": action, "v": value}))

    @staticmethod
    async def get(server, path):
        def fetch():
            url = f"http://127.0.0.1:{server.port}{path}"
            with urllib.request.urlopen(url, timeout=5) as page:
                return page.headers["Content-Type"], page.read().decode()

        return await asyncio.to_thread(fetch)

    @staticmethod
    async def until(condition, timeout_s=5.0):
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.005)


@pytest.fixture(scope="session")
def sim() -> type[Sim]:
    return Sim


@pytest.fixture
def packets_of(read_packet, read_frame):
    """Reads packets from a WebSocket, heartbeats left out."""

    async def read(websocket, count):
        ticks = []
        async with asyncio.timeout(5):
            while len(ticks) < count:
                frame = await websocket.recv()
                if len(frame) > 1:
                    ticks += [read_packet(packet) for packet in read_frame(frame)]
        return ticks

    return read


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "nifty.csv"
    path.write_text(ROWS)
    return str(path)
