"""Bombs, floods and clients that never read, each beside a client that must not notice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import time
import zlib

import pytest
from attacking import MIB, auth, frame, limits, rss, shake
from websockets.exceptions import ConnectionClosed

PING = {"action": "ping"}


def bomb():
    """A gibibyte of zeros as raw deflate, less than a mebibyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    chunk = bytes(64 * MIB)
    packed = packer.compress(chunk) + packer.flush(zlib.Z_FULL_FLUSH)
    return packed * 16


def test_compression_bomb_is_never_unpacked(proxy_bench):
    async def scenario():
        packed = bomb()
        assert len(packed) < MIB + 100_000
        async with proxy_bench(max_message_bytes=2 * MIB) as bench:
            good = await bench.client()
            reader, writer, head = await shake(
                bench, more="Sec-WebSocket-Extensions: permessage-deflate\r\n"
            )
            assert "101" in head
            assert "extensions" not in head.lower()
            before = rss()
            writer.write(frame(1, packed, rsv1=True))
            answer = await reader.read()
            assert answer[:1] == b"\x88"
            assert struct.unpack(">H", answer[2:4]) == (1002,)
            assert rss() - before < 32 * MIB
            assert (await good.ask(PING))["type"] == "pong"
            writer.close()

    asyncio.run(scenario())


def test_flood_of_messages_is_closed_with_4429(proxy_bench):
    async def scenario():
        async with proxy_bench(access=limits(messages_per_s=10, message_burst=50)) as bench:
            good, flooder = await bench.client(), await bench.client()
            await flooder.send(*[PING] * 200)
            with pytest.raises(ConnectionClosed) as closed:
                await flooder.receive_all()
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
                4429,
                "too many messages",
            )
            assert bench.service.stats()["flood_closed_total"] == 1
            assert (await good.ask(PING))["type"] == "pong"

    asyncio.run(scenario())


def test_flood_of_control_frames_counts_like_messages(proxy_bench):
    async def scenario():
        async with proxy_bench(access=limits(messages_per_s=10, message_burst=50)) as bench:
            reader, writer, _ = await shake(bench)
            writer.write(frame(9, b"x") * 500)
            await reader.read()
            assert bench.service.stats()["flood_closed_total"] == 1
            writer.close()

    asyncio.run(scenario())


def test_client_that_pings_for_ever_and_never_reads_is_cut_off(proxy_bench):
    async def scenario():
        access = limits(messages_per_s=1e9, message_burst=10**9, max_unread_bytes=MIB)
        async with proxy_bench(access=access, max_backlog_bytes=MIB) as bench:
            good = await bench.client()
            reader, writer, _ = await shake(bench)
            reader._transport.pause_reading()
            before = rss()
            ping = frame(9, bytes(125)) * 1000
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(20):
                    while not bench.service.stats()["unread_closed_total"]:
                        writer.write(ping)
                        await writer.drain()
            assert bench.service.stats()["unread_closed_total"] == 1
            assert rss() - before < 64 * MIB
            assert (await good.ask(PING))["type"] == "pong"
            writer.transport.abort()

    asyncio.run(scenario())


def test_big_messages_that_wait_are_held_back_in_the_network(proxy_bench):
    """A thousand frames may wait, and each may be a mebibyte: bytes are bounded, too."""

    async def scenario():
        access = limits(free_failed_logins=1, failed_login_delay_s=1.0)
        async with proxy_bench(access=access) as bench:
            client = await bench.connect()
            await client.ask(auth("wrong"))
            before = rss()
            big = "x" * (MIB - 100)
            messages = [auth("wrong again"), *[json.dumps([big]) for _ in range(60)]]
            sending = asyncio.create_task(client.send(*messages))
            await asyncio.sleep(0.5)
            (inside,) = bench.service._server.clients
            assert inside._connection._waiting_bytes <= 2 * MIB + 2**18
            assert not sending.done()
            for _ in range(61):
                assert (await client.receive())["status"] == "error"
            await sending
            assert (await client.ask(PING))["type"] == "pong"
            assert rss() - before < 200 * MIB  # both ends are in this process

    asyncio.run(scenario())


def test_client_that_never_reads_costs_a_bound_and_nobody_else(proxy_bench):
    async def scenario():
        async with proxy_bench(stall_timeout_s=1.0) as bench:
            good, stalled = await bench.client(), await bench.client(max_queue=1)
            for client in (good, stalled):
                await client.subscribe()
            stalled.connection.transport.pause_reading()
            before, slowest = rss(), 0.0
            for number in range(3000):
                began = time.perf_counter()
                bench.adapter.tick(ltp=number, padding="x" * 20_000)
                assert (await good.receive())["data"]["ltp"] == number
                slowest = max(slowest, time.perf_counter() - began)
            assert slowest < 1.0
            assert rss() - before < 96 * MIB
            await bench.until(lambda: bench.service.stats()["slow_closed_total"] == 1)
            stalled.connection.transport.abort()

    asyncio.run(scenario())
