"""The server on loopback, with real WebSocket clients and a real bus."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

from bus.control.exits import Exit
from bus.control.service import ExitError

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
