"""Clients move from one proxy to the next: both in this process, on one bus."""

import asyncio

import pytest

from bus.moving.passing import can_pass_sockets

pytestmark = pytest.mark.skipif(not can_pass_sockets(), reason="no SCM_RIGHTS here")


def test_a_client_moves_with_all_it_is_and_holds(moving):
    async def scenario():
        async with moving() as (bench, new):
            client = await bench.client()
            assert (await client.subscribe("SBIN"))["status"] == "success"
            assert (await client.subscribe("TCS", mode=3))["status"] == "success"
            bench.adapter.tick(ltp=1)
            assert (await client.receive())["data"]["ltp"] == 1
            stats = await new.take_over()
            assert stats["handover"] == "done"
            assert (stats["handover_moved"], stats["handover_of"]) == (1, 1)
            bench.adapter.tick(ltp=2)
            assert (await client.receive())["data"]["ltp"] == 2
            [status] = new.service.clients()[0]
            assert (status.user, status.subscriptions, status.delivered) == ("alice", 2, 2)
            assert status.connected_s > 0
            assert bench.service.clients()[1] == 0
            assert (await client.subscribe("INFY"))["status"] == "success"
            assert (await client.ask({"action": "unsubscribe_all"}))["status"] == "success"
            another = await bench.client()
            assert new.service.clients()[1] == 2
            assert (await another.subscribe())["status"] == "success"

    asyncio.run(scenario())


def test_ticks_before_during_and_after_come_once_and_in_order(moving):
    async def scenario():
        async with moving() as (bench, new):
            clients = [await bench.client() for _ in range(40)]
            for client in clients:
                await client.subscribe()
            done = asyncio.Event()
            count = 0

            async def tick():
                nonlocal count
                while not done.is_set():
                    count += 1
                    bench.adapter.tick(ltp=count)
                    await asyncio.sleep(0.0005)

            ticking = asyncio.create_task(tick())
            await asyncio.sleep(0.05)
            stats = await new.take_over()
            await asyncio.sleep(0.05)
            done.set()
            await ticking
            assert stats["handover_moved"] == 40
            for client in clients:
                seen = [(await client.receive())["data"]["ltp"] for _ in range(count)]
                assert seen == list(range(1, count + 1))
            assert new.service._arrival.stats()["arrival_lost_total"] == 0

    asyncio.run(scenario())
