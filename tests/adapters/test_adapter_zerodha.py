"""Kite's wire protocol: golden frames, layout, and the contract of decoding."""

import base64
import json
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.brokers.zerodha.broker import BROKER, Zerodha
from adapters.codec import Account, Notice
from adapters.decode import decode_file
from adapters.errors import BrokerError, CodecError, MalformedError, Verdict
from bus.secret import Secret
from bus.topics import Mode

UINT32 = st.integers(0, 2**32 - 1)
CREDENTIALS = {"api_key": Secret("k&y"), "access_token": Secret("t=ken")}


@pytest.fixture
def codec():
    return Zerodha(Account(credentials=CREDENTIALS), "feed")


def decode(data):
    return Zerodha(Account(credentials={}), "feed").decode(data)


@pytest.mark.realdata
def test_golden_frames(vectors):
    path = vectors("zerodha")
    cases = json.loads(path.read_text())
    for case, result in zip(cases, decode_file("zerodha", path), strict=True):
        expected = {"name": case["name"], "ticks": case.get("expect", [])}
        if "expect_error" in case:
            expected["error"] = case["expect_error"]
        assert result == expected


@pytest.mark.realdata
def test_packets_recorded_by_zerodha(data_folder, wire):
    for kind in ("quote", "full"):
        packet = base64.b64decode((data_folder / f"kite-packets/ticker_{kind}.packet").read_bytes())
        [tick] = decode(wire.frame(packet)).ticks
        told = json.loads((data_folder / f"kite-packets/ticker_{kind}.json").read_text())
        assert tick.ltp == told["last_price"]
        assert tick.close == told["ohlc"]["close"]
        assert tick.key == told["instrument_token"]


@pytest.mark.parametrize(
    ("segment", "price"),
    [
        (1, 123456.78), (2, 123456.78), (3, 1.2345678), (4, 123456.78), (5, 123456.78),
        (6, 1234.5678), (7, 123456.78), (8, 123456.78), (9, 123456.78), (12, 1234.5678),
    ],
)  # fmt: skip
def test_divisor_of_each_segment(wire, segment, price):
    [tick] = decode(wire.frame(wire.ltp(0x1200 | segment, 12345678))).ticks
    assert tick.ltp == price


def test_full_index_has_its_own_order_and_a_time(wire):
    packet = struct.pack(">8I", 256265, 100, 400, 200, 300, 150, 7, 1763437500)
    [tick] = decode(wire.frame(packet)).ticks
    assert (tick.mode, tick.ltp, tick.open, tick.high, tick.low, tick.close) == (
        (Mode.QUOTE, 1.0, 3.0, 4.0, 2.0, 1.5)
    )
    assert tick.exchange_timestamp == 1763437500000
    assert tick.depth is None


def test_times_of_zero_are_left_out(wire):
    [tick] = decode(wire.frame(wire.full(257, [0] * 15, [(0, 0, 0)] * 10))).ticks
    assert tick.last_trade_time is None
    assert tick.exchange_timestamp is None
    assert tick.oi == 0
    assert len(tick.depth.buy) == len(tick.depth.sell) == 5


def test_unknown_lengths_are_skipped(wire):
    ticks = decode(wire.frame(b"12345", wire.ltp(257, 100), b"", wire.ltp(513, 200))).ticks
    assert [tick.key for tick in ticks] == [257, 513]


def test_a_frame_of_the_size_of_ltp_packets_may_hold_others(wire):
    """Unknown packets, as long together as two of mode ltp."""
    ltp, mixed = wire.ltp(257, 100), [b"12345", b"12345678901"]
    for packets in (mixed, [ltp, *mixed], [*mixed, ltp], [mixed[1], ltp, mixed[0]]):
        ticks = decode(wire.frame(*packets)).ticks
        assert [(tick.key, tick.ltp) for tick in ticks] == [(257, 1.0)] * packets.count(ltp)


@given(st.lists(st.tuples(UINT32, UINT32), max_size=20))
def test_ltp_round_trip(pairs):
    packets = [struct.pack(">HII", 8, token, price) for token, price in pairs]
    ticks = decode(struct.pack(">H", len(pairs)) + b"".join(packets)).ticks
    assert [tick.key for tick in ticks] == [token for token, _ in pairs]
    for tick, (token, price) in zip(ticks, pairs, strict=True):
        divisor = {3: 10_000_000, 6: 10_000, 12: 10_000}.get(token & 0xFF, 100)
        assert round(tick.ltp * divisor) == price


@given(st.lists(UINT32, min_size=15, max_size=15), st.data())
def test_full_round_trip(fields, data):
    row = st.tuples(UINT32, UINT32, st.integers(0, 65535))
    rows = data.draw(st.lists(row, min_size=10, max_size=10))
    book = b"".join(struct.pack(">IIH2x", *r) for r in rows)
    packet = struct.pack(">16I", 0x101, *fields) + book
    [tick] = decode(struct.pack(">HH", 1, 184) + packet).ticks
    assert [round(tick.ltp * 100), tick.ltq, round(tick.average_price * 100)] == fields[:3]
    assert [tick.volume, tick.total_buy_quantity, tick.total_sell_quantity] == fields[3:6]
    prices = [tick.open, tick.high, tick.low, tick.close]
    assert [round(price * 100) for price in prices] == fields[6:10]
    assert [tick.oi, tick.oi_high, tick.oi_low] == fields[11:14]
    both = tick.depth.buy + tick.depth.sell
    assert [(q, round(p * 100), n) for p, q, n in both] == rows


@given(st.binary(max_size=400))
@example(b"")
@example(b"\x00")
@example(b"\xff\xff")
@example(b"\x00\x02\x00\x08" + bytes(8))
def test_any_bytes_give_ticks_or_a_typed_error(data):
    decoded = decode(data)
    assert decoded.error is None or isinstance(decoded.error, CodecError)


@given(st.binary(max_size=60), st.integers(0, 60))
def test_a_cut_frame_keeps_the_ticks_before_the_cut(tail, cut):
    good = struct.pack(">HHII", 9, 8, 257, 100)
    decoded = decode(good + tail[:cut])
    assert decoded.ticks[0].key == 257
    if not tail[:cut]:
        assert decoded.error.kind == "truncated"


@given(st.one_of(st.text(), st.recursive(st.none() | st.text() | st.floats(), st.lists)))
@example('{"type":"error"}')
@example('{"type":1}')
@example("[" * 5000)
@example("\ud800")
def test_any_text_gives_an_event_or_a_typed_error(value):
    text = value if isinstance(value, str) else json.dumps({"type": "message", "data": value})
    decoded = decode(text)
    assert decoded.ticks == []
    assert decoded.error is None or isinstance(decoded.error, CodecError)


def test_text_messages():
    assert decode('{"type":"message","data":"Back at 9"}').events == [Notice("Back at 9")]
    assert decode('{"type":"new","data":{"a":1}}').events == [Notice('{"a":1}')]
    assert isinstance(decode("hello").error, MalformedError)


@pytest.mark.parametrize(
    ("words", "verdict"),
    [("Too many tokens", Verdict.GO_ON), ("Invalid `access_token`", Verdict.NEEDS_TOKEN)],
)
def test_errors_of_the_broker(words, verdict):
    error = decode(json.dumps({"type": "error", "data": words})).error
    assert isinstance(error, BrokerError)
    assert (error.kind, str(error), error.verdict) == ("broker_error", words, verdict)


def test_handshake_quotes_its_credentials(codec):
    handshake = codec.handshake()
    assert handshake.url == "wss://ws.kite.trade?api_key=k%26y&access_token=t%3Dken"
    assert handshake.headers == {"X-Kite-Version": "3"}


def test_requests(codec):
    assert [json.loads(f) for f in codec.subscribe(["1", "2"], Mode.DEPTH)] == [
        {"a": "subscribe", "v": [1, 2]},
        {"a": "mode", "v": ["full", [1, 2]]},
    ]
    assert [json.loads(f) for f in codec.unsubscribe(["1"], Mode.LTP)] == [
        {"a": "unsubscribe", "v": [1]}
    ]
    assert [json.loads(f) for f in codec.change(["1"], Mode.DEPTH, Mode.LTP)] == [
        {"a": "mode", "v": ["ltp", [1]]}
    ]


def test_refusals(codec):
    assert codec.refused(403, {}, "") is Verdict.NEEDS_TOKEN
    assert codec.refused(429, {}, "") is Verdict.SLOW_DOWN
    assert codec.refused(502, {}, "") is Verdict.RETRY
    assert codec.closed(1000, "") is Verdict.RETRY


def test_facts():
    assert BROKER.keys("738561") == (738561,)
    assert BROKER.stream("738561", Mode.LTP) == "feed"
    [master] = BROKER.masters(Account(credentials=CREDENTIALS))
    assert master.headers["Authorization"] == "token k&y:t=ken"
