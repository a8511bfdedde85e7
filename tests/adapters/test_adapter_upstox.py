"""Upstox's codec: golden frames, merging, damage, requests."""

import json
import math

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.broker import OpenAlgoRow
from adapters.brokers.upstox.broker import BROKER, Upstox
from adapters.codec import Account, Notice, Tick
from adapters.decode import decode_file
from adapters.errors import BrokerError, CodecError, MalformedError, Verdict
from adapters.wire import upstox_pb2 as wire
from bus.secret import Secret
from bus.topics import Mode

KEY = "NSE_EQ|INE002A01018"
NOW = 1763437500000
DOUBLES = st.floats(width=64)
INT64 = st.integers(-(2**63), 2**63 - 1)


def upstox(stream="feed", modes=None, url=""):
    account = Account(credentials={"access_token": Secret("token-67890")}, url=url)
    codec = Upstox(account, stream)
    codec.modes.update(modes or {KEY: Mode.DEPTH})
    return codec


@pytest.fixture
def codec():
    return upstox()


def frame(feeds=(), **fields):
    """A message of `(key, feed)` pairs, each feed as a dict."""
    return wire.FeedResponse(
        type=1, current_ts=NOW, feeds={key: wire.Feed(**feed) for key, feed in feeds}, **fields
    ).SerializeToString()


def market(**fields):
    return {"full_feed": {"market": fields}}


def level(bid, ask=None):
    return {"bid_price": bid, "bid_quantity": 10, "ask_price": ask or bid + 1, "ask_quantity": 20}


def is_finite(tick):
    values = [
        getattr(tick, name) for name in Tick.__struct_fields__ if name not in {"key", "depth"}
    ]
    rows = [*tick.depth.buy, *tick.depth.sell] if tick.depth else []
    values += [value for row in rows for value in row]
    return all(v is None or isinstance(v, int) or math.isfinite(v) for v in values)


# --- ticks ------------------------------------------------------------------------------------


@pytest.mark.realdata
def test_golden_frames(vectors):
    path = vectors("upstox")
    cases = json.loads(path.read_text())
    for case, result in zip(cases, decode_file("upstox", path), strict=True):
        assert result == {"name": case["name"], "ticks": case["expect"]}


def test_what_is_absent_stays_as_it_was(codec):
    day = {"ohlc": [{"interval": "I1", "open": 9.0}, {"interval": "1d", "open": 99.0}]}
    first = market(
        ltpc={"ltp": 100.5, "ltt": 1, "ltq": 5, "cp": 98.0},
        market_level={"levels": [level(100.0)]},
        market_ohlc=day,
        atp=100.1,
        vtt=1000,
        oi=50.0,
        tbq=70.0,
        tsq=80.0,
    )
    [before] = codec.decode(frame([(KEY, first)])).ticks
    assert (before.open, before.high, before.oi) == (99.0, None, 50)
    assert (type(before.oi), type(before.total_buy_quantity)) == (int, int)

    # Seen in the wild: a book without a trade.
    [after] = codec.decode(frame([(KEY, market(market_level={"levels": [level(101.0)]}))])).ticks
    assert after.depth.buy == [(101.0, 10, 0)]
    assert msgspec.structs.replace(after, depth=before.depth) == before

    [again] = codec.decode(frame([(KEY, market(ltpc={"ltp": 102.0}, vtt=1001))])).ticks
    assert (again.ltp, again.volume, again.ltq, again.close) == (102.0, 1001, 5, 98.0)
    assert again.depth == after.depth


def test_an_instrument_begins_anew_when_it_was_unsubscribed(codec):
    codec.decode(frame([(KEY, market(ltpc={"ltp": 1.0, "cp": 2.0}))]))
    codec.unsubscribe([KEY], Mode.DEPTH)
    [tick] = codec.decode(frame([(KEY, market(ltpc={"ltp": 3.0}))])).ticks
    assert (tick.ltp, tick.close) == (3.0, None)


def test_a_full_feed_without_a_book_is_a_quote(codec):
    [tick] = codec.decode(frame([(KEY, market(ltpc={"ltp": 1.0}))])).ticks
    assert (tick.mode, tick.depth) == (Mode.QUOTE, None)


def test_sides_of_different_length_are_kept_as_sent(codec):
    levels = [{"bid_price": 1.0, "bid_quantity": 2}, {"ask_price": 3.0, "ask_quantity": 4}]
    [tick] = codec.decode(frame([(KEY, market(market_level={"levels": levels}))])).ticks
    assert tick.depth.buy == [(1.0, 2, 0), (0.0, 0, 0)]
    assert tick.depth.sell == [(0.0, 0, 0), (3.0, 4, 0)]


def test_thirty_levels():
    codec = upstox("depth30")
    levels = [level(100.0 - n, 101.0 + n) for n in range(30)]
    [tick] = codec.decode(frame([(KEY, market(market_level={"levels": levels}))])).ticks
    assert len(tick.depth.buy) == len(tick.depth.sell) == 30
    assert tick.depth.sell[29] == (130.0, 20, 0)


@pytest.mark.parametrize(("mode", "rows"), [(Mode.DEPTH, 1), (Mode.QUOTE, None)])
def test_first_level_with_greeks(mode, rows):
    first = {"ltpc": {"ltp": 5.0}, "first_depth": level(4.0), "vtt": 7, "oi": 9.0, "iv": 0.1}
    codec = upstox(modes={KEY: mode})
    [tick] = codec.decode(frame([(KEY, {"first_level_with_greeks": first})])).ticks
    assert (tick.mode, tick.ltp, tick.volume, tick.oi) == (mode, 5.0, 7, 9)
    assert (tick.depth and len(tick.depth.buy)) == rows


def test_a_message_of_many_instruments():
    keys = [f"NSE_FO|{n}" for n in range(200)]
    frames = frame([(key, {"ltpc": {"ltp": 1.0 + n}}) for n, key in enumerate(keys)])
    ticks = upstox().decode(frames).ticks
    assert {tick.key: tick.ltp for tick in ticks} == {k: 1.0 + n for n, k in enumerate(keys)}
    assert {tick.mode for tick in ticks} == {Mode.LTP}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "feed",
    [
        lambda x: {"ltpc": {"ltp": x}},
        lambda x: market(oi=x),
        lambda x: market(market_level={"levels": [level(1.0, x)]}),
        lambda x: market(market_ohlc={"ohlc": [{"interval": "1d", "high": x}]}),
        lambda x: {"full_feed": {"index": {"ltpc": {"cp": x}}}},
        lambda x: {"first_level_with_greeks": {"oi": x}},
    ],
)
def test_a_value_that_is_no_number_costs_its_own_tick_only(codec, feed, value):
    pairs = [("NSE_FO|1", market(ltpc={"ltp": 1.0})), (KEY, feed(value)), ("NSE_FO|2", market())]
    decoded = codec.decode(frame(pairs))
    assert {tick.key for tick in decoded.ticks} == {"NSE_FO|1", "NSE_FO|2"}
    assert isinstance(decoded.error, MalformedError)
    assert KEY in str(decoded.error)
    [tick] = codec.decode(frame([(KEY, market(ltpc={"ltp": 2.0}))])).ticks
    assert is_finite(tick)


def test_later_fields_and_kinds_are_passed_over(codec):
    unknown = bytes.fromhex("fa0103616263")  # field 31
    assert codec.decode(frame([(KEY, {})]) + unknown).error is None
    assert codec.decode(b"\x08\x09" + unknown).ticks == []


@given(st.binary(max_size=300))
@example(b"")
@example(b"\x12")
@example(b"\x12\xff\xff\xff\xff\x0f")
def test_any_bytes_give_ticks_or_a_typed_error(data):
    decoded = upstox().decode(data)
    assert decoded.error is None or isinstance(decoded.error, CodecError)
    assert all(is_finite(tick) for tick in decoded.ticks)


@given(st.data())
def test_damage_to_a_good_frame_gives_ticks_or_a_typed_error(data):
    feed = market(
        ltpc={"ltp": 100.5, "ltt": NOW, "ltq": 5, "cp": 98.0},
        market_level={"levels": [level(100.0 - n) for n in range(5)]},
        market_ohlc={"ohlc": [{"interval": "1d", "open": 99.0, "high": 101.0, "low": 98.0}]},
        atp=100.1,
        vtt=1000,
        tbq=5.0,
    )
    good = bytearray(frame([(KEY, feed)]))
    for _ in range(data.draw(st.integers(1, 8))):
        good[data.draw(st.integers(0, len(good) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    codec = upstox()
    for bad in (bytes(good), bytes(good[: data.draw(st.integers(0, len(good)))])):
        decoded = codec.decode(bad)
        assert decoded.error is None or isinstance(decoded.error, CodecError)
        assert all(is_finite(tick) for tick in decoded.ticks)
    # The session lives: a sound frame is read as before.
    assert codec.decode(frame([(KEY, feed)])).ticks[0].ltp == 100.5


@given(st.lists(DOUBLES, min_size=9, max_size=9), st.lists(INT64, min_size=3, max_size=3))
def test_any_numbers_give_a_finite_tick_or_a_typed_error(doubles, integers):
    ltp, close, average, oi, bought, sold, high, bid, ask = doubles
    feed = market(
        ltpc={"ltp": ltp, "cp": close, "ltt": integers[0], "ltq": integers[1]},
        market_level={"levels": [level(bid, ask)]},
        market_ohlc={"ohlc": [{"interval": "1d", "high": high}]},
        atp=average,
        vtt=integers[2],
        oi=oi,
        tbq=bought,
        tsq=sold,
    )
    decoded = upstox().decode(frame([(KEY, feed)]))
    assert all(is_finite(tick) for tick in decoded.ticks)
    assert bool(decoded.ticks) != isinstance(decoded.error, MalformedError)
    if all(map(math.isfinite, doubles)) and sum(map(abs, doubles)) < 1e300:
        [tick] = decoded.ticks
        assert (tick.ltp or 0.0, tick.close or 0.0, tick.high or 0.0) == (ltp, close, high)
        assert tick.depth.buy[0][0] == bid


# --- text, requests, connecting ---------------------------------------------------------------


def test_a_refused_request_is_told(codec):
    error = codec.decode('{"status":"failed","method":"sub","error":{"message":"no"}}').error
    assert isinstance(error, BrokerError)
    assert (error.verdict, str(error)) == (Verdict.GO_ON, 'sub: {"message":"no"}')


def test_other_texts(codec):
    assert codec.decode('{"status":"ok"}').events == [Notice('{"status":"ok"}')]
    for text in ("hello", "[1]", "\ud800", "[" * 5000, '{"status":1}'):
        assert isinstance(codec.decode(text).error, MalformedError)


def test_requests_are_binary_and_name_their_mode(codec):
    def sent(frames):
        assert all(isinstance(frame, bytes) for frame in frames)
        requests = [json.loads(frame) for frame in frames]
        assert all(request.pop("guid") for request in requests)
        return requests

    both = ["NSE_EQ|INE002A01018", "NSE_INDEX|Nifty 50"]
    assert sent(codec.subscribe(both, Mode.LTP)) == [
        {"method": "sub", "data": {"instrumentKeys": both, "mode": "ltpc"}}
    ]
    assert sent(codec.unsubscribe([KEY], Mode.LTP)) == [
        {"method": "unsub", "data": {"instrumentKeys": [KEY]}}
    ]
    assert sent(codec.change([KEY], Mode.LTP, Mode.QUOTE)) == [
        {"method": "change_mode", "data": {"instrumentKeys": [KEY], "mode": "full"}}
    ]
    assert sent(upstox("depth30").subscribe([KEY], Mode.DEPTH)) == [
        {"method": "sub", "data": {"instrumentKeys": [KEY], "mode": "full_d30"}}
    ]


def test_handshakes():
    feed = upstox().handshake()
    assert feed.url == "wss://api.upstox.com/v3/feed/market-data-feed"
    assert feed.headers["Authorization"] == "Bearer token-67890"
    assert upstox("depth30").handshake().url == feed.url
    orders = upstox("orders", url="ws://127.0.0.1:9/").handshake()
    assert orders.url == "ws://127.0.0.1:9/v2/feed/portfolio-stream-feed?update_types=order"


def test_refusals(codec):
    assert codec.refused(401, {}, "") is Verdict.NEEDS_TOKEN
    assert codec.refused(403, {}, "") is Verdict.SLOW_DOWN
    assert codec.refused(429, {}, "") is Verdict.SLOW_DOWN
    assert codec.refused(502, {}, "") is Verdict.RETRY


def test_facts():
    route = BROKER.route
    assert route(KEY, "NSE", Mode.LTP).name == route(KEY, "NSE", Mode.DEPTH).name == "feed"
    assert route(KEY, "NSE", Mode.DEPTH, 30).name == "depth30"
    assert BROKER.pushes_orders
    row = OpenAlgoRow("NIFTY", "NIFTY 50", "NSE_INDEX", "NSE_INDEX", "NSE_INDEX|Nifty 50")
    assert BROKER.openalgo_token(row) == "NSE_INDEX|Nifty 50"
    assert BROKER.openalgo_token(row._replace(token="35", brexchange="NSE_FO")) == "NSE_FO|35"
