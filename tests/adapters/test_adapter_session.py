"""One connection against a real WebSocket server on loopback."""

import asyncio
import contextlib
import json
import logging

import pytest
from session_owner import Owner
from websockets.exceptions import ConnectionClosed

from adapters.connecting.link import State
from bus.topics import Mode

ORDER = {
    "order_id": "1", "tradingsymbol": "SBIN", "exchange": "NSE", "transaction_type": "BUY",
    "order_type": "LIMIT", "product": "CNC", "status": "OPEN", "instrument_token": 257,
}  # fmt: skip


def test_subscribes_and_hands_on_ticks(kite, account, wire, eventually):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url))
            owner.session.want("257", Mode.LTP)
            async with owner.running():
                await eventually(lambda: len(server.requests) == 2)
                assert server.queries == ["/?api_key=key-12345&access_token=token-67890"]
                assert server.requests[1] == {"a": "mode", "v": ["ltp", [257]]}
                await eventually(lambda: owner.asked == ["257"])
                assert owner.session.asked("257") is Mode.LTP
                await server.send(wire.frame(wire.ltp(257, 12345)))
                await eventually(lambda: owner.ticks)
                assert owner.ticks[0].ltp == 123.45
                owner.session.want("257", None)
                await eventually(lambda: server.requests[2:] == [{"a": "unsubscribe", "v": [257]}])
            assert owner.session.state is State.STOPPED

    asyncio.run(scenario())


def test_requests_keep_the_pace_and_the_batch(kite, account, eventually):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url), batch=10)
            tokens = [str(256 * n + 1) for n in range(1, 61)]
            for token in tokens:
                owner.session.want(token, Mode.DEPTH)
            async with owner.running():
                await eventually(lambda: len(owner.asked) == 60)
                assert owner.asked == tokens
                await eventually(lambda: len(server.requests) == 12)
                assert max(len(r["v"]) for r in server.requests) == 10

    asyncio.run(scenario())


def test_a_refused_token_is_told_apart_and_not_hammered(kite, account, eventually, caplog):
    async def scenario():
        async with kite() as server:
            server.status = 403
            owner = Owner(account(server.url))
            with caplog.at_level(logging.INFO):
                async with owner.running():
                    await eventually(lambda: owner.states == [State.NEEDS_TOKEN])
                    await asyncio.sleep(0.05)
            assert owner.states == [State.NEEDS_TOKEN]
            assert "HTTP 403 Incorrect `api_key` or `access_token`." in caplog.text
            assert "next attempt in 300.0 s" in caplog.text

    asyncio.run(scenario())
    assert "token-67890" not in caplog.text


def test_a_server_that_is_not_there_is_tried_for_ever(account, kite, eventually, caplog):
    async def scenario():
        async with kite() as server:
            url = server.url
        owner = Owner(account(url))
        async with owner.running():
            await eventually(lambda: owner.states == [State.BACKOFF])
            assert owner.session.detail.startswith("ConnectionRefusedError")
            await eventually(lambda: len(owner.lost) > 3)
        assert owner.states == [State.BACKOFF]

    asyncio.run(scenario())
    assert len(caplog.records) == 1
    assert "token-67890" not in caplog.text


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense"])
def test_a_bad_address_does_not_show_the_token(account, url, eventually, caplog):
    async def scenario():
        owner = Owner(account(url))
        async with owner.running():
            await eventually(lambda: owner.states)

    asyncio.run(scenario())
    assert "handshake failed: InvalidURI" in caplog.text
    assert "token-67890" not in caplog.text


def test_after_a_drop_everything_is_asked_again(kite, account, eventually):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url))
            owner.session.want("257", Mode.LTP)
            owner.session.want("513", Mode.DEPTH)
            async with owner.running():
                await eventually(lambda: len(owner.asked) == 2)
                await eventually(lambda: len(server.requests) == 4)
                before = list(server.requests)
                await server.sockets[0].close(1011, "maintenance token-67890")
                await eventually(lambda: len(owner.asked) == 4)
                await eventually(lambda: len(server.requests) == 2 * len(before))
                assert server.requests[len(before) :] == before
                assert sorted(owner.lost[0]) == ["257", "513"]
                expected = [State.CONNECTED, State.BACKOFF, State.CONNECTED]
                assert owner.states == expected
                assert owner.counters.reconnects == 1

    asyncio.run(scenario())


def test_a_silent_feed_is_dropped_and_a_heartbeat_keeps_it(kite, account, eventually, caplog):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url), silence_s=0.2)
            async with owner.running():
                await eventually(lambda: server.sockets)
                for _ in range(10):
                    await server.send(b"\x00")
                    await asyncio.sleep(0.04)
                assert owner.counters.reconnects == 0
                await eventually(lambda: owner.counters.reconnects == 1)

    asyncio.run(scenario())
    assert "no frame for 0.2 s" in caplog.text


def test_a_malformed_frame_is_counted_and_the_session_lives(
    kite, account, wire, eventually, caplog
):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url))
            async with owner.running():
                await eventually(lambda: server.sockets)
                for _ in range(3):
                    await server.send(b"\x00\x02" + wire.frame(wire.ltp(257, 100))[2:])
                await server.send("no json")
                await server.send('{"type":"message","data":"hello token-67890"}')
                await server.send('{"type":"order","data":{}}')
                await server.send(json.dumps({"type": "order", "data": ORDER}))
                await server.send(wire.frame(wire.ltp(513, 200)))
                await eventually(lambda: len(owner.ticks) == 4)
                counters = owner.counters
                assert (counters.malformed, len(owner.orders)) == (5, 1)
                assert owner.session.state is State.CONNECTED
                assert counters.reconnects == 0

    with caplog.at_level(logging.INFO):
        asyncio.run(scenario())
    assert caplog.text.count("truncated") == 1
    assert "the broker says: hello ***" in caplog.text


def test_a_token_that_dies_in_session(kite, account, eventually):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url))
            async with owner.running():
                await eventually(lambda: server.sockets)
                await server.send('{"type":"error","data":"too many instruments"}')
                await server.send('{"type":"error","data":"TokenException: expired"}')
                await eventually(lambda: owner.session.state is State.NEEDS_TOKEN)
                assert owner.session.detail == "TokenException: expired"
                assert owner.counters.broker_errors == 2

    asyncio.run(scenario())


def test_a_feed_without_ticks_is_dropped_while_the_market_is_open(
    kite, account, eventually, caplog
):
    async def scenario():
        async with kite() as server:
            owner = Owner(account(server.url), stall_s=0.2)
            async with owner.running():
                await eventually(lambda: server.sockets)
                await asyncio.sleep(0.3)
                assert owner.counters.reconnects == 0
                owner.is_open = True
                while owner.counters.reconnects == 0:
                    with contextlib.suppress(ConnectionClosed):
                        await server.send(b"\x00")
                    await asyncio.sleep(0.02)

    asyncio.run(scenario())
    assert "no tick for 0.2 s while the market is open" in caplog.text


def test_stop_while_connecting(account):
    async def scenario():
        async def mute(reader, writer):
            await reader.read()
            writer.close()

        async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            owner = Owner(account(f"ws://127.0.0.1:{port}"))
            async with owner.running():
                await asyncio.sleep(0.05)
            assert owner.session.state is State.STOPPED

    asyncio.run(scenario())
