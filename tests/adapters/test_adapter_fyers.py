"""Fyers' price socket: golden frames, requests, merging, and the contract of decoding."""

import base64
import json
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.brokers.fyers.broker import BROKER
from adapters.brokers.fyers.hsm import Hsm
from adapters.codec import Account, LoggedIn
from adapters.decode import decode_file
from adapters.errors import BrokerError, CodecError, MalformedError, Verdict
from bus.secret import Secret
from bus.topics import Mode
from simulators.brokers.fyers.packets import (
    ABSENT,
    lite_record,
    message,
    snapshot_record,
    update_record,
)
from simulators.markets.market import Instrument

RELIANCE = Instrument(exchange="NSE", symbol="RELIANCE", exchange_token=2885)
USDINR = Instrument(exchange="CDS", symbol="USDINR", exchange_token=7)
TOKEN = "nse_cm|2885|NSE:RELIANCE-EQ"
INDEX = "nse_cm|Nifty 50|NSE:NIFTY50-INDEX"
SF, DP = "sf|nse_cm|2885", "dp|nse_cm|2885"
INT32 = st.integers(-(2**31), 2**31 - 1)
AUTH_OK = bytes.fromhex("000d01020100014b02000400000032")


def jwt(**claims):
    parts = (b"{}", json.dumps(claims).encode(), b"x")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def account(token="", url=""):
    token = token or f"APP-100:{jwt(hsm_key='key!', exp=1)}"
    return Account(credentials={"access_token": Secret(token)}, url=url)


def hsm():
    return Hsm(account(), "hsm")


def data(*records):
    return message(1, records)


def snapshot(topic, values, number=7, instrument=RELIANCE):
    return snapshot_record(topic, number, values, instrument)


def scrip(**values):
    """Values of a scrip's topic: all 0 but these positions."""
    row = [0] * 21
    for name, value in values.items():
        row[int(name[1:])] = value
    return row


@pytest.mark.realdata
def test_golden_frames(vectors):
    path = vectors("fyers")
    cases = json.loads(path.read_text())
    for case, result in zip(cases, decode_file("fyers", path), strict=True):
        expected = {"name": case["name"], "ticks": case.get("expect", [])}
        if "expect_error" in case:
            expected["error"] = case["expect_error"]
        assert result == expected


def test_login_is_the_key_of_the_jwt_then_the_mode():
    auth, mode = hsm().login()
    assert auth == (
        b"\x00\x23\x01\x04" b"\x01\x00\x04key!" b"\x02\x00\x01P" b"\x03\x00\x01\x01"
        b"\x04\x00\x0fopenalgo-stream"
    )  # fmt: skip
    assert mode == b"\x00\x11\x0c\x02\x01\x00\x08" + struct.pack(">Q", 1 << 11) + b"\x02\x00\x01F"
    assert hsm().ping() == b"\x00\x01\x0b"


@pytest.mark.parametrize(
    "token",
    ["x", "a:b", "a.b.c", f"A:{jwt(exp=1)}", f"A:{jwt(hsm_key='')}", f"A:{jwt(hsm_key='ü')}"],
)
def test_token_without_a_key_needs_a_token(token):
    with pytest.raises(BrokerError) as refused:
        BROKER.codec(account(token), "hsm").handshake()
    assert refused.value.verdict is Verdict.NEEDS_TOKEN
    assert token not in str(refused.value)


@pytest.mark.parametrize("stream", ["tbt", "orders"])
def test_token_without_an_app_needs_a_token(stream):
    with pytest.raises(BrokerError) as refused:
        BROKER.codec(account(jwt(hsm_key="k")), stream).handshake()
    assert refused.value.verdict is Verdict.NEEDS_TOKEN


def test_addresses():
    addresses = [BROKER.codec(account(), stream.name).handshake() for stream in BROKER.streams]
    assert [handshake.url for handshake in addresses] == [
        "wss://socket.fyers.in/hsm/v1-5/prod",
        "wss://rtsocket-api.fyers.in/versova",
        "wss://socket.fyers.in/trade/v3",
    ]
    assert addresses[0].headers == {}
    assert addresses[2].headers["Authorization"] == account().reveal("access_token")
    local = BROKER.codec(account(url="ws://127.0.0.1:1/"), "hsm").handshake()
    assert local.url == "ws://127.0.0.1:1/hsm/v1-5/prod"


def test_requests():
    codec = hsm()
    [request] = codec.subscribe([TOKEN, INDEX], Mode.QUOTE)
    topics = b"\x00\x02\x0esf|nse_cm|2885\x12if|nse_cm|Nifty 50"
    assert request == b"\x00\x2d\x04\x02\x01\x00\x24" + topics + b"\x02\x00\x01\x0b"
    assert codec.subscribe([TOKEN], Mode.LTP) == codec.subscribe([TOKEN], Mode.QUOTE)
    [deep] = codec.subscribe([TOKEN, INDEX], Mode.DEPTH)
    assert deep[7:-4] == b"\x00\x03" + topics[2:] + b"\x0edp|nse_cm|2885"
    [end] = codec.unsubscribe([TOKEN], Mode.DEPTH)
    assert (end[2], end[7:9]) == (5, b"\x00\x02")


def test_change_touches_the_book_only():
    codec = hsm()
    assert codec.change([TOKEN], Mode.LTP, Mode.QUOTE) == []
    assert codec.change([INDEX], Mode.QUOTE, Mode.DEPTH) == []
    [more] = codec.change([TOKEN, INDEX], Mode.QUOTE, Mode.DEPTH)
    [less] = codec.change([TOKEN], Mode.DEPTH, Mode.LTP)
    assert (more[2], more[7:-4]) == (4, b"\x00\x01\x0edp|nse_cm|2885")
    assert (less[2], less[7:-4]) == (5, b"\x00\x01\x0edp|nse_cm|2885")


def test_keys_and_streams():
    assert BROKER.keys(TOKEN) == (SF, DP, "NSE:RELIANCE-EQ")
    assert BROKER.keys(INDEX) == ("if|nse_cm|Nifty 50",)
    assert BROKER.route(TOKEN, "NSE", Mode.DEPTH).name == "hsm"
    assert BROKER.route(TOKEN, "NSE", Mode.DEPTH, 50).name == "tbt"
    assert BROKER.route(TOKEN, "MCX", Mode.DEPTH, 50).name == "hsm"
    assert BROKER.pushes_orders
    assert [source.url.rpartition("/")[2] for source in BROKER.masters(account())] == [
        *("NSE_CM.csv", "BSE_CM.csv", "BSE_FO.csv", "NSE_FO.csv"),
        *("NSE_CD_sym_master.json", "MCX_COM_sym_master.json"),
    ]


def test_acknowledges_every_so_many_messages():
    codec = hsm()
    assert codec.decode(AUTH_OK[:-1] + b"\x02").events == [LoggedIn()]
    replies = [codec.decode(message(number, ())).replies for number in (5, 6, 7, 8)]
    ack = "000903010100040000000"
    assert [[reply.hex() for reply in each] for each in replies] == [
        *([], [f"{ack}6"]),
        *([], [f"{ack}8"]),
    ]


def test_no_acknowledgement_where_none_is_wanted():
    codec = hsm()
    codec.decode(bytes.fromhex("000501010100014b"))
    assert all(codec.decode(message(n, ())).replies == [] for n in range(300))


@pytest.mark.parametrize(
    ("kind", "name", "verdict"),
    [
        (1, "auth_failed", Verdict.NEEDS_TOKEN),
        (4, "subscribe_failed", Verdict.GO_ON),
        (5, "unsubscribe_failed", Verdict.GO_ON),
        (12, "mode_failed", Verdict.GO_ON),
    ],
)
def test_refusals(kind, name, verdict):
    error = hsm().decode(bytes([0, 6, kind, 1, 1, 0, 1]) + b"N").error
    assert isinstance(error, BrokerError)
    assert (error.kind, error.verdict) == (name, verdict)


def test_messages_that_mean_nothing_here():
    for frame in (AUTH_OK[:2] + b"\x0d\x00", b"\x00\x01\x0b", bytes.fromhex("000604010100014b")):
        decoded = hsm().decode(frame)
        assert (decoded.error, decoded.ticks, decoded.events) == (None, [], [])
    assert isinstance(hsm().decode(b"\x00\x01\x63").error, MalformedError)
    assert isinstance(hsm().decode("text").error, MalformedError)


def test_change_that_changes_nothing_is_no_tick():
    codec, row = hsm(), scrip(_0=15000, _1=9)
    assert len(codec.decode(data(snapshot(SF, row))).ticks) == 1
    same = b"U\x00\x07\x15" + struct.pack(">21i", *row)
    silent = b"U\x00\x07\x15" + struct.pack(">21i", *[ABSENT] * 21)
    assert codec.decode(data(same, silent)).ticks == []


def test_topics_are_merged_each_by_itself():
    codec = hsm()
    codec.decode(data(snapshot(SF, scrip(_0=100), 1), snapshot("sf|nse_cm|1", scrip(_0=200), 2)))
    change = b"U" + struct.pack(">HB2i", 2, 2, ABSENT, 5)
    [tick] = codec.decode(data(b"U" + struct.pack(">HBi", 9, 1, 7), change)).ticks
    assert (tick.key, tick.ltp, tick.volume) == ("sf|nse_cm|1", 2.0, 5)


def test_a_number_given_anew_names_the_new_topic():
    codec = hsm()
    codec.decode(data(snapshot(SF, scrip(_0=100), 1)))
    codec.decode(data(snapshot(DP, [0] * 30, 1)))
    [tick] = codec.decode(data(b"U" + struct.pack(">HBi", 1, 1, 500))).ticks
    assert (tick.key, tick.ltp, tick.depth.buy[0]) == (DP, None, (5.0, 0, 0))


def test_lite_record_is_an_ltp_and_is_remembered():
    codec = hsm()
    codec.decode(data(snapshot(SF, scrip(_0=100, _1=3), 1)))
    lite = b"L" + struct.pack(">Hi", 1, 250)
    [tick] = codec.decode(data(lite, lite, b"L" + struct.pack(">Hi", 8, 1))).ticks
    assert (tick.key, tick.mode, tick.ltp, tick.volume) == (SF, Mode.LTP, 2.5, None)
    [tick] = codec.decode(data(b"U" + struct.pack(">HB2i", 1, 2, ABSENT, 4))).ticks
    assert (tick.ltp, tick.volume) == (2.5, 4)


def test_fewer_and_more_values_than_the_table():
    codec = hsm()
    [tick] = codec.decode(data(snapshot(SF, [100, 3]))).ticks
    assert (tick.ltp, tick.volume, tick.close, tick.oi) == (1.0, 3, None, None)
    [tick] = codec.decode(data(snapshot(SF, [*scrip(_20=300), 77]))).ticks
    assert tick.close == 3.0
    [tick] = codec.decode(data(b"U\x00\x07\x17" + struct.pack(">23i", *[5] * 23))).ticks
    assert tick.close == 0.05
    [tick] = codec.decode(data(snapshot(DP, [100, 99]))).ticks
    assert tick.depth.buy[:3] == [(1.0, 0, 0), (0.99, 0, 0), (0.0, 0, 0)]
    assert not tick.depth.has_orders


def test_circuits_and_interest():
    row = scrip(_0=100, _12=0, _17=90, _18=110)
    [tick] = hsm().decode(data(snapshot(SF, row))).ticks
    assert (tick.lower_circuit, tick.upper_circuit, tick.oi) == (0.9, 1.1, 0)
    [tick] = hsm().decode(data(snapshot(SF, scrip(_0=100)))).ticks
    assert (tick.lower_circuit, tick.upper_circuit) == (None, None)
    assert (tick.last_trade_time, tick.exchange_timestamp) == (None, None)


@pytest.mark.parametrize(
    ("multiplier", "precision", "price"),
    [(1, 2, 9043.25), (100, 2, 90.4325), (1, 4, 90.4325), (1, 0, 904325.0), (10, 7, 0.00904325)],
)
def test_divisor_is_the_topics_own(multiplier, precision, price):
    record = snapshot("sf|cde_fo|7", [904325], 1, USDINR)
    assert struct.pack(">2xHB", 1, 4) in record
    record = record.replace(struct.pack(">2xHB", 1, 4), struct.pack(">2xHB", multiplier, precision))
    [tick] = hsm().decode(data(record)).ticks
    assert tick.ltp == price


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (b"", "truncated"),
        (b"\x00\x01", "truncated"),
        (b"\x00\x07\x06\x00\x00\x00\x01\x00", "truncated"),
        (message(1, [b"U\x00"]), "truncated"),
        (message(1, [b"X123"]), "malformed"),
        (message(1, [snapshot("xx|a", [1])]), "malformed"),
        (message(1, [snapshot(SF, [1]).replace(b"\0\0\0\1\2", b"\0\0\0\0\2")]), "malformed"),
        (message(1, [snapshot(SF, [1])])[:-3], "truncated"),
        (AUTH_OK[:-2], "truncated"),
    ],
)  # fmt: skip
def test_damage_is_told(broken, kind):
    assert hsm().decode(broken).error.kind == kind


def test_what_comes_before_damage_is_kept():
    good, cut = snapshot(SF, scrip(_0=100)), snapshot(DP, [1] * 30, 2)[:40]
    decoded = hsm().decode(message(1, [good, cut]))
    assert (decoded.ticks[0].key, decoded.error.kind) == (SF, "truncated")


@given(st.lists(st.lists(INT32, min_size=21, max_size=21), min_size=1, max_size=5))
def test_merged_changes_are_the_last_state(rows):
    codec = hsm()
    decoded = codec.decode(data(snapshot(SF, rows[0])))
    before = tuple(rows[0])
    for row in rows[1:]:
        # What is not sent stays as it was, so a state can never go back to "not sent".
        after = tuple(o if n == ABSENT else n for o, n in zip(before, row, strict=True))
        record = update_record(7, before, after)
        ticks = codec.decode(data(*[record] if record else [])).ticks
        assert len(ticks) == (before != after)
        decoded.ticks = ticks or decoded.ticks
        before = after
    [tick] = decoded.ticks
    told = [tick.ltp, tick.average_price, tick.open, tick.high, tick.low, tick.close]
    wanted = [before[n] for n in (0, 11, 19, 14, 13, 20)]
    assert [ABSENT if p is None else round(p * 100) for p in told] == wanted
    counts = [tick.volume, tick.ltq, tick.total_buy_quantity, tick.total_sell_quantity, tick.oi]
    wanted = [before[n] for n in (1, 8, 9, 10, 12)]
    assert [ABSENT if c is None else c for c in counts] == wanted


@given(st.lists(INT32, min_size=30, max_size=30), st.integers(1, 9999), st.integers(0, 255))
def test_book_round_trip(values, multiplier, precision):
    record = snapshot(DP, values).replace(
        struct.pack(">2xHB", 1, 2) + b"\x03NSE",
        struct.pack(">2xHB", multiplier, precision) + b"\x03NSE",
    )
    [tick] = hsm().decode(data(record)).ticks
    rows = tick.depth.buy + tick.depth.sell
    assert len(rows) == 10
    divisor = multiplier * 10**precision
    sent = [0 if value == ABSENT else value for value in values]
    assert [(p, q) for p, q, _ in rows] == [(sent[n] / divisor, sent[n + 10]) for n in range(10)]
    assert [n for _, _, n in rows] == sent[20:]
    assert tick.depth.has_orders is (ABSENT not in values[20:])


@given(st.lists(INT32, min_size=2, max_size=6))
def test_lite_round_trip(prices):
    codec = hsm()
    codec.decode(data(snapshot(SF, scrip(_0=prices[0]))))
    known, told, wanted = prices[0], [], []
    for price in prices[1:]:
        record = lite_record(7, (known,), (price,))
        told += [t.ltp for t in codec.decode(data(*[record] if record else [])).ticks]
        if price not in {ABSENT, known}:
            known = price
            wanted.append(price / 100)
    assert told == wanted


@given(st.binary(max_size=300), st.sampled_from(["hsm", "tbt", "orders"]))
@example(b"\x00\x00\x06\x00\x00\x00\x01\xff\xff", "hsm")
@example(b"\x00\x00\x06\x00\x00\x00\x01\x00\x01S\x00\x01\x03sf|\x00", "hsm")
@example(b"\x00\x00\x33\x01\x01\xff\xff", "hsm")
def test_any_bytes_give_ticks_or_a_typed_error(frame, stream):
    decoded = BROKER.codec(account(), stream).decode(frame)
    assert decoded.error is None or isinstance(decoded.error, CodecError)


@given(st.data())
def test_flipped_bits_give_ticks_or_a_typed_error(drawn):
    codec = hsm()
    good = data(snapshot(SF, scrip(_0=100)), snapshot(DP, [1] * 30, 8))
    codec.decode(good)
    frame = bytearray(good)
    for at in drawn.draw(st.lists(st.integers(0, 8 * len(frame) - 1), max_size=4)):
        frame[at // 8] ^= 1 << at % 8
    decoded = codec.decode(bytes(frame[: drawn.draw(st.integers(0, len(frame)))]))
    assert decoded.error is None or isinstance(decoded.error, CodecError)
    for tick in decoded.ticks:
        assert tick.ltp is None or abs(tick.ltp) < 1e12
