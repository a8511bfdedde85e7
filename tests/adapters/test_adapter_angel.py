"""SmartStream v2: golden frames, layout, requests, and the contract of decoding."""

import json
import math
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.broker import OpenAlgoRow
from adapters.brokers.angel.broker import BROKER
from adapters.codec import Account, Notice
from adapters.decode import decode_file
from adapters.errors import BrokerError, CodecError, Verdict
from bus.secret import Secret
from bus.topics import Mode

CREDENTIALS = {
    "api_key": Secret("key"),
    "access_token": Secret("jwt"),
    "client_code": Secret("A1"),
    "feed_token": Secret("feed"),
}
INT64 = st.integers(-(2**63), 2**63 - 1)
INT32 = st.integers(-(2**31), 2**31 - 1)
QUANTITY = st.integers(0, 2**53)
TIME = 1763437500000
LONGEST = 2**63 - 1


def codec(stream="feed", url="", credentials=CREDENTIALS):
    return BROKER.codec(Account(credentials=credentials, url=url), stream)


def decode(frame, stream="feed"):
    return codec(stream).decode(frame)


def ltp(price=97285, kind=1, token=b"3045", time=TIME):
    return struct.pack("<BB25s3q", 1, kind, token, 7, time, price)


def quote(fields=(1, 2, 3), totals=(4.0, 5.0), ohlc=(6, 7, 8, 9), mode=2):
    head = struct.pack("<BB25s3q", mode, 1, b"3045", 7, TIME, 97285)
    return head + struct.pack("<3q2d4q", *fields, *totals, *ohlc)


def rows(flags=(1,) * 5 + (0,) * 5, row=(10, 100, 2)):
    return b"".join(struct.pack("<hqqh", flag, *row) for flag in flags)


def snap(traded=TIME // 1000, book=None, limits=(11, 12, 13, 14), oi=9, **quoted):
    body = struct.pack("<2qd", traded, oi, math.nan) + (rows() if book is None else book)
    return quote(mode=3, **quoted) + body + struct.pack("<4q", *limits)


def deep(first=TIME, second=0, buy=((1, 2, 3),) * 20, sell=((4, 5, 6),) * 20):
    head = struct.pack("<BB25s2q", 4, 1, b"3045", first, second)
    return head + b"".join(struct.pack("<iih", *row) for row in (*buy, *sell))


KINDS = {51: ltp(), 123: quote(), 379: snap(), 443: deep()}


# --- ticks ------------------------------------------------------------------------------


@pytest.mark.realdata
def test_golden_frames(vectors):
    path = vectors("angel")
    cases = json.loads(path.read_text())
    for case, result in zip(cases, decode_file("angel", path), strict=True):
        expected = {"name": case["name"], "ticks": case.get("expect", [])}
        if "expect_error" in case:
            expected["error"] = case["expect_error"]
        assert result == expected


@pytest.mark.parametrize("size", KINDS)
def test_sizes_of_the_kinds(size):
    assert len(KINDS[size]) == size
    assert len(decode(KINDS[size]).ticks) == 1


@pytest.mark.parametrize(
    ("kind", "price"),
    [(1, 97285.0), (2, 97285.0), (3, 97285.0), (4, 97285.0), (5, 97285.0), (7, 97285.0),
     (13, 0.9728500)],
)  # fmt: skip
def test_divisor_of_each_exchange_type(kind, price):
    [tick] = decode(ltp(9728500, kind)).ticks
    assert (tick.key, tick.ltp) == (f"{kind}|3045", price)


def test_token_ends_with_its_padding():
    [tick] = decode(ltp(token=b"3045\x00garbage")).ticks
    assert tick.key == "1|3045"
    [tick] = decode(ltp(token=b"1" * 25)).ticks
    assert tick.key == "1|" + "1" * 25


def test_rows_are_assigned_by_their_flag():
    flags = (0, 1, 0, 1, 1, 1)
    book = b"".join(struct.pack("<hqqh", f, n, n * 100, n) for n, f in enumerate(flags))
    [tick] = decode(snap(book=book + rows(flags=(0,) * 4))).ticks
    assert [row[1] for row in tick.depth.buy] == [1, 3, 4, 5]
    assert tick.depth.sell[:3] == [(0.0, 0, 0), (2.0, 2, 2), (1.0, 10, 2)]


@pytest.mark.parametrize("time", [0, -1, -62135596800000, LONGEST])
def test_what_is_no_time_is_left_out(time):
    assert decode(ltp(time=time)).ticks[0].exchange_timestamp is None
    assert decode(snap(traded=time)).ticks[0].last_trade_time is None
    assert decode(deep(time, time)).ticks[0].exchange_timestamp is None


def test_time_of_twenty_levels_is_the_first_that_is_one():
    assert decode(deep(TIME, TIME + 5)).ticks[0].exchange_timestamp == TIME
    assert decode(deep(4711, TIME + 5)).ticks[0].exchange_timestamp == TIME + 5


def test_twenty_levels_have_nothing_but_a_book():
    [tick] = decode(deep(), "depth20").ticks
    assert (tick.mode, tick.ltp, tick.volume) == (Mode.DEPTH, None, None)
    assert tick.depth.buy == [(0.02, 1, 3)] * 20
    assert tick.depth.sell == [(0.05, 4, 6)] * 20


@given(INT64, st.sampled_from([1, 2, 3, 4, 5, 7]))
def test_ltp_round_trip(price, kind):
    [tick] = decode(ltp(price, kind)).ticks
    assert tick.ltp == price / 100
    assert (tick.mode, tick.exchange_timestamp) == (Mode.LTP, TIME)


@given(st.lists(INT64, min_size=3, max_size=3), st.tuples(QUANTITY, QUANTITY), st.data())
def test_snap_quote_round_trip(fields, totals, data):
    ohlc = data.draw(st.lists(INT64, min_size=4, max_size=4))
    row = st.tuples(INT64, INT64, st.integers(0, 2**15 - 1))
    levels = data.draw(st.lists(row, min_size=10, max_size=10))
    book = b"".join(struct.pack("<hqqh", at < 5, *level) for at, level in enumerate(levels))
    limits = data.draw(st.lists(INT64, min_size=4, max_size=4))
    frame = snap(fields=fields, totals=totals, ohlc=ohlc, book=book, limits=limits)
    [tick] = decode(frame).ticks
    assert [tick.ltq, tick.average_price, tick.volume] == [fields[0], fields[1] / 100, fields[2]]
    assert (tick.total_buy_quantity, tick.total_sell_quantity) == totals
    assert [tick.open, tick.high, tick.low, tick.close] == [price / 100 for price in ohlc]
    assert (tick.last_trade_time, tick.oi, tick.exchange_timestamp) == (TIME, 9, TIME)
    both = tick.depth.buy + tick.depth.sell
    assert both == [(price / 100, quantity, orders) for quantity, price, orders in levels]
    assert [tick.upper_circuit, tick.lower_circuit] == [price / 100 for price in limits[:2]]


# --- damage -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", KINDS)
def test_cut_anywhere_is_truncated(size):
    for length in range(size):
        decoded = decode(KINDS[size][:length])
        assert (decoded.ticks, decoded.error.kind) == ([], "truncated")


@pytest.mark.parametrize("size", KINDS)
def test_too_long_keeps_the_tick_and_is_told(size):
    decoded = decode(KINDS[size] + b"x")
    assert decoded.ticks == decode(KINDS[size]).ticks
    assert decoded.error.kind == "oversized"


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b"\x00" + bytes(378), "unknown_mode"),
        (b"\x05" + bytes(50), "unknown_mode"),
        (ltp(token=b""), "malformed"),
        (ltp(token=b"\xff\xfe"), "malformed"),
        (ltp(token=b"30 45"), "malformed"),
        (quote(totals=(math.nan, 0.0)), "not_finite"),
        (quote(totals=(0.0, math.inf)), "not_finite"),
        (snap(totals=(0.0, -math.inf)), "not_finite"),
        (snap(totals=(1e300, 0.0)), "not_finite"),
        (snap(book=rows(flags=(1, 1, 1, 1, 2, 0, 0, 0, 0, 0))), "malformed"),
    ],
)
def test_what_no_feed_sends_is_told(frame, kind):
    decoded = decode(frame)
    assert (decoded.ticks, decoded.error.kind) == ([], kind)


def numbers(tick):
    for name in tick.__struct_fields__:
        value = getattr(tick, name)
        if name not in {"key", "mode", "depth"} and value is not None:
            yield value
    if tick.depth is not None:
        yield from (n for row in tick.depth.buy + tick.depth.sell for n in row)


def check_contract(decoded):
    assert decoded.error is None or isinstance(decoded.error, CodecError)
    for tick in decoded.ticks:
        for value in numbers(tick):
            assert math.isfinite(value)
            assert type(value) is float or -(2**63) <= value < 2**63


@given(st.binary(max_size=460), st.sampled_from(["feed", "depth20", "orders"]))
@example(b"", "feed")
def test_any_bytes_give_ticks_or_a_typed_error(data, stream):
    check_contract(decode(data, stream))


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_flipped_bits_give_ticks_or_a_typed_error(size, data):
    frame = bytearray(KINDS[size])
    for bit in data.draw(st.lists(st.integers(0, size * 8 - 1), min_size=1, max_size=40)):
        frame[bit // 8] ^= 1 << bit % 8
    check_contract(decode(bytes(frame)))


ANY_JSON = st.recursive(
    st.none() | st.text() | st.floats() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.text() | ANY_JSON.map(json.dumps), st.sampled_from(["feed", "depth20", "orders"]))
@example("[" * 5000, "feed")
@example("[" * 5000, "orders")
@example("\ud800", "feed")
@example('{"errorCode":1}', "feed")
def test_any_text_gives_an_event_or_a_typed_error(text, stream):
    decoded = decode(text, stream)
    assert decoded.ticks == []
    assert decoded.error is None or isinstance(decoded.error, CodecError)


def test_texts():
    for stream in ("feed", "depth20", "orders"):
        decoded = decode("pong", stream)
        assert (decoded.events, decoded.error) == ([], None)
    assert decode('{"message":"Back at 9"}').events == [Notice('{"message":"Back at 9"}')]
    error = decode('{"correlationID":"a","errorCode":"E1001","errorMessage":"Invalid."}').error
    assert isinstance(error, BrokerError)
    assert (error.kind, str(error), error.verdict) == ("E1001", "Invalid.", Verdict.GO_ON)


# --- asking -----------------------------------------------------------------------------


def test_one_request_names_all_exchanges():
    tokens = ["2|54786", "1|3045", "2|54787"]
    [request] = codec().subscribe(tokens, Mode.DEPTH)
    listed = [
        {"exchangeType": 2, "tokens": ["54786", "54787"]},
        {"exchangeType": 1, "tokens": ["3045"]},
    ]
    assert json.loads(request) == {"action": 1, "params": {"mode": 3, "tokenList": listed}}
    [request] = codec().unsubscribe(tokens[:1], Mode.LTP)
    listed = [{"exchangeType": 2, "tokens": ["54786"]}]
    assert json.loads(request) == {"action": 0, "params": {"mode": 1, "tokenList": listed}}


def test_another_mode_is_another_subscription():
    frames = [json.loads(f) for f in codec().change(["1|1"], Mode.QUOTE, Mode.LTP)]
    assert [(f["action"], f["params"]["mode"]) for f in frames] == [(0, 2), (1, 1)]


def test_twenty_levels_are_mode_4():
    deep_codec = codec("depth20")
    [asked] = deep_codec.subscribe(["1|1"], Mode.DEPTH)
    [ended] = deep_codec.unsubscribe(["1|1"], Mode.DEPTH)
    assert [json.loads(f)["params"]["mode"] for f in (asked, ended)] == [4, 4]


def test_orders_are_not_asked_for():
    assert codec("orders").subscribe(["1|1"], Mode.LTP) == []
    assert codec("orders").unsubscribe(["1|1"], Mode.LTP) == []


@pytest.mark.parametrize("token", ["jwt", "Bearer jwt"])
def test_handshake(token):
    credentials = CREDENTIALS | {"access_token": Secret(token)}
    headers = {"x-api-key": "key", "x-client-code": "A1", "x-feed-token": "feed"}
    feed = codec(credentials=credentials).handshake()
    assert feed.url == "wss://smartapisocket.angelone.in/smart-stream"
    assert feed.headers == {"Authorization": "jwt", **headers}
    orders = codec("orders", credentials=credentials).handshake()
    assert orders.url == "wss://tns.angelone.in/smart-order-update"
    assert orders.headers == {"Authorization": "Bearer jwt", **headers}


def test_another_address_serves_all_streams():
    url = "ws://127.0.0.1:9/smart-stream"
    assert codec("depth20", url).handshake().url == url
    assert codec("orders", url).handshake().url == "ws://127.0.0.1:9/smart-order-update"


def test_refusals():
    assert codec().refused(401, {}, "") is Verdict.NEEDS_TOKEN
    assert codec("orders").refused(403, {}, "") is Verdict.NEEDS_TOKEN
    assert codec().refused(429, {}, "") is Verdict.SLOW_DOWN


def test_facts():
    assert BROKER.keys("1|3045") == ("1|3045",)
    assert codec().ping() == "ping"
    names = {levels: BROKER.route("1|3045", "NSE", Mode.DEPTH, levels).name for levels in (5, 20)}
    assert names == {5: "feed", 20: "depth20"}
    assert BROKER.route("2|1", "NFO", Mode.DEPTH, 20).name == "feed"
    assert BROKER.pushes_orders
    [master] = BROKER.masters(Account(credentials={}))
    assert master.url.endswith("/OpenAPIScripMaster.json")


@pytest.mark.parametrize(
    ("exchange", "token"), [("NFO", "2|35"), ("BSE_INDEX", "3|35"), ("CDS", "13|35"), ("NCO", "")]
)
def test_openalgo_keeps_the_number_only(exchange, token):
    row = OpenAlgoRow("X", "X", exchange, exchange, "35")
    assert BROKER.openalgo_token(row) == token
