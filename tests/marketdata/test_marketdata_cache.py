"""The last-value cache and what it believes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.frames import OWN_CLOCK, Frame, Kind
from bus.market.ticks import BidAsk, DepthData, Level, LtpData, QuoteData, encode_json
from bus.topics import Mode, Topic
from marketdata.cache import LastValues
from marketdata.inspection import Reason, Track, judge
from marketdata.seen import Seen

T0 = 1_765_769_000_000_000_000  # a Monday in December 2025, in trading hours
JUMP = 0.2


def frame(data, mode=Mode.LTP, at_ns=T0, feed="a", flags=OWN_CLOCK, symbol=None):
    """A frame as the bus has it."""
    topic = Topic.make(feed, data.exchange, symbol or data.symbol, mode).text.encode()
    return Frame(topic, Kind.TICK, flags, 1, 1, at_ns, encode_json(data))


def ltp(price, symbol="INFY", at_ns=T0, feed="a", exchange="NSE"):
    data = LtpData(symbol=symbol, exchange=exchange, ltp=price, timestamp=at_ns // 1_000_000)
    return frame(data, at_ns=at_ns, feed=feed)


def test_the_newest_of_each_mode_is_kept_and_decoded_on_demand():
    values = LastValues()
    quote = QuoteData(symbol="INFY", exchange="NSE", ltp=101.0, timestamp=2, close=99.0)
    book = BidAsk([Level(100.5, 5)], [Level(101.5, 7)])
    depth = DepthData(
        symbol="INFY",
        exchange="NSE",
        ltp=102.0,
        timestamp=3,
        depth=book,
        bids=book.buy,
        asks=book.sell,
    )
    for one in (ltp(100.0), frame(quote, Mode.QUOTE, T0 + 1), frame(depth, Mode.DEPTH, T0 + 2)):
        assert values.put(one) is not None
    entry = values.find("NSE", "INFY", ["B", "A"])
    assert (entry.track.price, entry.received_ns) == (102.0, T0 + 2)
    mode, newest = entry.newest([Mode.LTP, Mode.QUOTE])
    assert (mode, newest.received_ns) == (Mode.QUOTE, T0 + 1)
    assert values.put(frame(depth, Mode.DEPTH, T0 + 3)).decode() == depth
    assert (len(values), values.instruments) == (3, 1)


def test_the_first_feed_that_has_an_instrument_is_the_one():
    values = LastValues()
    values.put(ltp(1.0, feed="b"))
    assert values.find("NSE", "INFY", ["A", "B"]).feed == "B"
    values.put(ltp(2.0, feed="a"))
    assert values.find("NSE", "INFY", ["A", "B"]).feed == "A"
    assert values.find("NSE", "TCS", ["A", "B"]) is None


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (frame(LtpData(symbol="INFY", exchange="NSE", ltp=0.0, timestamp=1)), Reason.BAD_PRICE),
        (frame(LtpData(symbol="INFY", exchange="NSE", ltp=-1.0, timestamp=1)), Reason.BAD_PRICE),
        (frame(LtpData(symbol="INFY", exchange="NSE", ltp=2e9, timestamp=1)), Reason.BAD_PRICE),
        (
            frame(LtpData(symbol="NIFTY", exchange="NSE", ltp=9.0, timestamp=1), symbol="INFY"),
            Reason.INCOMPLETE,
        ),
        (ltp(5.0)._replace(payload=b"{"), Reason.MALFORMED),
        (ltp(5.0)._replace(payload=b'{"ltp":"5"}'), Reason.MALFORMED),
        (ltp(5.0)._replace(payload=b'{"symbol":"INFY","exchange":"NSE"}'), Reason.BAD_PRICE),
        (ltp(5.0)._replace(topic=b"nonsense"), Reason.MALFORMED),
    ],
)
def test_what_cannot_be_is_held_back_and_counted(bad, reason):
    values = LastValues(JUMP)
    values.put(ltp(100.0))
    assert values.put(bad) is None
    assert values.held == {reason: 1}
    assert values.find("NSE", "INFY", ["A"]).track.price == 100.0


def test_an_outlier_waits_for_a_second_tick():
    values = LastValues(JUMP)
    values.put(ltp(100.0))
    assert values.put(ltp(25_000.0)) is None
    entry = values.find("NSE", "INFY", ["A"])
    assert (entry.track.price, entry.track.doubted) == (100.0, 25_000.0)
    assert values.put(ltp(24_990.0)).entry.track.price == 24_990.0
    assert (entry.track.doubted, values.held[Reason.OUTLIER]) == (0.0, 1)


def test_an_outlier_is_forgotten_when_the_old_price_goes_on():
    values = LastValues(JUMP)
    for price in (100.0, 25_000.0, 101.0, 25_000.0, 102.0):
        values.put(ltp(price))
    entry = values.find("NSE", "INFY", ["A"])
    assert (entry.track.price, entry.track.doubted) == (102.0, 0.0)
    assert values.held[Reason.OUTLIER] == 2


def test_without_a_bound_every_jump_is_believed():
    values = LastValues(0.0)
    for price in (100.0, 1.0, 10_000.0):
        assert values.put(ltp(price)) is not None


PRICES = st.floats(min_value=0.05, max_value=100_000.0)


@given(st.lists(st.tuples(PRICES, st.sampled_from(["same", "jump"])), max_size=40))
def test_no_price_far_from_both_of_its_predecessors_is_ever_believed(steps):
    track, seen, believed = Track(), [], []
    for price, how in steps:
        at = believed[-1] if how == "same" and believed else price
        seen.append(at)
        before = believed[-1] if believed else None
        reason = judge(track, Seen("S", "E", at, 0), "E", "S", JUMP)
        near_last = before is None or abs(at - before) <= JUMP * before
        near_seen = len(seen) > 1 and abs(at - seen[-2]) <= JUMP * seen[-2]
        if reason is None:
            assert near_last or near_seen
            believed.append(at)
        else:
            assert reason is Reason.OUTLIER
            assert not near_last


@given(st.lists(PRICES, min_size=1, max_size=30), PRICES)
def test_a_price_that_stays_is_believed_after_two_ticks(history, price):
    track = Track()
    for one in history:
        judge(track, Seen("S", "E", one, 0), "E", "S", JUMP)
    judge(track, Seen("S", "E", price, 0), "E", "S", JUMP)
    assert judge(track, Seen("S", "E", price, 0), "E", "S", JUMP) is None
    assert track.price == price


def test_old_ticks_are_believed_and_counted():
    values = LastValues()
    data = LtpData(symbol="INFY", exchange="NSE", ltp=5.0, timestamp=T0 // 1_000_000 - 61_000)
    assert values.put(frame(data, flags=0)) is not None
    assert values.old_total == 1
    values.put(frame(data, flags=OWN_CLOCK))
    assert values.old_total == 1


def test_what_has_no_tick_for_long_is_forgotten():
    values = LastValues()
    values.put(ltp(1.0, at_ns=T0))
    values.put(ltp(2.0, "TCS", at_ns=T0 + 10))
    assert values.drop_older(T0 + 5) == 1
    assert (len(values), values.instruments) == (1, 1)
    assert values.newest_ns() == T0 + 10
    assert values.put(ltp(3.0)) is not None


@given(st.lists(st.tuples(st.sampled_from("ABC"), PRICES), max_size=30))
def test_a_cache_made_of_anothers_frames_is_equal(ticks):
    values, copy = LastValues(), LastValues()
    for number, (symbol, price) in enumerate(ticks):
        values.put(ltp(price, symbol, at_ns=T0 + number))
    for one in values.frames():
        copy.put(one)
    assert copy.frames() == values.frames()
    assert {(e.symbol, e.track.price) for e in copy} == {(e.symbol, e.track.price) for e in values}
