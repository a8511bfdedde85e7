"""Fyers' books of 50 levels: merging, order, and what damage does."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.brokers.fyers.tbt import Tbt
from adapters.codec import Account
from adapters.errors import BrokerError, CodecError, MalformedError
from bus.secret import Secret
from bus.topics import Mode
from simulators.brokers.fyers.tbt import TbtSession, state
from simulators.brokers.protowire import integer, nested, text
from simulators.markets.market import Level, Snapshot

TICKER = "NSE:NIFTY25NOVFUT"
TOKEN = f"nse_fo|53001|{TICKER}"
LEVELS = st.lists(
    st.builds(
        Level, st.integers(1, 10**9).map(lambda paise: paise / 100), st.integers(0, 2**32 - 1),
        st.integers(0, 2**32 - 1),
    ),
    max_size=50,
)  # fmt: skip


def tbt(url=""):
    return Tbt(Account(credentials={"access_token": Secret("APP:token")}, url=url), "tbt")


def wrapped(number, value):
    return nested(number, integer(1, value))


def level(at=None, price=None, quantity=None, orders=None):
    parts = enumerate((price, quantity, orders, at), 1)
    return b"".join(wrapped(n, value) for n, value in parts if value is not None)


def frame(bids=(), asks=(), *, is_snapshot=False, sequence=1, name=TICKER, fed=None, extra=b""):
    depth = b"".join([*(nested(3, row) for row in asks), *(nested(4, row) for row in bids)])
    feed = nested(5, depth) + integer(9, sequence) + integer(10, is_snapshot) + text(11, name)
    feed += wrapped(6, fed) if fed is not None else b""
    return integer(1, 6) + nested(2, text(1, "53001") + nested(2, feed + extra))


def test_requests():
    codec = tbt()
    assert [json.loads(f) for f in codec.login()] == [
        {"type": 2, "data": {"resumeChannels": ["1"], "pauseChannels": []}}
    ]
    data = {"subs": 1, "symbols": [TICKER], "mode": "depth", "channel": "1"}
    assert [json.loads(f) for f in codec.subscribe([TOKEN], Mode.DEPTH)] == [
        {"type": 1, "data": data}
    ]
    [end] = codec.unsubscribe([TOKEN], Mode.DEPTH)
    assert json.loads(end)["data"]["subs"] == -1
    assert codec.ping() == "ping"


def test_the_address_is_asked_for_and_may_be_missing():
    codec = tbt()
    asked = codec.prepare()
    assert asked.url == "https://api-t1.fyers.in/indus/home/tbtws"
    assert asked.headers == {"Authorization": "APP:token"}
    for status, body in (
        (0, b""), (403, b"{}"), (200, b"x"), (200, b"\xff"),
        (200, b'{"data":{"socket_url":"ws://elsewhere"}}'),
        (500, b'{"data":{"socket_url":"wss://elsewhere"}}'),
    ):  # fmt: skip
        codec.prepared(status, body)
        assert codec.handshake().url == "wss://rtsocket-api.fyers.in/versova"
    codec.prepared(200, b'{"data":{"socket_url":"wss://x.fyers.in/v2"}}')
    assert codec.handshake().url == "wss://x.fyers.in/v2"
    assert codec.handshake().headers == {"Authorization": "APP:token"}


def test_a_configured_address_is_not_asked_for():
    codec = tbt("ws://127.0.0.1:7")
    assert codec.prepare() is None
    assert codec.handshake().url == "ws://127.0.0.1:7/versova"


def test_levels_are_named_by_number_and_keep_what_is_not_sent():
    codec = tbt()
    bids = [level(1, 9900, 20, 2), level(0, 10000, 10, 1)]
    codec.decode(frame(bids, [level(49, 10100, 5, 1)], is_snapshot=True, fed=1763437500))
    [tick] = codec.decode(frame([level(0, quantity=0)], sequence=2)).ticks
    assert tick.depth.buy == [(100.0, 0, 1), (99.0, 20, 2)]
    assert tick.depth.sell == [(101.0, 5, 1)]
    assert tick.exchange_timestamp == 1763437500000
    [tick] = codec.decode(frame([level(0, 0, 0, 0)], sequence=2)).ticks
    assert tick.depth.buy == [(99.0, 20, 2)]


def test_levels_without_a_place_are_nobodys():
    rows = [level(None, 1, 1, 1), level(50, 1, 1, 1), level(2**32 - 1, 1, 1, 1)]
    [tick] = tbt().decode(frame(rows, is_snapshot=True)).ticks
    assert tick.depth.buy == []


def test_a_snapshot_empties_the_book():
    codec = tbt()
    codec.decode(frame([level(0, 100, 1, 1)], is_snapshot=True, sequence=9))
    [tick] = codec.decode(frame([level(1, 50, 1, 1)], is_snapshot=True, sequence=1)).ticks
    assert tick.depth.buy == [(0.5, 1, 1)]


@pytest.mark.parametrize(
    ("fed", "told"),
    [(0, None), (1763437500, 1763437500000), (1763437500123, 1763437500123),
     (1763437500123456789, 1763437500123)],
)  # fmt: skip
def test_times_are_told_by_their_size(fed, told):
    [tick] = tbt().decode(frame(is_snapshot=True, fed=fed)).ticks
    assert tick.exchange_timestamp == told


def test_what_is_out_of_order_is_told_and_changes_nothing():
    codec = tbt()
    assert codec.decode(frame([level(0, 1, 1, 1)])).error.kind == "reordered"
    codec.decode(frame([level(0, 100, 1, 1)], is_snapshot=True, sequence=5))
    assert codec.decode(frame([level(0, 200)], sequence=4)).error.kind == "reordered"
    [tick] = codec.decode(frame(sequence=6)).ticks
    assert tick.depth.buy == [(1.0, 1, 1)]


def test_errors_of_the_server():
    assert tbt().decode("pong").error is None
    for told in (integer(5, 1) + text(4, "no"), '{"error":true,"msg":"no"}', '{"error":"no"}'):
        error = tbt().decode(told).error
        assert isinstance(error, BrokerError)
        assert str(error) == "no"
    assert isinstance(tbt().decode("hello").error, MalformedError)
    assert isinstance(tbt().decode(frame(is_snapshot=True)[:-1]).error, MalformedError)


def test_other_fields_of_the_schema_are_passed_over():
    quote = nested(1, wrapped(1, 5)) + nested(4, wrapped(1, 5)) + nested(12, text(1, "5"))
    [tick] = tbt().decode(frame(is_snapshot=True, extra=quote)).ticks
    assert tick.key == TICKER
    assert tbt().decode(integer(1, 6) + nested(2, text(1, "1") + nested(2, quote))).ticks == []


def rows(side):
    return [(p, q, n) for p, q, n in side]


@given(st.lists(st.tuples(LEVELS, LEVELS), min_size=1, max_size=4))
def test_what_the_simulator_sends_is_what_is_decoded(books):
    session, codec = TbtSession({TICKER: 0}, [(TICKER, "53001")]), tbt()
    for request in (*codec.login(), *codec.subscribe([TOKEN], Mode.DEPTH)):
        session.receive(request)
    last = None
    for bids, asks in books:
        book = Snapshot(number=0, ltp=1.0, bids=tuple(bids), asks=tuple(asks), buy_quantity=7)
        packet = state(book)
        ticks = [t for f in session.frames([packet]) for t in codec.decode(f).ticks]
        assert len(ticks) == (packet != last)
        last = packet
        for tick in ticks:
            # What the simulator makes up behind the known levels is its own affair.
            assert rows(tick.depth.buy)[: len(bids)] == rows(bids)
            assert rows(tick.depth.sell)[: len(asks)] == rows(asks)
            assert len(tick.depth.buy) <= 50
            assert tick.total_buy_quantity == 7


@given(st.one_of(st.binary(max_size=200), st.text()))
@example("[" * 5000)
@example("\ud800")
def test_anything_gives_ticks_or_a_typed_error(value):
    decoded = tbt().decode(value)
    assert decoded.error is None or isinstance(decoded.error, CodecError)


@given(st.data())
def test_flipped_bits_give_ticks_or_a_typed_error(drawn):
    good = bytearray(frame([level(0, 100, 1, 1)], [level(3, 9, 9, 9)], is_snapshot=True, fed=9))
    for at in drawn.draw(st.lists(st.integers(0, 8 * len(good) - 1), min_size=1, max_size=4)):
        good[at // 8] ^= 1 << at % 8
    decoded = tbt().decode(bytes(good))
    assert decoded.error is None or isinstance(decoded.error, CodecError)
