"""Subscribing and unsubscribing, with real WebSocket clients and a real bus."""

from __future__ import annotations

import asyncio

import pytest

from bus.topics import Mode

PING = {"action": "ping"}


def test_rejected_symbol_is_told_and_not_held(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            client = await bench.client()
            reply = await client.ask(
                {"action": "subscribe", "symbols": ["NSE:SBIN", "NSE:BAD"], "mode": "LTP"}
            )
            assert reply["status"] == "partial"
            assert reply["subscriptions"][1] == {
                "symbol": "BAD",
                "exchange": "NSE",
                "status": "error",
                "message": "Symbol BAD not found for exchange NSE",
                "broker": "zerodha",
                "code": "SYMBOL_NOT_FOUND",
            }
            assert bench.service.stats()["subscriptions"] == 1
            await bench.until(lambda: ("ZERODHA_NSE_BAD_LTP", False) in bench.adapter.demands)

    asyncio.run(scenario())


def test_unanswered_demand_is_acknowledged_in_time_and_only_the_first_one_waits(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            bench.adapter.mute = True
            client = await bench.client()
            loop = asyncio.get_running_loop()
            began = loop.time()
            assert (await client.subscribe("SBIN"))["status"] == "success"
            assert 0.2 < loop.time() - began < 0.45
            began = loop.time()
            for symbol in ("TCS", "INFY", "ITC"):
                assert (await client.subscribe(symbol))["status"] == "success"
            assert loop.time() - began < 0.2
            await bench.until(lambda: ("ZERODHA_NSE_ITC_LTP", True) in bench.adapter.demands)
            bench.adapter.tick("ITC", ltp=5)
            assert (await client.receive())["symbol"] == "ITC"

    asyncio.run(scenario())


def test_waiting_for_an_answer_keeps_this_clients_order_and_holds_up_nobody_else(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            bench.adapter.mute = True
            waiting, other = await bench.client(), await bench.client()
            await waiting.send({"action": "subscribe", "symbol": "SBIN"}, PING)
            assert (await other.ask(PING))["type"] == "pong"
            assert await waiting.is_quiet(0.02)
            assert (await waiting.receive())["type"] == "subscribe"
            assert (await waiting.receive())["type"] == "pong"

    asyncio.run(scenario())


def test_ticks_while_the_acknowledgement_waits_follow_it(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            bench.adapter.mute = True
            client = await bench.client()
            await client.send({"action": "subscribe", "symbol": "SBIN", "mode": 1})
            await bench.until(lambda: ("ZERODHA_NSE_SBIN_LTP", True) in bench.adapter.demands)
            for price in (1, 2, 3):
                bench.adapter.tick(ltp=price)
            assert (await client.receive())["type"] == "subscribe"
            bench.adapter.tick(ltp=4)
            assert [(await client.receive())["data"]["ltp"] for _ in range(4)] == [1, 2, 3, 4]

    asyncio.run(scenario())


def test_demand_waits_for_an_adapter_that_is_not_there_yet(proxy_bench):
    async def scenario():
        async with proxy_bench(present=False) as bench:
            client = await bench.client()
            assert (await client.subscribe())["status"] == "success"
            info = await client.ask({"action": "get_broker_info"})
            assert info["adapter_status"] == "disconnected"
            bench.service.follow([bench.adapter.entry])
            await bench.until(lambda: ("ZERODHA_NSE_SBIN_LTP", True) in bench.adapter.demands)
            bench.adapter.state("connected")
            bench.adapter.tick(ltp=7)
            assert (await client.receive())["data"]["ltp"] == 7
            info = await client.ask({"action": "get_broker_info"})
            assert info["adapter_status"] == "connected"

    asyncio.run(scenario())


def test_two_spellings_of_one_symbol_each_get_their_own(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            upper, lower = await bench.client(), await bench.client()
            await upper.subscribe("SBIN", "NSE")
            ack = await lower.subscribe(" sbin", "nse")
            assert ack["subscriptions"][0]["symbol"] == " sbin"
            bench.adapter.tick(ltp=9)
            push = await upper.receive()
            assert (push["symbol"], push["topic"]) == ("SBIN", "SBIN.NSE")
            push = await lower.receive()
            assert (push["symbol"], push["exchange"], push["topic"]) == (
                " sbin",
                "nse",
                " sbin.nse",
            )
            assert push["data"] == {"symbol": " sbin", "exchange": "nse", "ltp": 9}
            assert bench.adapter.demands == [("ZERODHA_NSE_SBIN_LTP", True)]

    asyncio.run(scenario())


@pytest.mark.parametrize("gather_s", [0.0, 0.02])
def test_messages_of_one_client_come_in_bus_order(proxy_bench, gather_s):
    async def scenario():
        async with proxy_bench(gather_s=gather_s) as bench:
            client, twin = await bench.client(), await bench.client()
            for one in (client, twin):
                await one.ask({"action": "subscribe", "symbols": ["A", "B", "C"], "mode": 1})
            for number in range(300):
                bench.adapter.tick("ABC"[number % 3], ltp=number)
            for one in (client, twin):
                got = [(await one.receive())["data"]["ltp"] for _ in range(300)]
                assert got == list(range(300))
            assert bench.service.stats()["delivered_total"] == 600
            assert bench.service.stats()["lost_total"] == 0

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("request_", "left"),
    [
        ({"symbols": [{"symbol": "SBIN", "exchange": "NSE"}]}, set()),
        ({"mode": "ltp", "symbols": [{"symbol": "SBIN", "exchange": "NSE"}]}, {2, 3}),
        ({"symbols": [{"symbol": "SBIN", "exchange": "NSE", "mode": 3}]}, {1, 2}),
        ({"symbols": ["NSE:SBIN"], "mode": "all"}, set()),
        ({"symbol": "SBIN", "exchange": "NSE", "mode": 2}, {1, 3}),
        ({"symbol": "OTHER", "exchange": "NSE"}, {1, 2, 3}),
    ],
)
def test_unsubscribe_drops_the_modes_that_the_client_means(proxy_bench, request_, left):
    async def scenario():
        async with proxy_bench() as bench:
            client = await bench.client()
            for mode in (1, 2, 3):
                await client.subscribe(mode=mode)
            reply = await client.ask({"action": "unsubscribe", **request_})
            assert reply["status"] == "success"
            assert len(reply["successful"]) == 1
            for mode in Mode:
                bench.adapter.tick(mode=mode, ltp=1)
            await client.send(PING)
            assert bench.service.stats()["subscriptions"] == len(left)
            got = set()
            while got != left:
                message = await client.receive()
                if message["type"] == "market_data":
                    got.add(message["mode"])
            await bench.until(
                lambda: sum(not wanted for _, wanted in bench.adapter.demands) == 3 - len(left)
            )

    asyncio.run(scenario())


def test_client_that_leaves_withdraws_its_demand(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            client = await bench.client()
            await client.subscribe()
            bench.adapter.mute = True
            await client.send({"action": "subscribe", "symbol": "TCS", "mode": 1})
            await bench.until(lambda: ("ZERODHA_NSE_TCS_LTP", True) in bench.adapter.demands)
            await client.connection.close()
            for topic in ("ZERODHA_NSE_SBIN_LTP", "ZERODHA_NSE_TCS_LTP"):
                await bench.until(lambda topic=topic: (topic, False) in bench.adapter.demands)
            assert bench.service.stats()["topics"] == 0
            assert bench.service.stats()["clients"] == 0

    asyncio.run(scenario())


def test_restarted_adapter_is_asked_again_for_everything(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            client = await bench.client()
            await client.subscribe()
            successor = type(bench.adapter)(bench.service._host.context, generation=2)
            bench.service.follow([successor.entry])
            await bench.until(lambda: ("ZERODHA_NSE_SBIN_LTP", True) in successor.demands)
            successor.tick(ltp=2)
            assert (await client.receive())["data"]["ltp"] == 2
            successor.publisher.close()

    asyncio.run(scenario())
