"""Dhan's wire protocol: golden frames, layouts, and the contract of decoding."""

import json
import math
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters import registry
from adapters.broker import OpenAlgoRow
from adapters.brokers.dhan import broker as dhan
from adapters.brokers.dhan import sandbox as dhan_sandbox
from adapters.codec import Account, Notice
from adapters.decode import decode_file
from adapters.errors import BrokerError, CodecError, MalformedError, TruncatedError, Verdict
from bus.secret import Secret
from bus.topics import Mode

CREDENTIALS = {"client_id": Secret("1000000001:::app"), "access_token": Secret("t=ken")}
NSE = 1


def codec(stream="feed", url=""):
    return dhan.codec(Account(credentials=CREDENTIALS, url=url), stream)


def packet(code, body=b"", segment=NSE, number=1333):
    return struct.pack("<BHBI", code, 8 + len(body), segment, number) + body


def ticker(ltp, traded=0, **place):
    return packet(2, struct.pack("<fI", ltp, traded), **place)


def quote(ltp=10.0, **place):
    body = struct.pack("<fHIfIIIffff", ltp, 1, 0, 10.0, 2, 3, 4, 9.0, 0.0, 11.0, 8.0)
    return packet(4, body, **place)


def full(ltp=10.0, bid=9.95, ask=10.05):
    head = struct.pack("<fHIfIIIIIIffff", ltp, 1, 0, 10.0, 2, 3, 4, 5, 6, 7, 9.0, 0.0, 11.0, 8.0)
    return packet(8, head + struct.pack("<IIHHff", 1, 2, 3, 4, bid, ask) * 5)


def side(code, rows, number=1333, count=None, segment=NSE):
    body = b"".join(struct.pack("<dII", *row) for row in rows)
    count = len(rows) if count is None else count
    return struct.pack("<HBBII", 12 + len(body), code, segment, number, count) + body


@pytest.mark.realdata
@pytest.mark.parametrize("broker", ["dhan", "dhan_sandbox"])
def test_golden_frames(vectors, broker):
    path = vectors(broker)
    cases = json.loads(path.read_text())
    for case, result in zip(cases, decode_file(broker, path), strict=True):
        expected = {"name": case["name"], "ticks": case.get("expect", [])}
        if "expect_error" in case:
            expected["error"] = case["expect_error"]
        assert result == expected


# --- the feed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("segment", "key", "price"),
    [
        (0, "IDX_I|7", 25910.05),
        (1, "NSE_EQ|7", 996.45),
        (2, "NSE_FNO|7", 0.05),
        (3, "NSE_CURRENCY|7", 90.4325),
        (4, "BSE_EQ|7", 16520.0),
        (5, "MCX_COMM|7", 5204.0),
        (7, "BSE_CURRENCY|7", 90.4375),
        (8, "BSE_FNO|7", 84991.5),
    ],
)
def test_each_segment_has_its_key_and_its_decimals(segment, key, price):
    [tick] = codec().decode(ticker(price, segment=segment, number=7)).ticks
    assert (tick.key, tick.ltp) == (key, price)


@pytest.mark.parametrize("segment", [6, 9, 255])
def test_a_segment_that_does_not_exist_is_malformed(segment):
    assert isinstance(codec().decode(ticker(1.0, segment=segment)).error, MalformedError)
    assert isinstance(codec("depth20").decode(side(41, [], segment=segment)).error, MalformedError)


@given(st.integers(-(2**30), 2**30), st.sampled_from([(1, 2), (3, 4), (7, 4)]))
def test_prices_are_rounded_as_decimals_are(number, place):
    segment, decimals = place
    wire = struct.unpack("<f", struct.pack("<f", number / 10**decimals))[0]
    [tick] = codec().decode(ticker(wire, segment=segment)).ticks
    assert tick.ltp == round(wire, decimals)


@given(st.floats(width=32))
def test_any_float_gives_a_finite_price_or_an_error(price):
    decoded = [codec().decode(frame(price)) for frame in (ticker, quote, full)]
    decoded.append(codec().decode(full(bid=price)))
    for one in decoded:
        if math.isfinite(price):
            assert one.error is None
            assert math.isfinite(one.ticks[0].ltp)
        else:
            assert isinstance(one.error, MalformedError)


def test_times_are_indias_and_none_is_left_out():
    [tick] = codec().decode(ticker(1.0, traded=1763457300)).ticks
    assert tick.last_trade_time == 1763437500000
    [tick] = codec().decode(ticker(1.0)).ticks
    assert tick.last_trade_time is None


def test_close_and_interest_are_kept_for_what_follows():
    connection = codec()
    [tick] = connection.decode(quote()).ticks
    assert (tick.close, tick.oi) == (None, None)
    told = connection.decode(
        packet(6, struct.pack("<fI", 9.9, 77)) + packet(5, struct.pack("<I", 1200))
    )
    assert (told.ticks, told.error) == ([], None)
    [tick] = connection.decode(quote()).ticks
    assert (tick.close, tick.oi) == (9.9, 1200)
    [tick] = connection.decode(full()).ticks
    assert (tick.close, tick.oi, tick.oi_high, tick.oi_low) == (9.9, 5, 6, 7)
    [other] = connection.decode(quote(number=1334)).ticks
    assert (other.close, other.oi) == (None, None)


def test_other_packets_are_skipped_by_their_length():
    skipped = packet(7) + packet(0) + packet(1, b"12345") + packet(3, bytes(104)) + packet(99)
    decoded = codec().decode(skipped + ticker(1.0))
    assert [tick.ltp for tick in decoded.ticks] == [1.0]
    assert decoded.error is None
    assert codec().decode(b"").error is None


@pytest.mark.parametrize("code", [2, 4, 5, 6, 8, 50])
def test_a_packet_too_short_for_its_kind_is_malformed(code):
    decoded = codec().decode(ticker(1.0) + packet(code, b"1"))
    assert isinstance(decoded.error, MalformedError)
    assert len(decoded.ticks) == 1


def test_a_length_below_the_header_is_malformed():
    assert isinstance(codec().decode(struct.pack("<BHBI", 7, 3, 1, 1)).error, MalformedError)


@given(st.integers(0, 161))
def test_a_cut_frame_keeps_the_ticks_before_the_cut(cut):
    decoded = codec().decode(ticker(1.0) + full()[:cut])
    assert [tick.ltp for tick in decoded.ticks] == [1.0]
    assert decoded.error is None if cut == 0 else isinstance(decoded.error, TruncatedError)


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [
        (805, Verdict.SLOW_DOWN),
        (806, Verdict.FATAL),
        (807, Verdict.NEEDS_TOKEN),
        (808, Verdict.FATAL),
        (809, Verdict.FATAL),
        (810, Verdict.FATAL),
        (814, Verdict.RETRY),
    ],
)
def test_reasons_of_disconnection(reason, verdict):
    at_feed = packet(50, struct.pack("<H", reason), segment=200)
    behind_header = struct.pack("<HBBIIH", 14, 50, 0, 0, 0, reason)
    as_the_sdk_reads = struct.pack("<HBBII", 12, 50, 0, 0, reason)
    for stream, frame in (
        ("feed", at_feed),
        ("depth20", behind_header),
        ("depth200", as_the_sdk_reads),
    ):
        error = codec(stream).decode(frame).error
        assert isinstance(error, BrokerError)
        assert (error.kind, error.verdict) == (str(reason), verdict)
        assert str(reason) in str(error)


# --- deep books ----------------------------------------------------------------------------

ROWS = [(100.05 - n / 20, 10 + n, n) for n in range(200)]


@pytest.mark.parametrize(("stream", "count"), [("depth20", 20), ("depth200", 200), ("depth200", 3)])
def test_a_book_is_told_when_both_sides_have_come(stream, count):
    connection = codec(stream)
    bids, asks = ROWS[:count], ROWS[-count:]
    assert connection.decode(side(41, bids)).ticks == []
    assert connection.decode(side(41, asks, number=2)).ticks == []
    [tick] = connection.decode(side(51, asks)).ticks
    assert (tick.key, tick.mode, tick.ltp) == ("NSE_EQ|1333", Mode.DEPTH, None)
    assert (tick.depth.buy, tick.depth.sell) == (bids, asks)
    assert connection.decode(side(51, bids)).ticks == []  # both have to be new
    [tick] = connection.decode(side(41, asks) + side(51, asks, number=7)).ticks
    assert (tick.depth.buy, tick.depth.sell) == (asks, bids)


def test_a_side_that_comes_twice_replaces_itself():
    connection = codec("depth200")
    connection.decode(side(41, ROWS[:2]) + side(41, ROWS[:1]))
    [tick] = connection.decode(side(51, ROWS[:3])).ticks
    assert (len(tick.depth.buy), len(tick.depth.sell)) == (1, 3)


def test_twenty_levels_ignore_the_sequence_number():
    frame = side(41, ROWS[:20], count=4_000_000_000) + side(51, ROWS[:20], count=1)
    assert len(codec("depth20").decode(frame).ticks) == 1


@pytest.mark.parametrize(
    ("stream", "frame"),
    [
        ("depth20", side(41, ROWS[:19])),
        ("depth200", side(41, ROWS[:2], count=3)),
        ("depth200", side(41, ROWS + ROWS[:1])),
        ("depth200", struct.pack("<HBBII", 11, 41, 1, 1, 0)),
        ("depth200", side(51, [(math.nan, 1, 1)])),
        ("depth200", side(51, [(math.inf, 1, 1), (-math.inf, 1, 1)])),
    ],
)
def test_a_book_of_another_size_or_without_numbers_is_malformed(stream, frame):
    assert isinstance(codec(stream).decode(frame).error, MalformedError)


@given(st.integers(1, 331))
def test_a_cut_book_is_truncated(cut):
    both = side(41, ROWS[:20]) + side(51, ROWS[:20])
    decoded = codec("depth20").decode(both + both[:cut])
    assert len(decoded.ticks) == 1
    assert isinstance(decoded.error, TruncatedError)


def test_unknown_codes_of_a_book_are_skipped():
    frame = side(42, []) + side(41, ROWS[:20]) + side(0, ROWS[:2]) + side(51, ROWS[:20])
    assert len(codec("depth20").decode(frame).ticks) == 1


# --- the contract ----------------------------------------------------------------------------


@given(st.sampled_from(["feed", "depth20", "depth200"]), st.lists(st.binary(max_size=400)))
@example("feed", [b"\x00", b"\xff" * 9])
def test_any_bytes_give_finite_ticks_or_a_typed_error(stream, frames):
    connection = codec(stream)
    for frame in frames:
        decoded = connection.decode(frame)
        assert decoded.error is None or isinstance(decoded.error, CodecError)
        assert all(math.isfinite(tick.ltp or 0.0) for tick in decoded.ticks)


@given(st.data())
def test_flipped_bits_give_finite_ticks_or_a_typed_error(data):
    stream, frame = data.draw(
        st.sampled_from(
            [
                ("feed", ticker(1.0) + quote() + full()),
                ("depth20", side(41, ROWS[:20]) + side(51, ROWS[:20])),
            ]
        )
    )
    damaged = bytearray(frame)
    for bit in data.draw(st.sets(st.integers(0, len(frame) * 8 - 1), min_size=1, max_size=4)):
        damaged[bit // 8] ^= 1 << bit % 8
    decoded = codec(stream).decode(bytes(damaged))
    assert decoded.error is None or isinstance(decoded.error, CodecError)
    for tick in decoded.ticks:
        book = [] if tick.depth is None else tick.depth.buy + tick.depth.sell
        prices = [tick.ltp or 0.0, tick.average_price or 0.0, *(row[0] for row in book)]
        assert all(map(math.isfinite, prices))


def test_text_on_a_feed_is_told_to_people():
    assert codec().decode("maintenance at 8").events == [Notice("maintenance at 8")]


# --- asking ----------------------------------------------------------------------------------


def test_handshakes():
    token = "token=t%3Dken&clientId=1000000001&authType=2"
    assert codec().handshake().url == f"wss://api-feed.dhan.co?version=2&{token}"
    base = "wss://depth-api-feed.dhan.co/twentydepth"
    assert codec("depth20").handshake().url == f"{base}?{token}"
    assert codec("depth200").handshake().url == f"wss://full-depth-api.dhan.co/?{token}"
    assert codec("orders").handshake().url == "wss://api-order-update.dhan.co"


def test_one_configured_address_serves_every_stream():
    local = "ws://127.0.0.1:9/"
    paths = {
        stream: codec(stream, local).handshake().url.partition("?")[0].removeprefix(local)
        for stream in ("feed", "depth20", "depth200", "orders")
    }
    assert paths == {
        "feed": "",
        "depth20": "twentydepth",
        "depth200": "twohundreddepth",
        "orders": "order-update",
    }


@pytest.mark.parametrize(
    ("mode", "codes"), [(Mode.LTP, (15, 16)), (Mode.QUOTE, (17, 18)), (Mode.DEPTH, (21, 22))]
)
def test_requests_of_the_feed(mode, codes):
    tokens = ["NSE_EQ|1333", "NSE_FNO|52432"]
    connection = codec()
    for frames, code in zip(
        (connection.subscribe(tokens, mode), connection.unsubscribe(tokens, mode)),
        codes,
        strict=True,
    ):
        assert [json.loads(frame) for frame in frames] == [
            {
                "RequestCode": code,
                "InstrumentCount": 2,
                "InstrumentList": [
                    {"ExchangeSegment": "NSE_EQ", "SecurityId": "1333"},
                    {"ExchangeSegment": "NSE_FNO", "SecurityId": "52432"},
                ],
            }
        ]


def test_requests_of_deep_books():
    [frame] = codec("depth20").subscribe(["NSE_EQ|1"], Mode.DEPTH)
    assert json.loads(frame)["RequestCode"] == 23
    named = {"ExchangeSegment": "NSE_EQ", "SecurityId": "1"}
    assert json.loads(frame)["InstrumentList"] == [named]
    [frame] = codec("depth200").unsubscribe(["NSE_EQ|1"], Mode.DEPTH)
    assert json.loads(frame) == {"RequestCode": 25, **named}


def test_a_change_of_mode_ends_the_old_one():
    frames = codec().change(["NSE_EQ|1"], Mode.DEPTH, Mode.LTP)
    assert [json.loads(frame)["RequestCode"] for frame in frames] == [22, 15]


def test_refusals():
    assert codec().refused(401, {}, "") is Verdict.NEEDS_TOKEN
    assert codec().refused(429, {}, "") is Verdict.FATAL
    assert codec().refused(400, {}, "Client ID is blocked") is Verdict.FATAL
    assert codec().refused(502, {}, "") is Verdict.RETRY


def test_facts():
    broker = dhan.BROKER
    assert broker.route("NSE_EQ|1", "NSE", Mode.DEPTH).name == "feed"
    assert broker.route("NSE_EQ|1", "NSE", Mode.DEPTH, 20).name == "depth20"
    assert broker.route("NSE_EQ|1", "NSE", Mode.DEPTH, 200).name == "depth200"
    assert broker.route("BSE_EQ|1", "BSE", Mode.DEPTH, 200).name == "feed"
    assert broker.pushes_orders
    [master] = broker.masters(Account(credentials={}))
    assert master.url.endswith("/api-scrip-master.csv")


def test_openalgos_tokens_get_their_segment():
    def token(exchange):
        return dhan.openalgo_token(OpenAlgoRow("X", "X", exchange, "", "13"))

    assert token("NSE_INDEX") == "IDX_I|13"
    assert token("NFO") == "NSE_FNO|13"
    assert token("CRYPTO") == ""


# --- the sandbox -----------------------------------------------------------------------------


def test_the_sandbox_never_asks_production():
    broker = registry.find("dhan_sandbox")
    assert broker is dhan_sandbox.BROKER
    assert [stream.name for stream in broker.streams] == ["feed"]
    assert not broker.pushes_orders
    with pytest.raises(BrokerError, match="set `url`") as refused:
        broker.codec(Account(credentials={}), "feed").handshake()
    assert refused.value.verdict is Verdict.FATAL
    local = broker.codec(Account(credentials={}, url="ws://127.0.0.1:9"), "feed")
    assert local.handshake().url.startswith("ws://127.0.0.1:9/?version=2&token=sandbox")
