"""Nubra: golden frames, requests, orders, and the contract of decoding."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.brokers.nubra.broker import BROKER, Nubra
from adapters.brokers.nubra.requests import Channel, channels
from adapters.brokers.nubra.token import INDEX, OPTION, STOCK, index_token, instrument_token
from adapters.codec import Account, Decoded, Notice
from adapters.decode import decode_file
from adapters.errors import BrokerError, CodecError, Verdict
from adapters.wire import nubra_pb2 as wire
from bus.market.orders import Order
from bus.secret import Secret
from bus.topics import Mode

STOCK_TOKEN = instrument_token(STOCK, 69353, "NSE", "RELIANCE")
OPTION_TOKEN = instrument_token(OPTION, 1746686, "NSE", "NIFTY25NOV25900CE")
INDEX_TOKEN = index_token("NSE", "NIFTY", ["NIFTY", "Nifty 50"])
INT64 = st.integers(-(2**63), 2**63 - 1)
PACKAGE = "type.googleapis.com/protos.zanskarsecurities.nubrafrontend."


def nubra(stream="feed", url="", **credentials):
    secrets = {
        name: Secret(value) for name, value in {"access_token": "t0k", **credentials}.items()
    }
    return Nubra(Account(credentials=secrets, url=url), stream)


def frame(kind, message):
    payload = wire.Payload(type_url=PACKAGE + kind, value=message.SerializeToString())
    return wire.Frame(value=payload).SerializeToString()


def book_frame(*books):
    return frame("BatchWebSocketOrderbookMessage", wire.BookBatch(instruments=books))


def order_frame(**fields):
    fields = {"id": 7, "status": 1, "side": 1} | fields
    return frame("NubraToClientIntentUpdate", wire.OrderUpdate(order=wire.Order(**fields)))


@pytest.mark.realdata
def test_golden_frames(vectors):
    path = vectors("nubra")
    cases = json.loads(path.read_text())
    for case, result in zip(cases, decode_file("nubra", path), strict=True):
        expected = {"name": case["name"], "ticks": case.get("expect", [])}
        if "expect_error" in case:
            expected["error"] = case["expect_error"]
        assert result == expected


# --- ticks ----------------------------------------------------------------------------------


LEVELS = st.lists(st.builds(wire.Level, price=INT64, quantity=INT64, orders=INT64), max_size=20)


@given(INT64, INT64, INT64, INT64, INT64, LEVELS, LEVELS)
def test_book_round_trip(ref_id, ltp, ltq, volume, time_ns, bids, asks):
    book = wire.Book(
        inst_id=9, ref_id=ref_id, ltp=ltp, ltq=ltq, volume=volume, timestamp=time_ns,
        bids=bids, asks=asks,
    )  # fmt: skip
    [tick] = nubra().decode(book_frame(book)).ticks
    assert (tick.key, tick.mode) == (ref_id or 9, Mode.DEPTH)
    assert (tick.ltp, tick.ltq, tick.volume) == (ltp / 100 or None, ltq, volume)
    assert tick.exchange_timestamp == (time_ns // 1_000_000 or None)
    for rows, levels in ((tick.depth.buy, bids), (tick.depth.sell, asks)):
        assert rows == [(level.price / 100, level.quantity, level.orders) for level in levels]


@given(st.text(max_size=20), st.sampled_from(["", "NSE", "BSE"]), *[INT64] * 6)
def test_index_round_trip(name, exchange, value, high, low, close, volume, time_ns):
    entry = wire.Index(
        name=name, exchange=exchange, value=value, high=high, low=low, previous_close=close,
        volume=volume, timestamp=time_ns,
    )  # fmt: skip
    batch = wire.IndexBatch(indexes=[entry], instruments=[entry])
    first, second = nubra().decode(frame("BatchWebSocketIndexMessage", batch)).ticks
    assert first == second
    assert (first.key, first.mode) == (f"{exchange or 'NSE'}:{name.upper()}", Mode.QUOTE)
    assert [first.ltp, first.high, first.low, first.close] == [
        price / 100 or None for price in (value, high, low, close)
    ]
    assert (first.volume, first.open) == (volume or None, None)
    assert first.exchange_timestamp == (time_ns // 1_000_000 or None)


@given(*[INT64] * 5)
def test_option_round_trip(ref_id, ltp, oi, volume, time_ns):
    option = wire.Option(inst_id=9, ref_id=ref_id, ltp=ltp, oi=oi, volume=volume, timestamp=time_ns)
    greeks = frame("BatchWebSocketGreeksMessage", wire.GreeksBatch(instruments=[option]))
    chain = frame("WebSocketMsgOptionChainUpdate", wire.OptionChain(calls=[option], puts=[option]))
    [tick] = nubra().decode(greeks).ticks
    assert nubra().decode(chain).ticks == [tick, tick]
    assert (tick.key, tick.mode, tick.depth) == (ref_id or 9, Mode.QUOTE, None)
    assert (tick.ltp, tick.oi, tick.volume) == (ltp / 100 or None, oi, volume or None)


def test_open_comes_from_the_days_candle_of_the_same_name():
    codec = nubra()
    candles = [
        wire.Bucket(name="Reliance", interval=wire.Bucket.DAY, open=151000),
        wire.Bucket(name="RELIANCE", exchange="BSE", interval=wire.Bucket.DAY, open=1),
        wire.Bucket(name="RELIANCE", interval=3, open=2),
        wire.Bucket(name="RELIANCE", interval=wire.Bucket.DAY),
    ]
    assert (
        codec.decode(
            frame("BatchWebSocketIndexBucketMessage", wire.BucketBatch(instruments=candles))
        )
        == Decoded()
    )
    batch = wire.IndexBatch(instruments=[wire.Index(name="RELIANCE", exchange="NSE", value=1)])
    [tick] = codec.decode(frame("BatchWebSocketIndexMessage", batch)).ticks
    assert tick.open == 1510.0


def test_a_message_of_one_wrapper_with_a_key_is_read_too():
    """What the documentation calls GenericData: a text and an Any."""
    inner = frame("BatchWebSocketOrderbookMessage", wire.BookBatch(instruments=[wire.Book()]))
    assert len(nubra().decode(b"\x0a\x03key" + inner).ticks) == 1


def test_unknown_messages_are_left_alone():
    assert nubra().decode(frame("PortfolioResponse", wire.Index(name="x"))) == Decoded()


@pytest.mark.parametrize("data", [b"", b"\x0a\x01a", b"\x12\x02\x0a", b"\xff", b"\x12\x00"])
def test_what_holds_no_message_is_an_error(data):
    assert nubra().decode(data).error.kind == "malformed"


@given(st.data())
def test_a_cut_or_flipped_frame_gives_finite_ticks_or_a_typed_error(data):
    level = wire.Level(price=151880, quantity=100, orders=2)
    whole = bytearray(book_frame(*[wire.Book(ref_id=n, ltp=5, bids=[level] * 5) for n in (1, 2)]))
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        del whole[at:]
    else:
        whole[at] ^= 1 << data.draw(st.integers(0, 7))
    check(nubra().decode(bytes(whole)))


@given(st.sampled_from(
    ["BatchWebSocketOrderbookMessage", "BatchWebSocketIndexMessage", "NubraToClientIntentUpdate",
     "BatchWebSocketIndexBucketMessage", "BatchWebSocketGreeksMessage",
     "WebSocketMsgOptionChainUpdate"]
), st.binary(max_size=100))  # fmt: skip
def test_any_payload_gives_finite_ticks_or_a_typed_error(kind, payload):
    value = wire.Payload(type_url=PACKAGE + kind, value=payload)
    check(nubra().decode(wire.Frame(value=value).SerializeToString()))


@given(st.one_of(st.binary(max_size=200), st.text()))
@example("\ud800")
@example(" Invalid Token\n")
def test_any_frame_gives_an_event_or_a_typed_error(data):
    check(nubra().decode(data))


def check(decoded):
    assert decoded.error is None or isinstance(decoded.error, CodecError)
    for tick in decoded.ticks:
        rows = [] if tick.depth is None else tick.depth.buy + tick.depth.sell
        prices = [tick.ltp, tick.open, tick.high, tick.low, tick.close, *(row[0] for row in rows)]
        assert all(price is None or math.isfinite(price) for price in prices)


# --- text -----------------------------------------------------------------------------------


def test_text_frames():
    dead = nubra().decode("Invalid Token").error
    assert isinstance(dead, BrokerError)
    assert (dead.kind, dead.verdict) == ("Invalid Token", Verdict.NEEDS_TOKEN)
    trouble = nubra().decode("Subscription Failed: too many").error
    assert (trouble.kind, trouble.verdict) == ("broker_error", Verdict.GO_ON)
    assert nubra().decode("welcome").events == [Notice("welcome")]


# --- orders ---------------------------------------------------------------------------------


def test_an_order_in_openalgos_words():
    reference = wire.Reference(ref_id=69353, name="RELIANCE", exchange="NSE", kind="STOCK")
    data = order_frame(
        id=987, status=wire.Order.EXECUTED, side=wire.Order.SELL, delivery=wire.Order.CARRY,
        price_type=wire.Order.LIMIT, quantity=10, filled_quantity=10, price=151890,
        filled_price=151885, reference=reference,
    )  # fmt: skip
    [update] = nubra("orders").decode(data).events
    assert update.token == STOCK_TOKEN
    assert update.order == Order(
        orderid="987", symbol="RELIANCE", exchange="NSE", action="SELL", quantity=10,
        price=1518.9, trigger_price=0.0, pricetype="LIMIT", product="CNC",
        order_status="complete", filled_quantity=10, pending_quantity=0, average_price=1518.85,
    )  # fmt: skip


def test_an_armed_order_of_a_contract():
    reference = wire.Reference(name="X", exchange="BSE", kind="OPT")
    entry = wire.Entry(conditions=[wire.Condition(threshold=25000)])
    data = order_frame(
        status=wire.Order.ARMED, entry=entry, price_type=wire.Order.MARKET, ref_id=5,
        delivery=wire.Order.CARRY, quantity=75, fill=wire.Fill(price=100), reference=reference,
    )  # fmt: skip
    [update] = nubra("orders").decode(data).events
    order = update.order
    assert update.token == "OPT|5|BSE|X"
    assert (order.exchange, order.product, order.pricetype) == ("BFO", "NRML", "SL-M")
    assert (order.trigger_price, order.order_status) == (250.0, "trigger pending")
    assert (order.average_price, order.pending_quantity) == (1.0, 75)


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (1, "open"),
        (2, "complete"),
        (3, "rejected"),
        (4, "trigger pending"),
        (5, "cancelled"),
        (6, "expired"),
    ],
)
def test_statuses(status, word):
    data = order_frame(status=status, rejection="no funds", delivery=wire.Order.INTRADAY)
    [update] = nubra("orders").decode(data).events
    assert update.order.order_status == word
    assert update.order.product == "MIS"
    assert update.order.rejection_reason == ("no funds" if word == "rejected" else "")


@pytest.mark.parametrize("fields", [{"status": 0}, {"status": 99}, {"side": 0}, {"id": 0}])
def test_an_order_that_cannot_be_told_is_an_error(fields):
    decoded = nubra("orders").decode(order_frame(**fields))
    assert decoded.events == []
    assert decoded.error.kind == "unknown_order"


# --- connecting -----------------------------------------------------------------------------


def test_handshakes():
    headers = {"Authorization": "Bearer t0k", "x-device-id": "OPENALGO"}
    feed, orders = nubra().handshake(), nubra("orders").handshake()
    assert (feed.url, feed.headers) == ("wss://api.nubra.io/apibatch/ws", headers)
    assert orders.url == "wss://api.nubra.io/ws"
    assert nubra("orders").login() == ["subscribe t0k notifications notification"]
    assert nubra().login() == ()
    near = nubra(url="ws://127.0.0.1:1/", device_id="mine")
    assert near.handshake().url == "ws://127.0.0.1:1/apibatch/ws"
    assert near.handshake().headers["x-device-id"] == "mine"
    assert near.prepare().url == "http://127.0.0.1:1/userinfo"
    assert nubra().prepare().url == "https://api.nubra.io/userinfo"


@pytest.mark.parametrize(
    ("status", "body", "url"),
    [
        (200, b'{"env_info":{"market_ws_url":"wss://x.nubra.io/ws"}}', "wss://x.nubra.io/ws"),
        (200, b'{"env_info":{"market_ws_url":"ws://x.nubra.io/ws"}}', ""),
        (200, b'{"env_info":{"user_ws_url":"wss://x.nubra.io/ws"}}', ""),
        (200, b'{"env_info":{"market_ws_url":null}}', ""),
        (200, b'{"env_info":[]}', ""),
        (200, b"<html>\xff", ""),
        (500, b"", ""),
        (0, b"", ""),
    ],
)
def test_the_session_may_name_its_socket(status, body, url):
    codec = nubra()
    codec.prepared(status, body)
    assert codec.handshake().url == (url or "wss://api.nubra.io/apibatch/ws")


def test_the_orders_socket_has_a_name_of_its_own():
    codec = nubra("orders")
    codec.prepared(200, b'{"env_info":{"market_ws_url":"wss://m","user_ws_url":"wss://u"}}')
    assert codec.handshake().url == "wss://u"


@pytest.mark.parametrize("status", [401, 440])
def test_a_dead_session_needs_a_token(status):
    with pytest.raises(BrokerError) as refused:
        nubra().prepared(status, b"")
    assert refused.value.verdict is Verdict.NEEDS_TOKEN
    assert nubra().refused(status, {}, "") is Verdict.NEEDS_TOKEN
    assert nubra().refused(502, {}, "") is Verdict.RETRY


@pytest.mark.parametrize("token", ["a b", "a\n", "tokén"])
def test_a_token_that_would_break_a_request_is_refused(token):
    for ask in (Nubra.handshake, Nubra.prepare):
        with pytest.raises(BrokerError) as refused:
            ask(nubra(access_token=token))
        assert refused.value.verdict is Verdict.NEEDS_TOKEN
        assert token not in str(refused.value)
    assert len(BROKER.masters(nubra(access_token=token).account)) == 4


# --- asking ---------------------------------------------------------------------------------


def test_requests_in_the_highest_mode():
    bse = instrument_token(STOCK, 7, "BSE", "M&M")
    tokens = [STOCK_TOKEN, OPTION_TOKEN, INDEX_TOKEN, bse]
    named = '{"instruments":[],"indexes":["RELIANCE","NIFTY25NOV25900CE","Nifty 50"]}'
    assert nubra().subscribe(tokens, Mode.DEPTH) == [
        f"batch_subscribe t0k index_bucket {named} 1d NSE",
        'batch_subscribe t0k index_bucket {"instruments":[],"indexes":["M&M"]} 1d BSE',
        f"batch_subscribe t0k index {named} NSE",
        'batch_subscribe t0k index {"instruments":[],"indexes":["M&M"]} BSE',
        'batch_subscribe t0k orderbook {"instruments":[69353,1746686,7],"indexes":[]}',
        'batch_subscribe t0k greeks {"instruments":[1746686],"indexes":[]}',
        "batch_subscribe t0k orderbook_depth 5",
    ]
    assert nubra("depth20").subscribe(tokens, Mode.DEPTH)[-1].endswith("orderbook_depth 20")


def test_requests_for_the_last_price():
    book = '{"instruments":[69353],"indexes":[]}'
    assert nubra().subscribe([STOCK_TOKEN], Mode.LTP) == [
        f"batch_subscribe t0k orderbook {book}",
        "batch_subscribe t0k orderbook_depth 5",
    ]
    assert nubra().unsubscribe([STOCK_TOKEN], Mode.LTP) == [
        f"batch_unsubscribe t0k orderbook {book}"
    ]
    index = '{"instruments":[],"indexes":["Nifty 50"]} NSE'
    assert nubra().subscribe([INDEX_TOKEN], Mode.LTP) == [f"batch_subscribe t0k index {index}"]


@given(*[st.sampled_from(Mode)] * 2, st.sampled_from([STOCK_TOKEN, OPTION_TOKEN, INDEX_TOKEN]))
def test_a_change_asks_for_the_difference(before, after, token):
    kind = token.split("|")[0]
    lost = channels(kind, before) - channels(kind, after)
    new = channels(kind, after) - channels(kind, before)
    words = [frame.split()[:3:2] for frame in nubra().change([token], before, after)]
    assert len(words) == len(lost) + len(new)
    assert {w for verb, w in words if verb == "batch_unsubscribe"} == {c.value for c in lost}
    assert {w for verb, w in words if verb == "batch_subscribe"} == {c.value for c in new}


def test_only_options_have_greeks_and_an_index_has_no_book():
    assert Channel.GREEKS in channels(OPTION, Mode.QUOTE)
    assert Channel.GREEKS not in channels(STOCK, Mode.DEPTH) | channels("FUT", Mode.DEPTH)
    assert Channel.BOOK not in channels(INDEX, Mode.DEPTH)


def test_facts():
    assert BROKER.keys(STOCK_TOKEN) == [69353, "NSE:RELIANCE"]
    assert BROKER.keys(INDEX_TOKEN) == ["NSE:NIFTY 50", "NSE:NIFTY"]
    assert BROKER.route(STOCK_TOKEN, "NSE", Mode.DEPTH, 5).name == "feed"
    assert BROKER.route(STOCK_TOKEN, "NSE", Mode.DEPTH, 20).name == "depth20"
    assert BROKER.pushes_orders
    *trading, indices = BROKER.masters(nubra().account)
    assert [source.url[-4:] for source in trading] == ["=NSE", "=BSE", "=MCX"]
    assert trading[0].headers["Authorization"] == "Bearer t0k"
    assert (indices.url, indices.headers) == (
        ("https://api.nubra.io/public/indexes?format=csv", {})
    )
