"""Dhan's bytes, requests, endpoints and instrument master, read by the adapter's codec."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import urllib.error
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from adapters.brokers.dhan import broker as dhan
from adapters.brokers.dhan.master import read_master
from adapters.codec import Account
from bus.secret import Secret
from bus.topics import Mode
from simulators import SimulatorServer, SimulatorSettings
from simulators.broker import RefusedError, Request
from simulators.brokers.dhan.broker import Dhan
from simulators.brokers.dhan.master import SEGMENTS, security_id
from simulators.brokers.dhan.packets import encode
from simulators.markets.deepbook import deepened
from simulators.markets.market import Instrument, Level, Snapshot
from simulators.markets.synthetic import SyntheticMarket

HDFCBANK = Instrument(exchange="NSE", symbol="HDFCBANK", exchange_token=1333)
NIFTY = Instrument(exchange="NSE_INDEX", symbol="NIFTY", exchange_token=1001, name="NIFTY 50")
SBIN = Instrument(exchange="BSE", symbol="SBIN", exchange_token=500112)
QUERY = {"clientId": "c", "token": "t", "authType": "2"}

uint32 = st.integers(0, 2**32 - 1)


def broker(**settings):
    return Dhan([HDFCBANK, NIFTY, SBIN], SimulatorSettings(broker="dhan", **settings))


def session(path="/"):
    opened = broker().session()
    opened.opened(Request(path, {}, {}))
    return opened


def ask(code, *named):
    places = [{"ExchangeSegment": s, "SecurityId": n} for s, n in named]
    return json.dumps(
        {"RequestCode": code, "InstrumentCount": len(named), "InstrumentList": places}
    )


def codec(stream="feed", url="", token="t"):
    credentials = {"client_id": Secret("c"), "access_token": Secret(token)}
    return dhan.codec(Account(credentials=credentials, url=url), stream)


# --- bytes: encoded here, decoded by the adapter ---------------------------------------------


@st.composite
def snapshots(draw, decimals):
    def price():
        # What a float32 can tell apart at these decimals.
        return draw(st.integers(0, 2**23)) / 10**decimals

    def side():
        levels = draw(st.lists(st.tuples(uint32, st.integers(0, 65_535)), min_size=5, max_size=5))
        return tuple(Level(price(), *level) for level in levels)

    return Snapshot(
        number=0,
        ltp=price(),
        last_quantity=draw(st.integers(0, 65_535)),
        average_price=price(),
        volume=draw(uint32),
        buy_quantity=draw(uint32),
        sell_quantity=draw(uint32),
        open=price(),
        high=price(),
        low=price(),
        close=price(),
        last_trade_ms=draw(st.integers(1, 2**32 - 19_801)) * 1000,
        oi=draw(st.integers(1, 2**32 - 1)),
        oi_high=draw(uint32),
        oi_low=draw(uint32),
        bids=side(),
        asks=side(),
    )


@given(st.sampled_from([(1, "NSE_EQ", 2), (8, "BSE_FNO", 2), (3, "NSE_CURRENCY", 4)]), st.data())
def test_full_packet_round_trip(place, data):
    segment, name, decimals = place
    snapshot = data.draw(snapshots(decimals))
    [tick] = codec().decode(encode(segment, 7, snapshot, "full")).ticks
    assert (tick.key, tick.mode) == (f"{name}|7", Mode.DEPTH)
    assert fields(tick) == fields_of(snapshot)
    assert (tick.oi, tick.oi_high, tick.oi_low) == (snapshot.oi, snapshot.oi_high, snapshot.oi_low)
    assert tick.depth.buy == [tuple(level) for level in snapshot.bids]
    assert tick.depth.sell == [tuple(level) for level in snapshot.asks]


@given(snapshots(2))
def test_quote_and_ticker_round_trip(snapshot):
    connection = codec()
    [tick] = connection.decode(encode(1, 7, snapshot, "quote")).ticks
    assert tick.mode is Mode.QUOTE
    assert fields(tick) == fields_of(snapshot)
    assert (tick.oi, tick.depth) == (snapshot.oi, None)
    [tick] = connection.decode(encode(1, 7, snapshot, "ticker")).ticks
    assert (tick.mode, tick.ltp) == (Mode.LTP, snapshot.ltp)
    assert tick.last_trade_time == snapshot.last_trade_ms


def fields(tick):
    return (
        *(tick.ltp, tick.ltq, tick.average_price, tick.volume, tick.total_buy_quantity),
        *(tick.total_sell_quantity, tick.open, tick.high, tick.low, tick.close),
        tick.last_trade_time,
    )


def fields_of(snapshot):
    return (
        *(snapshot.ltp, snapshot.last_quantity, snapshot.average_price, snapshot.volume),
        *(snapshot.buy_quantity, snapshot.sell_quantity, snapshot.open, snapshot.high),
        *(snapshot.low, snapshot.close, snapshot.last_trade_ms),
    )


@given(st.lists(st.tuples(st.floats(0.01, 1e9), uint32, uint32), max_size=5).map(tuple))
def test_deep_books_round_trip(rows):
    side = tuple(Level(*row) for row in rows)
    snapshot = Snapshot(number=0, ltp=1.0, bids=side, asks=side)
    [tick] = codec("depth20").decode(encode(1, 7, snapshot, "depth20")).ticks
    assert len(tick.depth.buy) == 20
    assert tick.depth.buy[: len(rows)] == rows_of(side)
    [tick] = codec("depth200").decode(encode(1, 7, snapshot, "depth200")).ticks
    assert tick.depth.sell == rows_of(deepened(side, 200))


def rows_of(side):
    return [tuple(level) for level in side]


def test_a_book_is_made_deeper_by_its_own_step():
    side = [Level(100.0, 10, 1), Level(99.95, 20, 2), Level(99.9, 30, 3)]
    assert deepened(side, 5) == [*side, Level(99.85, 10, 1), Level(99.8, 20, 2)]
    assert deepened(side, 2) == side[:2]
    assert deepened([Level(0.1, 1, 1), Level(0.05, 1, 1)], 9)[2:] == []
    assert deepened([Level(5.0, 1, 1), Level(0.0, 0, 0)], 9)[2:] == []
    assert deepened([Level(5.0, 1, 1)] * 2, 9)[2:] == []


def test_values_beyond_a_field_become_its_limit_and_the_last_quantity_wraps():
    snapshot = Snapshot(
        number=0,
        ltp=1e300,
        last_quantity=65_537,
        volume=2**40,
        bids=(Level(1.0, 2**33, 70_000),),
    )
    [tick] = codec().decode(encode(1, 7, snapshot, "full")).ticks
    assert (tick.ltq, tick.volume, tick.last_trade_time) == (1, 2**32 - 1, None)
    assert tick.depth.buy[0] == (1.0, 2**32 - 1, 65_535)
    assert tick.depth.sell == [(0.0, 0, 0)] * 5


# --- requests --------------------------------------------------------------------------------


def test_the_last_mode_wins_and_only_its_own_code_ends_it():
    one = session()
    assert one.receive(ask(15, ("NSE_EQ", "1333"), ("IDX_I", "13"), ("NSE_EQ", "9"))).changed == [
        0,
        1,
    ]
    one.receive(ask(21, ("NSE_EQ", "1333")))
    assert one.modes == {0: "full", 1: "ticker"}
    assert one.receive(ask(16, ("NSE_EQ", "1333"))).changed == []
    assert one.receive(ask(22, ("NSE_EQ", "1333"))).changed == [0]
    assert one.modes == {1: "ticker"}


def test_deep_books_are_for_nse_and_limited():
    deep = session("/twentydepth")
    deep.receive(ask(23, ("NSE_EQ", "1333"), ("BSE_EQ", "500112"), ("IDX_I", "13")))
    assert deep.modes == {0: "depth20"}
    deepest = session("/twohundreddepth")
    named = {"ExchangeSegment": "NSE_EQ", "SecurityId": "1333"}
    assert deepest.receive(json.dumps({"RequestCode": 23, **named})).changed == [0]
    assert deepest.receive(json.dumps({"RequestCode": 25, **named})).changed == [0]
    assert deepest.modes == {}


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        '{"RequestCode":12}',
        '{"RequestCode":"15"}',
        '{"RequestCode":15,"InstrumentList":[{"ExchangeSegment":"NSE_EQ","SecurityId":1333}]}',
        ask(15, *[("NSE_EQ", "1333")] * 101),
        ask(23, ("NSE_EQ", "1333")),
        b"\x0c\x53\x00" + bytes(80),
    ],
)
def test_what_is_no_request_is_ignored(message):
    one = session()
    reaction = one.receive(message)
    assert (one.modes, list(reaction.replies), list(reaction.changed)) == ({}, [], [])


@given(st.sampled_from(["/", "/twentydepth", "/order-update"]), st.text() | st.binary())
def test_no_message_raises(path, message):
    session(path).receive(message)


def test_close_and_interest_are_told_once_and_again_after_a_subscription():
    one = session()
    one.receive(ask(17, ("NSE_EQ", "1333")))
    packet = encode(1, 1333, Snapshot(number=0, ltp=2.0, close=1.0, oi=5), "quote")
    other = encode(1, 1333, Snapshot(number=0, ltp=2.0, close=1.0, oi=6), "quote")
    assert [frame[0] for frame in one.frames([packet, packet, other])] == [6, 5, 4, 4, 5, 4]
    one.receive(ask(17, ("NSE_EQ", "1333")))
    assert [frame[0] for frame in one.frames([other])] == [6, 5, 4]
    deep = session("/twentydepth")
    assert list(deep.frames([b"12", b"3"])) == [b"12", b"3"]


# --- logging in ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "settings", "status"),
    [
        ("/", QUERY, {}, 400),
        ("/", QUERY | {"version": "1"}, {}, 400),
        ("/twentydepth", QUERY | {"authType": "1"}, {}, 400),
        ("/", QUERY | {"version": "2", "token": ""}, {}, 401),
        ("/twentydepth", QUERY, {"api_key": "other"}, 401),
        ("/twentydepth", QUERY, {"access_token": "other"}, 401),
        ("/elsewhere", QUERY, {}, 404),
    ],
)
def test_refused_logins(path, query, settings, status):
    with pytest.raises(RefusedError) as refused:
        broker(**settings).login(Request(path, query, {}))
    assert refused.value.status == status


def test_each_stream_has_connections_of_its_own():
    pair = {"api_key": "c", "access_token": "t"}
    assert broker(**pair).login(Request("/", QUERY | {"version": "2"}, {})) == "c feed"
    assert broker().login(Request("/twentydepth", QUERY, {})) == "c depth20"
    assert broker().login(Request("/order-update", {}, {})) == "orders"


def test_orders_are_told_after_the_login():
    [frame] = codec("orders").login()
    orders = session("/order-update")
    replies = orders.receive(frame).replies
    decoded = [codec("orders").decode(reply) for reply in replies]
    assert [d.events[0].order.order_status for d in decoded] == ["open", "complete"]
    assert {d.events[0].token for d in decoded} == {"NSE_EQ|1333"}
    login = broker(access_token="right").session()
    login.opened(Request("/order-update", {}, {}))
    assert not login.receive(frame).replies


# --- the master ------------------------------------------------------------------------------


def test_master_maps_back_to_openalgo_symbols():
    market = SyntheticMarket(seed=0, rate=1, start_ms=1_765_770_300_000)
    simulated = Dhan(market.instruments, SimulatorSettings(broker="dhan"))
    document = simulated.document("/api-data/api-scrip-master.csv")
    assert document == simulated.document("/instruments")
    assert document.content_type == "text/csv"
    assert simulated.document("/") is None
    found = read_master(io.StringIO(document.body.decode()))
    expected = [
        (i.exchange, i.symbol, f"{SEGMENTS[i.exchange].name}|{security_id(i)}")
        for i in market.instruments
    ]
    assert [tuple(row) for row in found] == expected


# --- the server --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "mode", "levels"),
    [
        ("feed", Mode.LTP, 0),
        ("feed", Mode.QUOTE, 0),
        ("feed", Mode.DEPTH, 5),
        ("depth20", Mode.DEPTH, 20),
        ("depth200", Mode.DEPTH, 200),
    ],
)
def test_the_codec_reads_each_stream_off_the_server(stream, mode, levels):
    async def scenario():
        server = SimulatorServer(SimulatorSettings(broker="dhan", date="2025-12-15", rate=2000))
        port = await server.start()
        connection = codec(stream, f"ws://127.0.0.1:{port}")
        try:
            async with connect(connection.handshake().url) as socket, asyncio.timeout(10):
                for frame in connection.subscribe(["NSE_EQ|1333"], mode):
                    await socket.send(frame)
                ticks = []
                while len(ticks) < 3:
                    decoded = connection.decode(await socket.recv())
                    assert decoded.error is None
                    ticks += decoded.ticks
        finally:
            await server.stop()
        assert {(tick.key, tick.mode) for tick in ticks} == {("NSE_EQ|1333", mode)}
        if mode is not Mode.LTP and not levels > 5:
            assert all(tick.close == 996.4 for tick in ticks)
        if levels:
            assert all(len(tick.depth.buy) == levels for tick in ticks)

    asyncio.run(scenario())


def test_the_server_refuses_a_token_and_serves_the_master():
    async def scenario():
        settings = SimulatorSettings(broker="dhan_sandbox", access_token="t", date="2025-12-15")
        server = SimulatorServer(settings)
        port = await server.start()
        try:
            bad = codec("depth20", f"ws://127.0.0.1:{port}", token="other")
            with pytest.raises(InvalidStatus) as refused:
                await connect(bad.handshake().url)
            assert refused.value.response.status_code == 401
            url = f"http://127.0.0.1:{port}/instruments"
            assert url in server.hint()
            body = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=5).read())
            assert body.startswith(b"SEM_EXM_EXCH_ID,")
        finally:
            await server.stop()

    asyncio.run(scenario())


def test_silence_is_broken_by_pings():
    class Hasty(Dhan):
        heartbeat_s = 0.02

    async def scenario():
        server = SimulatorServer(SimulatorSettings(broker="dhan"))
        server._broker_class = Hasty
        port = await server.start()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"GET /order-update HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            async with asyncio.timeout(5):
                await reader.readuntil(b"\r\n\r\n")
                opcode, _ = struct.unpack("BB", await reader.readexactly(2))
                assert opcode == 0x89  # a ping, unmasked
                await reader.read()  # not answered: the server gives up
            writer.close()
        finally:
            await server.stop()

    asyncio.run(scenario())
