"""Clients that are in the middle of something while they move to the next proxy."""

import asyncio
import json

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from bus.events import OrderUpdate, PaperOrder
from bus.market.orders import Order
from bus.moving.passing import can_pass_sockets
from bus.topics import Mode
from bus.wants import Demand
from identity.authority import Slow

pytestmark = pytest.mark.skipif(not can_pass_sockets(), reason="no SCM_RIGHTS here")

ORDER = Order(
    orderid="1",
    symbol="SBIN",
    exchange="NSE",
    action="BUY",
    quantity=10,
    price=1.0,
    trigger_price=0.0,
    pricetype="LIMIT",
    product="MIS",
    order_status="open",
    filled_quantity=0,
    pending_quantity=10,
    average_price=0.0,
)


def frame(opcode, data, *, fin=True):
    return Frame(opcode, data, fin).serialize(mask=True)


def ping(number, size=0):
    """A request, and what it looks like on the wire."""
    request = {"action": "ping", "_pingId": number, "padding": "x" * size}
    return frame(Opcode.TEXT, json.dumps(request).encode())


def in_fragments(number):
    """The same in three, with a ping of the protocol's own between them."""
    data = json.dumps({"action": "ping", "_pingId": number}).encode()
    return (
        frame(Opcode.TEXT, data[:5], fin=False)
        + frame(Opcode.CONT, data[5:9], fin=False)
        + frame(Opcode.PING, b"still here?")
        + frame(Opcode.CONT, data[9:])
    )


async def cut(bench, new, messages):
    """Each client sends its message up to a place before the move, and the rest after it."""
    clients = [await bench.client() for _ in messages]
    for client, (data, place) in zip(clients, messages, strict=True):
        client.connection.transport.write(data[:place])
    await asyncio.sleep(0.05)
    assert (await new.take_over())["handover_moved"] == len(clients)
    for client, (data, place) in zip(clients, messages, strict=True):
        client.connection.transport.write(data[place:])
    return [await client.receive() for client in clients]


@pytest.mark.parametrize("size", [0, 300, 70_000])
def test_a_frame_may_be_cut_anywhere(moving, size):
    async def scenario():
        async with moving() as (bench, new):
            whole = [ping(number, size) for number in range(20)]
            # Inside its head, its length and its mask, in the first byte of it, and its last.
            places = [*range(18), len(whole[0]) // 2, len(whole[0]) - 1]
            got = await cut(bench, new, list(zip(whole, places, strict=True)))
            assert [one["_pingId"] for one in got] == list(range(20))

    asyncio.run(scenario())


def test_a_message_in_fragments_may_be_cut_anywhere(moving):
    async def scenario():
        async with moving() as (bench, new):
            length = len(in_fragments(0))
            messages = [(in_fragments(place), place) for place in range(1, length, 2)]
            got = await cut(bench, new, messages)
            assert [one["_pingId"] for one in got] == [place for _, place in messages]

    asyncio.run(scenario())


def test_a_message_in_fragments_is_no_longer_for_the_move_than_allowed(moving):
    async def scenario():
        async with moving(max_message_bytes=1000) as (bench, new):
            client = await bench.client()
            client.connection.transport.write(frame(Opcode.TEXT, b"x" * 900, fin=False))
            await asyncio.sleep(0.05)
            assert (await new.take_over())["handover_moved"] == 1
            client.connection.transport.write(frame(Opcode.CONT, b"x" * 101))
            with pytest.raises(ConnectionClosed) as closed:
                await client.receive()
            assert closed.value.rcvd.code == 1009

    asyncio.run(scenario())


def test_requests_go_on_while_clients_move_and_each_is_answered_once(moving):
    async def scenario():
        async with moving() as (bench, new):
            clients = [await bench.client() for _ in range(30)]
            stop = asyncio.Event()

            async def talk(client):
                number = 0
                while not stop.is_set():
                    number += 1
                    await client.send({"action": "ping", "_pingId": number})
                    symbol = f"S{number % 7}"
                    await client.send({"action": "subscribe", "symbol": symbol, "request_id": "s"})
                    assert (await client.receive())["_pingId"] == number
                    ack = await client.receive()
                    assert (ack["status"], ack["request_id"]) == ("success", "s")
                assert await client.is_quiet()
                return number

            talking = [asyncio.create_task(talk(client)) for client in clients]
            await asyncio.sleep(0.1)
            stats = await new.take_over()
            assert (stats["handover_moved"], stats["handover_draining"]) == (30, 0)
            await asyncio.sleep(0.1)
            stop.set()
            assert min(await asyncio.gather(*talking)) > 1

    asyncio.run(scenario())


def test_a_login_under_way_is_done_by_the_next_proxy(moving):
    async def scenario():
        async with moving() as (bench, new):
            key = bench.keys.create("bob")
            begun = asyncio.Event()

            async def never():
                begun.set()
                await asyncio.Event().wait()

            bench.service._desk.authority.verify = lambda _: Slow(never)
            client = await bench.connect()
            await client.send(
                {"action": "authenticate", "api_key": key},
                {"action": "subscribe", "symbol": "SBIN", "mode": 1},
                {"action": "ping", "_pingId": 7},
            )
            await begun.wait()
            assert (await new.take_over())["handover_moved"] == 1
            assert (await client.receive())["user_id"] == "bob"
            assert (await client.receive())["subscriptions"][0]["status"] == "success"
            assert (await client.receive())["_pingId"] == 7

    asyncio.run(scenario())


def test_a_subscribe_that_waits_for_its_adapter_is_answered_before_the_move(moving):
    async def scenario():
        async with moving() as (bench, new):
            client = await bench.client()
            bench.adapter.mute = True
            await client.send({"action": "subscribe", "symbol": "SBIN", "mode": 1})
            await bench.until(lambda: bench.adapter.demands != [])
            assert (await new.take_over())["handover_moved"] == 1
            assert (await client.receive())["subscriptions"][0]["status"] == "success"
            bench.adapter.tick(ltp=5)
            assert (await client.receive())["data"]["ltp"] == 5

    asyncio.run(scenario())


def test_who_connects_while_others_move_is_served(moving):
    async def scenario():
        async with moving() as (bench, new):
            clients = [await bench.client() for _ in range(40)]
            new.begin()
            late = []
            while not bench.service._departing.done():
                if len(late) < 20:  # a key may have 64 connections
                    late.append(await bench.client())
                    assert (await late[-1].subscribe())["status"] == "success"
                await asyncio.sleep(0)
            assert bench.service._departure.stats()["handover"] == "done"
            assert late
            bench.adapter.tick(ltp=1)
            for client in late:
                assert (await client.receive())["data"]["ltp"] == 1
            for client in clients:
                assert (await client.ask({"action": "ping"}))["type"] == "pong"
            assert new.service.clients()[1] == len(clients) + len(late)

    asyncio.run(scenario())


def test_a_handshake_is_begun_at_one_proxy_and_ended_at_the_next(moving):
    async def scenario():
        async with moving() as (bench, new):
            reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
            request = (
                f"GET /?profile=flat HTTP/1.1\r\nHost: 127.0.0.1:{bench.port}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            ).encode()
            writer.write(request[:50])
            await bench.until(lambda: any(c._opening for c in bench.service._server.door.present))
            assert (await new.take_over())["handover_moved"] == 1
            writer.write(request[50:])
            assert b" 101 " in await asyncio.wait_for(reader.readline(), 5)
            await bench.until(lambda: new.service.clients()[1] == 1)
            assert new.service.clients()[0][0].profile == "flat"
            writer.close()

    asyncio.run(scenario())


def test_orders_before_during_and_after_come_once(moving):
    async def scenario():
        async with moving() as (bench, new):
            clients = [await bench.client() for _ in range(20)]
            for client in clients:
                await client.ask({"action": "subscribe_orders"})
            stranger = await bench.client()
            done = asyncio.Event()
            count = 0

            async def trade():
                nonlocal count
                while not done.is_set():
                    order = msgspec.structs.replace(ORDER, orderid=str(count))
                    event = PaperOrder("alice", order) if count % 2 else OrderUpdate(order)
                    bench.adapter.event(event)
                    count += 1
                    await asyncio.sleep(0.001)

            trading = asyncio.create_task(trade())
            await asyncio.sleep(0.05)
            assert (await new.take_over())["handover_moved"] == 21
            await asyncio.sleep(0.05)
            done.set()
            await trading
            for client in clients:
                got = [await client.receive() for _ in range(count)]
                assert [one["orderid"] for one in got] == [str(n) for n in range(count)]
                assert {one["mode"] for one in got} == {"live", "analyze"}
                assert await client.is_quiet(0.01)
            assert await stranger.is_quiet()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("?profile=topic", "topic"),
        ("?profile=flat", "flat"),
        ("?profile=typed&subscription_status=1", "typed"),
        ("?format=msgpack", "peer+msgpack"),
        ("?profile=flat&format=msgpack", "flat+msgpack"),
    ],
)
def test_a_client_is_spoken_to_as_before(moving, query, name):
    def read(message):
        decode = msgspec.msgpack.decode if isinstance(message, bytes) else json.loads
        return decode(message)

    async def scenario():
        async with moving() as (bench, new), connect(bench.address + "/" + query) as client:
            await client.send(json.dumps({"action": "auth", "api_key": bench.keys.create("bob")}))
            assert read(await client.recv())["user_id"] == "bob"
            await client.send(json.dumps({"action": "subscribe", "symbol": "SBIN", "mode": 2}))
            assert "error" not in str(read(await client.recv()))
            bench.adapter.tick(mode=Mode.QUOTE, ltp=1)
            before = await client.recv()
            assert (await new.take_over())["handover_moved"] == 1
            assert new.service.clients()[0][0].profile == name
            bench.adapter.tick(mode=Mode.QUOTE, ltp=2)
            after = await client.recv()
            assert type(after) is type(before)
            assert str(read(after)) == str(read(before)).replace("'ltp': 1", "'ltp': 2")
            if "subscription_status" in query:
                bench.adapter.refuse.add("SBIN")
                bench.adapter._answer([Demand(b"ZERODHA_NSE_SBIN_QUOTE\0", True)])
                assert read(await client.recv())["type"] == "subscription_status"

    asyncio.run(scenario())
