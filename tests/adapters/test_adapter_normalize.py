"""The type rules that every client's SDK survives, and what is published when."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.codec import Book, Tick
from adapters.ticks.normalize import Fanout, Outlet, PriceSide
from adapters.ticks.payloads import LtpFields, QuoteFields
from adapters.ticks.quarantine import Reason
from bus.frames import OWN_CLOCK
from bus.market.ticks import MAX_INT32, LtpData, QuoteData, decode_depth, decode_ltp, decode_quote
from bus.topics import Mode

RECEIVED_NS = 1_763_437_500_123_456_789
TOPICS = {mode: f"Z_NSE_A_{mode.name}".encode() + b"\0" for mode in Mode}
DECODERS = {Mode.LTP: decode_ltp, Mode.QUOTE: decode_quote, Mode.DEPTH: decode_depth}


class Sink:
    """An outlet and what it published."""

    def __init__(self, *modes, exchange="NSE", partial=False):
        self.outlet = Outlet(exchange, "A", partial=partial)
        for mode in modes:
            self.outlet.set_topic(mode, TOPICS[mode])
        self.flags = 0

    def emit(self, tick):
        """Per mode the payloads published."""
        out = {}

        def publish(topic, payload, received_ns, flags):
            assert received_ns == RECEIVED_NS
            self.flags = flags
            mode = next(m for m, t in TOPICS.items() if t == topic)
            out[mode] = json.loads(payload, parse_constant=pytest.fail)
            DECODERS[mode](payload)

        self.reason = self.outlet.emit(tick, RECEIVED_NS, publish)
        return out


def full(**changes):
    book = Book([(99.5, 10, 2), (99.0, 20, 3)], [(100.5, 30, 0), (101.0, 2**40, 4)])
    fields = {
        "ltp": 100.0, "ltq": 5, "average_price": 99.75, "volume": 1000, "total_buy_quantity": 70,
        "total_sell_quantity": 80, "open": 98.0, "high": 101.0, "low": 97.0, "close": 96.0,
        "last_trade_time": 1763437499000, "oi": 12, "exchange_timestamp": 1763437500000,
        "depth": book,
    }  # fmt: skip
    return Tick(1, Mode.DEPTH, **{**fields, **changes})


def test_each_mode_carries_its_own_fields():
    out = Sink(*Mode).emit(full())
    assert out[Mode.LTP] == {
        "symbol": "A", "exchange": "NSE", "ltp": 100.0, "ltt": 1763437499000, "volume": 1000,
        "timestamp": 1763437500000,
    }  # fmt: skip
    quote = {
        **out[Mode.LTP], "open": 98.0, "high": 101.0, "low": 97.0, "close": 96.0,
        "last_trade_quantity": 5, "last_quantity": 5, "ltq": 5, "avg_trade_price": 99.75,
        "average_price": 99.75, "change": 4.0, "change_percent": 4.166667, "oi": 12,
        "bid_price": 99.5, "ask_price": 100.5, "bid_size": 10, "ask_size": 30,
        "total_buy_quantity": 70, "total_sell_quantity": 80,
    }  # fmt: skip
    assert out[Mode.QUOTE] == quote
    buy = [
        {"price": 99.5, "quantity": 10, "orders": 2},
        {"price": 99.0, "quantity": 20, "orders": 3},
    ]
    sell = [
        {"price": 100.5, "quantity": 30, "orders": 0},
        {"price": 101.0, "quantity": MAX_INT32, "orders": 4},
    ]
    book = {"depth": {"buy": buy, "sell": sell}, "bids": buy, "asks": sell}
    assert out[Mode.DEPTH] == {**quote, **book}


def test_symbol_and_exchange_come_first():
    for payload in Sink(*Mode).emit(full()).values():
        assert list(payload)[:2] == ["symbol", "exchange"]


@pytest.mark.parametrize("mode", list(Mode))
def test_only_demanded_modes_are_published(mode):
    assert list(Sink(mode).emit(full())) == [mode]


def test_a_change_of_the_book_is_no_trade():
    sink = Sink(*Mode)
    assert set(sink.emit(full())) == set(Mode)
    assert set(sink.emit(full(exchange_timestamp=1763437501000))) == {Mode.QUOTE, Mode.DEPTH}
    for changed in ({"ltp": 100.05}, {"volume": 1001}, {"ltq": 6}, {"last_trade_time": 1}):
        assert Mode.LTP in sink.emit(full(**changed))


def test_a_packet_of_mode_ltp_is_always_published():
    sink = Sink(*Mode)
    for _ in range(2):
        assert set(sink.emit(Tick(1, Mode.LTP, 100.0))) == {Mode.LTP}


def test_a_new_ltp_subscriber_gets_the_next_packet():
    sink = Sink(Mode.LTP)
    sink.emit(full())
    assert sink.emit(full()) == {}
    sink.outlet.set_topic(Mode.LTP, None)
    sink.outlet.set_topic(Mode.LTP, TOPICS[Mode.LTP])
    assert list(sink.emit(full())) == [Mode.LTP]


def test_without_a_broker_time_the_own_clock_is_marked():
    sink = Sink(Mode.LTP)
    out = sink.emit(Tick(1, Mode.LTP, 100.0, last_trade_time=5))
    assert out[Mode.LTP]["timestamp"] == RECEIVED_NS // 1_000_000
    assert sink.flags == OWN_CLOCK
    sink.emit(full())
    assert sink.flags == 0


def test_a_price_of_zero_is_dropped_and_told():
    sink = Sink(*Mode)
    assert sink.emit(full(ltp=0.0)) == {}
    assert sink.reason is Reason.ZERO_PRICE
    assert sink.emit(full())
    assert sink.reason is None


def test_an_index_has_an_empty_book_and_others_wait_for_theirs():
    quote = Tick(1, Mode.QUOTE, 100.0)
    index = Sink(Mode.DEPTH, exchange="NSE_INDEX").emit(quote)
    assert index[Mode.DEPTH]["depth"] == {"buy": [], "sell": []}
    assert Sink(Mode.DEPTH).emit(quote) == {}


def test_an_empty_side_has_no_best_price():
    quote = Sink(Mode.QUOTE).emit(full(depth=Book([(0.0, 0, 0)], [])))[Mode.QUOTE]
    assert not {"bid_price", "bid_size", "ask_price", "ask_size"} & set(quote)


def test_parts_are_put_together():
    sink = Sink(*Mode, partial=True)
    book = Book([(99.5, 10, 2)], [])
    assert sink.emit(Tick(1, Mode.DEPTH, depth=book)) == {}
    assert sink.reason is None
    out = sink.emit(Tick(1, Mode.QUOTE, 100.0, close=96.0, exchange_timestamp=1763437500000))
    assert out[Mode.DEPTH]["depth"]["buy"][0]["price"] == 99.5
    newer = Book([(99.6, 10, 2)], [])
    out = sink.emit(Tick(1, Mode.DEPTH, depth=newer))
    assert set(out) == {Mode.QUOTE, Mode.DEPTH}
    assert out[Mode.DEPTH]["close"] == 96.0
    assert out[Mode.DEPTH]["bids"][0]["price"] == 99.6
    assert out[Mode.DEPTH]["timestamp"] == RECEIVED_NS // 1_000_000
    sink.outlet.forget()
    assert sink.emit(Tick(1, Mode.DEPTH, depth=newer)) == {}


def test_a_crossed_book_is_held_back_and_its_price_goes_on():
    sink = Sink(*Mode)
    out = sink.emit(full(depth=Book([(100.5, 1, 1)], [(100.0, 1, 1)])))
    assert sink.reason is Reason.CROSSED_BOOK
    assert set(out) == {Mode.LTP, Mode.QUOTE}
    assert not {"bid_price", "ask_price"} & set(out[Mode.QUOTE])


def test_no_more_levels_than_asked_for():
    book = Book([(100.0 - n, 1, 1) for n in range(20)], [(101.0 + n, 1, 1) for n in range(20)])
    for levels in (5, 20, 50):
        outlet = Outlet("NSE", "A", partial=False, levels=levels)
        outlet.set_topic(Mode.DEPTH, TOPICS[Mode.DEPTH])
        said = []
        outlet.emit(full(depth=book), RECEIVED_NS, lambda *a, said=said: said.append(a[1]))
        payload = json.loads(said[0])
        assert len(payload["bids"]) == len(payload["depth"]["sell"]) == min(levels, 20)


@given(st.lists(st.tuples(*[st.sampled_from([[], [(99.5, 1, 1)], [(99.5, 2, 1)]])] * 2)))
def test_a_side_said_before_is_said_again_and_no_other(sides):
    sink = Sink(Mode.DEPTH)
    for bids, asks in sides:
        above = [(price + 1, quantity, orders) for price, quantity, orders in asks]
        said = sink.emit(full(depth=Book(list(bids), above)))[Mode.DEPTH]
        for rows, side in (bids, "buy"), (above, "sell"):
            told = [(row["price"], row["quantity"], row["orders"]) for row in said["depth"][side]]
            assert told == rows


def test_one_instrument_under_several_names():
    said = []
    plain, deep = (Outlet("NSE", name, partial=True, levels=20) for name in ("A", "A:20"))
    for outlet in (plain, deep):
        outlet.set_topic(Mode.DEPTH, outlet.symbol.encode() + b"\0")
    prices = Fanout([plain, PriceSide(deep)])

    def emit(route, tick):
        said.clear()
        route.emit(tick, RECEIVED_NS, lambda *a: said.append(json.loads(a[1])))
        return {payload["symbol"]: payload for payload in said}

    assert set(emit(prices, full())) == {"A"}
    twenty = Book([(99.5 - n, 7, 1) for n in range(20)], [])
    out = emit(deep, Tick(1, Mode.DEPTH, depth=twenty))
    assert (out["A:20"]["ltp"], len(out["A:20"]["bids"])) == (100.0, 20)
    out = emit(prices, full(ltp=100.2))
    assert [len(out[name]["bids"]) for name in ("A", "A:20")] == [2, 20]
    assert out["A"]["ltp"] == out["A:20"]["ltp"] == 100.2
    assert emit(PriceSide(deep), full(ltp=-1.0)) == emit(prices, full(ltp=-1.0)) == {}


FINITE = st.floats(allow_nan=False, allow_infinity=False)
PRICE = st.none() | FINITE
WHOLE_QUANTITY = st.none() | st.integers(-(2**70), 2**70)
QUANTITY = WHOLE_QUANTITY | FINITE
WHOLE = st.none() | st.integers(0, 2**63 - 1)
COUNT = st.integers(-5, 2**70)
ROWS = st.lists(st.tuples(FINITE, COUNT, COUNT), max_size=6)
FRACTIONS = st.lists(st.tuples(FINITE, FINITE | COUNT, COUNT), max_size=6)


def ticks_with(quantity, books):
    """Any ticks with such quantities and books."""
    return st.builds(
        Tick,
        key=st.just(1),
        mode=st.sampled_from(Mode),
        ltp=PRICE,
        ltq=quantity,
        average_price=PRICE,
        volume=quantity,
        total_buy_quantity=quantity,
        total_sell_quantity=quantity,
        open=PRICE,
        high=PRICE,
        low=PRICE,
        close=PRICE,
        last_trade_time=WHOLE,
        oi=WHOLE,
        exchange_timestamp=WHOLE,
        depth=st.none() | books,
    )


BOOKS = st.builds(Book, ROWS, ROWS)
TICKS = {
    "NSE": ticks_with(WHOLE_QUANTITY, BOOKS),
    "CRYPTO": ticks_with(
        QUANTITY, BOOKS | st.builds(Book, FRACTIONS, FRACTIONS, fractions=st.just(True))
    ),
}
INTEGERS = {
    "timestamp", "ltt", "volume", "last_trade_quantity", "last_quantity", "ltq", "oi",
    "bid_size", "ask_size", "total_buy_quantity", "total_sell_quantity",
}  # fmt: skip


@pytest.mark.parametrize("exchange", TICKS)
@given(st.data(), st.booleans())
def test_every_tick_obeys_the_type_rules(exchange, data, partial):
    sink = Sink(*Mode, exchange=exchange, partial=partial)
    for tick in data.draw(st.lists(TICKS[exchange], min_size=1, max_size=4)):
        for mode, payload in sink.emit(tick).items():
            assert None not in payload.values()
            assert payload["ltp"]
            for name in INTEGERS & set(payload):
                assert type(payload[name]) is int
                assert abs(payload[name]) < 2**63
            if mode is Mode.DEPTH:
                for level in payload["bids"] + payload["asks"]:
                    assert type(level["quantity"]) is type(level["orders"]) is int
                    assert 0 <= level["quantity"] <= MAX_INT32
                    assert 0 <= level["orders"] <= MAX_INT32


def test_payloads_match_their_structs():
    strict = msgspec.json.Decoder(dict)
    published = []
    sink = Sink(*Mode)
    sink.outlet.emit(full(), RECEIVED_NS, lambda *said: published.append(said[1]))
    for payload, decoder in zip(published, DECODERS.values(), strict=True):
        assert msgspec.json.encode(decoder(payload)) == payload
        assert strict.decode(payload)


def test_a_part_that_is_older_than_what_is_known_only_fills_gaps():
    outlet = Outlet("NSE", "SBIN", partial=True)
    outlet.set_topic(Mode.QUOTE, b"Q\0")
    sent = []

    def publish(_topic, payload, _received_ns, _flags):
        data = msgspec.json.decode(payload)
        sent.append((data["ltp"], data["timestamp"], data.get("open")))

    outlet.emit(Tick(1, Mode.QUOTE, 101.0, exchange_timestamp=2000), 0, publish)
    outlet.emit(Tick(1, Mode.QUOTE, 100.0, open=99.0, exchange_timestamp=1000), 0, publish)
    outlet.emit(Tick(1, Mode.QUOTE, 102.0, exchange_timestamp=3000), 0, publish)
    assert sent == [(101.0, 2000, None), (101.0, 2000, 99.0), (102.0, 3000, 99.0)]


def test_what_is_written_has_the_fields_of_what_is_read():
    assert LtpFields.__struct_fields__ == LtpData.__struct_fields__
    assert QuoteFields.__struct_fields__ == QuoteData.__struct_fields__
