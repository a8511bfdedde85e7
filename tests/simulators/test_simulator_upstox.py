"""Upstox's messages, redirect, requests and master; the adapter's own codec reads them."""

from __future__ import annotations

import collections
import datetime as dt
import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.brokers.upstox.broker import Upstox
from adapters.brokers.upstox.master import read_master
from adapters.codec import Account
from adapters.symbols import Instrument as Named
from bus.topics import Mode
from simulators import SimulatorSettings
from simulators.broker import RefusedError, Request
from simulators.brokers.protowire import varint
from simulators.brokers.upstox.broker import Upstox as Simulator
from simulators.brokers.upstox.packets import MAX_FEEDS, messages
from simulators.markets.deepbook import deep_side
from simulators.markets.market import Instrument, Level, Snapshot
from simulators.markets.synthetic import SyntheticMarket

INFY = Instrument(exchange="NSE", symbol="INFY", exchange_token=1594, isin="INE009A01021")
NIFTY = Instrument(exchange="NSE_INDEX", symbol="NIFTY", exchange_token=1001, name="NIFTY 50")
INFY_KEY, NIFTY_KEY = "NSE_EQ|INE009A01021", "NSE_INDEX|Nifty 50"
FEED, ORDERS = "/v3/feed/market-data-feed", "/v2/feed/portfolio-stream-feed"

PRICE = st.floats(0.01, 1e7)
QUANTITY = st.integers(1, 2**53)
LEVELS = st.lists(st.builds(Level, PRICE, QUANTITY, st.just(0)), min_size=1, max_size=30)
SNAPSHOTS = st.builds(
    Snapshot,
    number=st.just(0),
    ltp=PRICE,
    last_quantity=QUANTITY,
    average_price=PRICE,
    volume=QUANTITY,
    buy_quantity=QUANTITY,
    sell_quantity=QUANTITY,
    open=PRICE,
    high=PRICE,
    low=PRICE,
    close=PRICE,
    last_trade_ms=st.integers(1, 2**42),
    exchange_ms=st.integers(1, 2**42),
    oi=QUANTITY,
    bids=LEVELS.map(tuple),
    asks=LEVELS.map(tuple),
)


def simulator(**settings):
    return Simulator([INFY, NIFTY], SimulatorSettings(broker="upstox", **settings))


def reader(mode, *keys, stream="feed"):
    codec = Upstox(Account(credentials={}), stream)
    codec.modes.update(dict.fromkeys(keys or (INFY_KEY, NIFTY_KEY), mode))
    return codec


def decoded(broker, mode, wire_mode, *snapshots):
    codec = reader(mode)
    packets = [broker.packet(snapshot, wire_mode) for snapshot in snapshots]
    return [tick for frame in broker.frames(packets) for tick in codec.decode(frame).ticks]


def request(method, *keys, **data):
    body = {"guid": "1", "method": method, "data": {"instrumentKeys": keys, **data}}
    return json.dumps(body).encode()


# --- messages ---------------------------------------------------------------------------------


@given(st.integers(-(2**63), 2**64 - 1))
def test_varint_is_seven_bits_a_byte(value):
    data = varint(value)
    assert sum((byte & 0x7F) << 7 * n for n, byte in enumerate(data)) == value % 2**64
    assert [byte >= 0x80 for byte in data] == [True] * (len(data) - 1) + [False]


@given(SNAPSHOTS)
def test_a_full_packet_is_read_as_it_was(snapshot):
    [tick] = decoded(simulator(), Mode.DEPTH, "full_d30", snapshot)
    assert (tick.key, tick.mode) == (INFY_KEY, Mode.DEPTH)
    assert (tick.ltp, tick.ltq, tick.close) == (
        (snapshot.ltp, snapshot.last_quantity, snapshot.close)
    )
    assert (tick.open, tick.high, tick.low) == (snapshot.open, snapshot.high, snapshot.low)
    assert (tick.average_price, tick.volume, tick.oi) == (
        (snapshot.average_price, snapshot.volume, snapshot.oi)
    )
    assert (tick.total_buy_quantity, tick.total_sell_quantity) == (
        (snapshot.buy_quantity, snapshot.sell_quantity)
    )
    assert tick.last_trade_time == snapshot.last_trade_ms
    assert tick.exchange_timestamp == snapshot.exchange_ms
    bids, asks = deep_side(snapshot.bids, 30), deep_side(snapshot.asks, 30)
    rows = max(len(bids), len(asks))
    for told, levels in ((tick.depth.buy, bids), (tick.depth.sell, asks)):
        sent = [(price, quantity, 0) for price, quantity, _ in levels]
        assert told == sent + [(0.0, 0, 0)] * (rows - len(sent))


@given(SNAPSHOTS)
def test_each_mode_carries_its_own_fields(snapshot):
    broker = simulator()
    [ltp] = decoded(broker, Mode.LTP, "ltpc", snapshot)
    assert (ltp.mode, ltp.ltp, ltp.close, ltp.open) == (
        (Mode.LTP, snapshot.ltp, snapshot.close, None)
    )
    [quote] = decoded(broker, Mode.QUOTE, "full", snapshot)
    assert (quote.mode, quote.volume, quote.depth) == (Mode.QUOTE, snapshot.volume, None)
    [full] = decoded(broker, Mode.DEPTH, "full", snapshot)
    assert len(full.depth.buy) == min(5, max(len(snapshot.bids), len(snapshot.asks)))
    [first] = decoded(broker, Mode.DEPTH, "option_greeks", snapshot)
    assert (len(first.depth.buy), first.oi, first.high) == (1, snapshot.oi, None)


def test_an_index_has_no_book_and_no_volume():
    snapshot = Snapshot(number=1, ltp=26000.5, open=25900, high=26010, low=25890, close=25950)
    [tick] = decoded(simulator(), Mode.DEPTH, "full", snapshot)
    assert (tick.key, tick.mode, tick.ltp, tick.high) == (NIFTY_KEY, Mode.QUOTE, 26000.5, 26010)
    assert (tick.volume, tick.depth, tick.ltq, tick.exchange_timestamp) == (None,) * 4


@given(st.lists(st.integers(0, 150), max_size=400), st.sets(st.integers(0, 150)))
def test_messages_hold_all_packets_in_order(numbers, fresh):
    instruments = [Instrument(exchange="NFO", symbol="-", exchange_token=n) for n in range(151)]
    broker = Simulator(instruments, SimulatorSettings(broker="upstox"))
    packets = [
        broker.packet(Snapshot(number=n, ltp=at + 1.0, exchange_ms=at + 1), "ltpc")
        for at, n in enumerate(numbers)
    ]
    left = set(fresh)
    codec = reader(Mode.LTP)
    got = collections.defaultdict(list)
    initial = set()
    for frame in messages(packets, left):
        ticks = codec.decode(frame).ticks
        assert 0 < len(ticks) <= MAX_FEEDS
        is_initial = frame[:2] != b"\x08\x01"
        for tick in ticks:
            got[tick.key].append(tick.ltp)
            if is_initial:
                initial.add(int(tick.key.partition("|")[2]))
    wanted = collections.defaultdict(list)
    for at, n in enumerate(numbers):
        wanted[f"NSE_FO|{n}"].append(at + 1.0)
    assert got == wanted
    assert initial == fresh & set(numbers)
    assert left == fresh - set(numbers)


# --- login and requests -----------------------------------------------------------------------


def ask(broker, path, query=None, **headers):
    with pytest.raises(RefusedError) as refused:
        broker.login(Request(path, query or {}, {"host": "127.0.0.1:9", **headers}))
    return refused.value


@pytest.mark.parametrize(
    ("header", "settings"),
    [("", {}), ("Bearer ", {}), ("Basic x", {}), ("Bearer x", {"access_token": "other"})],
)
def test_a_missing_or_wrong_token_is_refused(header, settings):
    refusal = ask(simulator(**settings), FEED, authorization=header)
    assert refusal.status == 401
    assert json.loads(refusal.reason)["errors"][0]["errorCode"] == "UDAPI100050"


def test_a_redirect_opens_one_connection_once():
    broker = simulator(access_token="x")
    redirect = ask(broker, FEED, authorization="Bearer x")
    assert redirect.status == 302
    address, _, code = redirect.headers["Location"].partition("?code=")
    path = address.removeprefix("ws://127.0.0.1:9")
    other = ask(broker, ORDERS, authorization="Bearer x").headers["Location"]
    assert ask(broker, path, {"code": other.partition("?code=")[2]}).status == 403
    assert broker.login(Request(path, {"code": code}, {}))
    assert ask(broker, path, {"code": code}).status == 403
    assert ask(broker, "/").status == 403


def test_the_last_mode_wins_and_a_repetition_changes_nothing():
    session = simulator().session()
    assert session.receive(request("sub", INFY_KEY, NIFTY_KEY, "NSE_EQ|X")).changed == [0, 1]
    assert session.modes == {0: "ltpc", 1: "ltpc"}
    assert session.receive(request("sub", INFY_KEY, mode="full")).changed == [0]
    assert session.receive(request("change_mode", INFY_KEY, mode="full")).changed == []
    assert session.receive(request("change_mode", INFY_KEY, mode="full_d30")).changed == [0]
    assert session.receive(request("unsub", INFY_KEY, "NSE_EQ|X")).changed == [0]
    assert session.receive(request("change_mode", INFY_KEY, mode="full")).changed == []
    assert session.modes == {1: "ltpc"}


def test_a_request_as_text_is_not_answered():
    session = simulator().session()
    assert session.receive(request("sub", INFY_KEY).decode()) == ((), ())
    assert session.modes == {}


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"[]",
        b'{"guid":"1"}',
        request("dance", INFY_KEY),
        request("change_mode", INFY_KEY),
        request("sub", INFY_KEY, mode="deep"),
        b'{"guid":"1","method":"sub","data":{"instrumentKeys":"x"}}',
        b"\xff",
    ],
)
def test_a_bad_request_is_answered_by_a_failure(message):
    session = simulator().session()
    [reply] = session.receive(message).replies
    error = reader(Mode.LTP).decode(reply).error
    assert error.kind == "request_failed"
    assert session.modes == {}


@given(st.one_of(st.text(), st.binary()))
def test_no_message_raises(message):
    simulator().session().receive(message)


def test_a_feed_speaks_first_and_orders_do_not():
    path = "/market-data-feeder/v3/upstox-developer-api/feeds"
    [greeting] = simulator().session().opened(Request(path, {}, {})).replies
    assert reader(Mode.LTP).decode(greeting) == reader(Mode.LTP).decode(b"")
    orders = simulator().session()
    assert orders.opened(Request("/upstox-developer-api/order-updates/feed", {}, {})) == ((), ())
    assert orders.receive(request("sub", INFY_KEY)) == ((), ())


# --- master -----------------------------------------------------------------------------------


def test_the_master_leads_back_to_openalgo_names():
    market = SyntheticMarket(seed=0, rate=1, start_ms=1_765_770_300_000)
    broker = Simulator(market.instruments, SimulatorSettings(broker="upstox"))
    document = broker.document("/instruments")
    assert document.content_type == "application/json"
    named = list(read_master(io.StringIO(document.body.decode())))
    assert [(n.exchange, n.symbol) for n in named] == (
        [(i.exchange, i.symbol) for i in market.instruments]
    )
    assert len({n.token for n in named}) == len(named)
    assert Named("NSE", "RELIANCE", "NSE_EQ|INE002A01018") in named
    assert broker.document("/") is None


def test_the_master_spells_contracts_as_upstox_does():
    option = Instrument(
        exchange="NFO", symbol="-", exchange_token=1, name="NIFTY", kind="CE",
        expiry=dt.date(2025, 12, 30), strike=26000.0,
    )  # fmt: skip
    future = Instrument(
        exchange="MCX", symbol="-", exchange_token=2, name="CRUDEOIL", kind="FUT",
        expiry=dt.date(2026, 1, 19), tick_size=1.0,
    )  # fmt: skip
    broker = Simulator([option, future], SimulatorSettings(broker="upstox"))
    first, second = json.loads(broker.document("/instruments").body)
    assert first["trading_symbol"] == "NIFTY 26000 CE 30 DEC 25"
    assert first["expiry"] == 1767119399000
    assert second["trading_symbol"] == "CRUDEOIL FUT 19 JAN 26"
    assert second["tick_size"] == 100.0


def test_numbers_of_the_synthetic_market_survive():
    """A thousand events, value for value; what is 0 is not sent and stays as it was."""
    market = SyntheticMarket(seed=7, rate=100, start_ms=1_765_770_300_000)
    broker = Simulator(market.instruments, SimulatorSettings(broker="upstox"))
    codec = reader(Mode.DEPTH, *broker._keys)
    events = market.events()
    for _ in range(1000):
        snapshot = next(events).snapshot
        [frame] = broker.frames([broker.packet(snapshot, "full")])
        [tick] = codec.decode(frame).ticks
        assert (tick.ltp, tick.volume or 0, tick.oi or 0) == (
            (snapshot.ltp, snapshot.volume, snapshot.oi)
        )
        assert math.isfinite(tick.ltp)
        if snapshot.bids:
            assert tick.depth.buy == [(p, q, 0) for p, q, _ in snapshot.bids]
            assert tick.depth.sell == [(p, q, 0) for p, q, _ in snapshot.asks]
