"""100,000 messages and raw frames of every kind against a live proxy process.

The contract: whatever comes, the process lives, its memory does not grow, and another client
gets every tick in order and in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import struct

import pytest
from live_proxy import LiveProxy
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

MESSAGES = 100_000
#: Of those, frames on raw connections, which mostly end with the frame.
RAW_FRAMES = 5_000
WARM_UP = 10_000
GROWTH_BYTES = 12 << 20
LATE_S = 2.0


class Chaos:
    """Makes what no client should send."""

    ACTIONS = (
        "authenticate", "auth", "subscribe", "unsubscribe", "unsubscribe_all", "subscribe_orders",
        "unsubscribe_orders", "get_broker_info", "get_supported_brokers", "ping", "pong", "x", "",
    )  # fmt: skip
    FIELDS = (
        "action", "type", "api_key", "apikey", "symbols", "instruments", "symbol", "exchange",
        "mode", "depth", "depth_level", "request_id", "timestamp", "_pingId",
    )  # fmt: skip
    WORDS = (
        "NSE", "nse", "SBIN", "NSE:SBIN", "SBIN.NSE", "RELIANCE:50", " tcs ", "LTP", "Depth", "all",
        "\x00", "\ud7ff", "🚀" * 40, "A" * 200, "NSE_INDEX", "INDEX_A", "1", "-1", "NaN", '"', "\\",
    )  # fmt: skip

    def __init__(self, seed):
        self.random = random.Random(seed)

    def value(self, depth=0):
        """JSON of any kind, more words than anything."""
        kinds = (self.constant, self.number, self.word, self.word, self.word)
        deep = () if depth == 3 else (self.some_list, self.some_object)
        return self.random.choice((*kinds, *deep))(depth + 1)

    def constant(self, _):
        return self.random.choice((None, True, False))

    def number(self, _):
        any_int, any_float = self.random.randrange(-(10**9), 10**9), self.random.random()
        return self.random.choice(
            (0, 1, 2, 3, 4, -1, 20, 2.0, -0.0, 1e308, 10**30, any_int, any_float)
        )

    def word(self, _):
        return self.random.choice(self.WORDS)

    def some_list(self, depth):
        return [self.value(depth) for _ in range(self.random.randrange(4))]

    def some_object(self, depth):
        names = self.random.choices(("symbol", "exchange", "mode", "x"), k=self.random.randrange(4))
        return {name: self.value(depth) for name in names}

    def request(self):
        fields = {"action": self.random.choice(self.ACTIONS)}
        for name in self.random.sample(self.FIELDS, self.random.randrange(5)):
            fields[name] = self.value()
        return fields

    def message(self):
        """Text or bytes of one message."""
        chance = self.random
        kind = chance.randrange(10)
        if kind < 5:
            return json.dumps(self.request())
        if kind == 5:
            return json.dumps(self.request()).encode()
        text = json.dumps(self.request())
        at = chance.randrange(len(text))
        if kind == 6:
            return text[:at]
        if kind == 7:
            return text[:at] + chance.choice('"{}[],:\\0 é') + text[at + 1 :]
        if kind == 8:
            return chance.randbytes(chance.randrange(200))
        return "[" * chance.choice((1, 10, 5000)) + json.dumps(self.value())

    def frame(self):
        """Bytes of one frame, right or wrong in any of its parts."""
        chance = self.random
        body = chance.randbytes(chance.choice((0, 1, 20, 125, 126, 300)))
        first = chance.choice((0x81, 0x82, 0x89, 0x8A, 0x88, chance.randrange(256)))
        masked = chance.random() < 0.9
        size = len(body) if chance.random() < 0.9 else chance.choice((0, 2**20 + 1, 2**62, 2**63))
        mark = 0x80 if masked else 0
        if size < 126:
            head = bytes((first, mark | size))
        elif size < 65536:
            head = struct.pack(">BBH", first, mark | 126, size)
        else:
            head = struct.pack(">BBQ", first, mark | 127, size)
        return head + (bytes(4) if masked else b"") + body


class Arena(LiveProxy):
    """A live proxy, and what is thrown at it."""

    async def converse(self, chaos, count):
        """Messages over connections of every profile, some logged in; answers are read."""
        paths = itertools.cycle(("/", "/?format=msgpack", "/?profile=flat&subscription_status=1"))
        while count > 0:
            async with connect(self.address + next(paths), compression=None) as client:
                reader = asyncio.create_task(_read_all(client))
                if chaos.random.random() < 0.7:
                    await client.send(json.dumps({"action": "auth", "api_key": self.key}))
                for _ in range(min(count, 2000)):
                    await client.send(chaos.message())
                await client.send('{"action":"ping","_pingId":"last"}')
                async with asyncio.timeout(30):
                    await reader
            count -= 2000

    async def shake(self, chaos, count):
        """Frames on raw connections, until each is closed."""
        port = int(self.address.rpartition(":")[2])
        while count > 0:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                b"Sec-WebSocket-Version: 13\r\n\r\n"
            )
            await reader.readuntil(b"\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                for _ in range(chaos.random.randrange(1, 12)):
                    writer.write(chaos.frame())
                    await writer.drain()
                    count -= 1
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.02):
                        while await reader.read(65536):
                            pass
            writer.transport.abort()


async def _read_all(client):
    """Until the answer to the last ping, in whatever format."""
    with contextlib.suppress(ConnectionClosed):
        async for message in client:
            if (b"last" if isinstance(message, bytes) else "last") in message:
                return


def test_a_hundred_thousand_messages_neither_crash_nor_leak_nor_disturb(tmp_path):
    seed = int(os.environ.get("OPENALGO_STREAM_TEST_SEED", "20261121"))

    async def scenario():
        arena, chaos, over = Arena(tmp_path), Chaos(seed), asyncio.Event()
        await arena.start()
        try:
            healthy = asyncio.create_task(arena.healthy(over))
            await arena.converse(chaos, WARM_UP)
            await arena.shake(chaos, 500)
            before = arena.rss()
            await arena.converse(chaos, MESSAGES - WARM_UP - RAW_FRAMES)
            await arena.shake(chaos, RAW_FRAMES)
            over.set()
            count, worst = await healthy
            await asyncio.sleep(1.5)  # a heartbeat after the last client left
            grown = arena.rss() - before
        finally:
            code = await arena.end()
        print(f"{count} ticks, latest {worst * 1000:.0f} ms, grown {grown / 1024:.0f} KiB")
        assert code == 0
        assert count > 100
        assert worst < LATE_S
        assert grown < GROWTH_BYTES
        assert arena.stats["malformed_total"] > MESSAGES / 10
        assert (arena.stats["clients"], arena.stats["subscriptions"]) == (0, 0)
        assert arena.stats["topics"] == arena.stats["lost_total"] == 0

    asyncio.run(scenario())
