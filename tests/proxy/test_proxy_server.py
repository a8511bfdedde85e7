"""The server on loopback, with real WebSocket clients and a real bus."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

from bus.control.exits import Exit
from bus.control.service import ExitError
from bus.topics import Mode

PING = {"action": "ping"}


def test_pipelined_authenticate_and_subscribe_are_answered_in_order(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            key = bench.keys.create("alice")
            client = await bench.connect("/ws/?profile=peer")
            await client.send(
                {"action": "authenticate", "api_key": key},
                {"action": "subscribe", "symbol": "SBIN", "exchange": "NSE", "mode": 1},
                PING,
            )
            auth = await client.receive()
            assert list(auth) == [
                "type", "status", "message", "broker", "user_id", "supported_features",
            ]  # fmt: skip
            assert (auth["broker"], auth["user_id"]) == ("zerodha", "alice")
            assert (await client.receive())["subscriptions"] == [
                {
                    "symbol": "SBIN",
                    "exchange": "NSE",
                    "status": "success",
                    "mode": 1,
                    "depth": 5,
                    "broker": "zerodha",
                }
            ]
            assert (await client.receive())["type"] == "pong"

    asyncio.run(scenario())


def test_push_has_the_shape_and_key_order_that_clients_read(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            client = await bench.client()
            await client.subscribe()
            bench.adapter.tick(ltp=100.5, timestamp=1712572800000)
            text = await client.connection.recv()
            assert text == (
                '{"type":"market_data","symbol":"SBIN","exchange":"NSE","mode":1,'
                '"data":{"symbol":"SBIN","exchange":"NSE","ltp":100.5,"timestamp":1712572800000},'
                '"broker":"zerodha","topic":"SBIN.NSE"}'
            )

    asyncio.run(scenario())


def test_nothing_is_sent_before_the_client_speaks(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            client = await bench.connect()
            assert await client.is_quiet()
            reply = await client.ask({"action": "subscribe", "symbol": "SBIN"})
            assert reply == {
                "status": "error",
                "code": "NOT_AUTHENTICATED",
                "message": "You must authenticate first",
            }

    asyncio.run(scenario())


def test_binary_frames_hold_json_too(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            key = bench.keys.create("alice")
            client = await bench.connect()
            message = json.dumps({"type": "auth", "apikey": key}).encode()
            assert (await client.ask(message))["status"] == "success"
            assert (await client.ask(b'{"action": "ping\xff"}'))["code"] == "INVALID_JSON"

    asyncio.run(scenario())


def test_frame_too_big_closes_with_1009_and_nobody_else_notices(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            other = await bench.client()
            await other.subscribe()
            client = await bench.connect()
            await client.send("x" * ((1 << 20) + 1))
            with pytest.raises(ConnectionClosed) as closed:
                await client.receive()
            assert closed.value.rcvd.code == 1009
            assert closed.value.rcvd.reason.endswith("exceeds limit of 1048576 bytes")
            bench.adapter.tick(ltp=1)
            assert (await other.receive())["data"]["ltp"] == 1

    asyncio.run(scenario())


def test_unauthenticated_client_is_closed_with_4401_after_the_grace(proxy_bench):
    async def scenario():
        async with proxy_bench(auth_grace_s=0.1) as bench:
            client = await bench.connect()
            assert (await client.ask({"action": "authenticate", "api_key": "wrong"})) == {
                "status": "error",
                "code": "AUTHENTICATION_ERROR",
                "message": "Invalid API key",
            }
            with pytest.raises(ConnectionClosedError) as closed:
                await client.receive()
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "auth timeout")
            assert bench.service.stats()["auth_failures_total"] == 1
            authenticated = await bench.client()
            await asyncio.sleep(0.15)
            assert (await authenticated.ask(PING))["type"] == "pong"

    asyncio.run(scenario())


def test_tcp_probe_is_tolerated_without_a_word(proxy_bench, caplog):
    async def scenario():
        async with proxy_bench() as bench:
            for _ in range(3):
                with socket.create_connection(("127.0.0.1", bench.port)):
                    await asyncio.sleep(0.01)
            client = await bench.client()
            assert (await client.ask(PING))["type"] == "pong"

    asyncio.run(scenario())
    assert not [r for r in caplog.records if r.name.startswith("proxy") and r.levelname != "INFO"]


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


def test_messages_of_one_client_come_in_bus_order(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
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


def test_slow_client_is_closed_with_4008_while_others_go_on(proxy_bench):
    async def scenario():
        async with proxy_bench(max_backlog_bytes=200_000) as bench:
            healthy = await bench.client()
            slow = await bench.client(max_queue=1)
            for client in (healthy, slow):
                await client.subscribe()
            slow.connection.transport.pause_reading()
            padding = "x" * 20_000
            sent = 0
            while not bench.service.stats()["slow_closed_total"]:
                assert sent < 5000
                bench.adapter.tick(ltp=sent, padding=padding)
                assert (await healthy.receive())["data"]["ltp"] == sent
                sent += 1
            await bench.until(lambda: bench.service.stats()["clients"] == 1)
            bench.adapter.tick(ltp=-1)
            assert (await healthy.receive())["data"]["ltp"] == -1
            slow.connection.transport.abort()

    asyncio.run(scenario())


def test_slow_client_that_reads_again_learns_why_it_was_closed(proxy_bench):
    async def scenario():
        async with proxy_bench(max_backlog_bytes=200_000) as bench:
            slow = await bench.client()
            await slow.subscribe()
            slow.connection.transport.pause_reading()
            while not bench.service.stats()["slow_closed_total"]:
                bench.adapter.tick(ltp=1, padding="x" * 20_000)
                await asyncio.sleep(0)
            slow.connection.transport.resume_reading()
            with pytest.raises(ConnectionClosed) as closed:
                await slow.receive_all()
            assert closed.value.rcvd.code == 4008
            assert closed.value.rcvd.reason == "slow client: 200000 bytes unread"

    asyncio.run(scenario())


def test_revoked_key_closes_its_connections_within_about_a_second(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            bob = await bench.client("bob")
            alice = await bench.client("alice")
            bench.keys.revoke("bob")
            with pytest.raises(ConnectionClosed) as closed:
                await bob.receive(2.5)
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "key revoked")
            assert (await alice.ask(PING))["type"] == "pong"

    asyncio.run(scenario())


def test_authenticating_again_as_another_user_keeps_subscriptions(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            client = await bench.client("alice")
            await client.subscribe()
            key = bench.keys.create("bob")
            reply = await client.ask({"action": "authenticate", "api_key": key})
            assert reply["user_id"] == "bob"
            bench.adapter.tick(ltp=3)
            assert (await client.receive())["data"]["ltp"] == 3

    asyncio.run(scenario())


def test_without_adapters_the_key_is_good_but_there_is_no_broker(proxy_bench):
    async def scenario():
        async with proxy_bench(adapters=()) as bench:
            key = bench.keys.create("alice")
            client = await bench.connect()
            for request, message in [
                (
                    {"action": "authenticate", "api_key": key},
                    "No broker configuration found for user",
                ),
                ({"action": "subscribe", "symbol": "SBIN"}, "Broker adapter not found"),
                ({"action": "unsubscribe", "symbol": "SBIN"}, "Broker adapter not found"),
                ({"type": "unsubscribe_all"}, "Broker adapter not found"),
                ({"action": "get_broker_info"}, "Broker information not available"),
            ]:
                reply = await client.ask(request)
                assert reply == {"status": "error", "code": "BROKER_ERROR", "message": message}
            assert (await client.ask({"action": "subscribe_orders"}))["status"] == "success"

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


def test_stop_breaks_connections_without_a_closing_handshake(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            client = await bench.client()
            await bench.service.stop()
            with pytest.raises(ConnectionClosedError) as closed:
                await client.receive()
            assert closed.value.rcvd is None

    asyncio.run(scenario())


def test_busy_port_ends_the_process_with_a_configuration_error(proxy_bench, monkeypatch):
    monkeypatch.setattr("proxy.entrance.server._BIND_PATIENCE_S", 0.2)

    async def scenario():
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(ExitError, match=f"port {port} on 127.0.0.1 is in use") as error:
                async with proxy_bench(port=port):
                    pass
        assert error.value.code == Exit.CONFIGURATION

    asyncio.run(scenario())


def test_stats_file_tells_the_health_page_that_the_proxy_lives(proxy_bench, tmp_path):
    async def scenario():
        async with proxy_bench() as bench:
            path = tmp_path / "stats.json"
            await bench.until(path.exists)
            assert json.loads(path.read_bytes()).keys() == {
                "timestamp", "total_connections", "total_symbols", "clients_connected", "brokers",
            }  # fmt: skip

    asyncio.run(scenario())


def test_flood_of_one_client_is_answered_in_order_and_holds_up_nobody(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            flooder, other = await bench.client(), await bench.client()
            flood = [{"action": "ping", "timestamp": number} for number in range(2000)]
            await flooder.send(*flood)
            assert (await other.ask(PING))["type"] == "pong"
            replies = [await flooder.receive() for _ in flood]
            assert [reply["client_timestamp"] for reply in replies] == list(range(2000))

    asyncio.run(scenario())
