"""Clients that have stopped reading move with what they are owed."""

import asyncio

import pytest

from bus.moving.passing import can_pass_sockets

pytestmark = pytest.mark.skipif(not can_pass_sockets(), reason="no SCM_RIGHTS here")

PADDING = "x" * 20_000


async def fall_behind(bench, client, enough):
    """Ticks that a client does not read, until so much is true of it."""
    client.connection.transport.pause_reading()
    sent = 0
    while not enough(bench.service.clients()[0][0]):
        sent += 1
        bench.adapter.tick("A", ltp=sent, padding=PADDING)
        await asyncio.sleep(0)
    return sent


def test_unsent_bytes_travel_and_nothing_is_left_out(moving):
    async def scenario():
        bounds = {"conflate_above_bytes": 1 << 27, "max_backlog_bytes": 1 << 28}
        async with moving(conflate_after_s=60, **bounds) as (bench, new):
            slow = await bench.client(max_queue=1)
            await slow.subscribe("A")
            sent = await fall_behind(bench, slow, lambda one: one.queue_bytes > 2_000_000)
            owed = bench.service.clients()[0][0].queue_bytes
            assert (await new.take_over())["handover_moved"] == 1
            [status] = new.service.clients()[0]
            assert status.queue_bytes > owed / 2  # the kernel may have taken some meanwhile
            assert not status.conflating
            bench.adapter.tick("A", ltp=sent + 1)
            slow.connection.transport.resume_reading()
            got = [(await slow.receive())["data"]["ltp"] for _ in range(sent + 1)]
            assert got == list(range(1, sent + 2))
            assert new.service.clients()[0][0].delivered == sent + 1

    asyncio.run(scenario())


def test_a_conflated_client_stays_so_gets_what_is_latest_and_recovers(moving):
    async def scenario():
        async with moving(conflate_above_bytes=100_000) as (bench, new):
            slow = await bench.client(max_queue=1)
            await slow.ask({"action": "subscribe", "symbols": ["A", "B"], "mode": 1})
            sent = await fall_behind(bench, slow, lambda one: one.conflating)
            bench.adapter.tick("B", ltp=1)  # which it has never had
            bench.adapter.tick("A", ltp=sent + 1)
            await bench.until(lambda: bench.service._desk.lanes.routes.last(b"ZERODHA_NSE_B_LTP"))
            before = bench.service.clients()[0][0]
            assert (await new.take_over())["handover_moved"] == 1
            [status] = new.service.clients()[0]
            assert status.conflating
            assert status.conflated >= before.conflated
            bench.adapter.tick("A", ltp=sent + 2)
            slow.connection.transport.resume_reading()
            last = {}
            while last != {"A": sent + 2, "B": 1}:
                push = await slow.receive()
                assert push["data"]["ltp"] > last.get(push["symbol"], 0)
                last[push["symbol"]] = push["data"]["ltp"]
            await bench.until(lambda: new.service.stats()["conflating"] == 0)
            bench.adapter.tick("A", ltp=sent + 3)
            assert (await slow.receive())["data"]["ltp"] == sent + 3
            [status] = new.service.clients()[0]
            # Each tick was delivered, or a newer one took its place: none is lost.
            assert status.delivered + status.conflated == sent + 4
            assert status.dropped == 0

    asyncio.run(scenario())


def test_a_client_that_never_reads_is_closed_by_the_next_proxy(moving):
    async def scenario():
        settings = {"conflate_above_bytes": 50_000, "stall_timeout_s": 0.5}
        async with moving(**settings) as (bench, new):
            slow = await bench.client(max_queue=1)
            await slow.subscribe("A")
            await fall_behind(bench, slow, lambda one: one.conflating)
            assert (await new.take_over())["handover_moved"] == 1
            await bench.until(lambda: new.service.stats()["slow_closed_total"] == 1, 10)
            slow.connection.transport.abort()

    asyncio.run(scenario())
