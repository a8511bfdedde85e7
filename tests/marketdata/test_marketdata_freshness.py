"""States of instruments and feeds, and the gate for managing trades."""

from datetime import date, datetime

from hypothesis import given
from hypothesis import strategies as st

from bus.control.messages import PublisherEntry
from bus.events import BrokerState
from bus.market.hours import IST, Calendar
from marketdata.cache import Entry
from marketdata.feeds import Feeds
from marketdata.freshness import State, gate, of_feed, of_instrument

OPEN = int(datetime(2026, 1, 5, 11, 0, tzinfo=IST).timestamp() * 1e9)
NIGHT = int(datetime(2026, 1, 5, 22, 0, tzinfo=IST).timestamp() * 1e9)
STALE_S = 30.0
SECOND = 1_000_000_000
CALENDAR = Calendar([date(2026, 1, 26)])


def feeds(*adapters, generation=1, state="connected", detail=""):
    made = Feeds()
    made.follow(PublisherEntry(name, generation, "tcp://x", name) for name in adapters)
    for name in adapters:
        made.heard(name, BrokerState(state, detail))
    return made


def entry(received_ns, price=100.0, doubted=0.0):
    made = Entry("A", "NSE", "INFY")
    made.received_ns = received_ns
    made.track.price, made.track.doubted = price, doubted
    return made


def state_of(one, feed, now_ns=OPEN, exchange="NSE"):
    return of_instrument(
        one, exchange, feed, now_ns=now_ns, calendar=CALENDAR, stale_after_s=STALE_S
    )


def test_each_state_says_why():
    good = feeds("a").by_word("A")
    down = feeds("a", state="backoff", detail="no route").by_word("A")
    token = feeds("a", state="needs_token", detail="403").by_word("A")
    young, old = entry(OPEN - SECOND), entry(OPEN - 42 * SECOND)
    seen = [
        state_of(young, good),
        state_of(old, good),
        state_of(young, down),
        state_of(young, token),
        state_of(None, good),
        state_of(young, None),
        state_of(old, good, NIGHT),
    ]
    assert [(one.state, one.reason) for one in seen] == [
        (State.LIVE, ""),
        (State.STALE, "no tick for 42 s"),
        (State.FEED_DOWN, "a is not connected to its broker (backoff: no route)"),
        (State.NEEDS_TOKEN, "a is not connected to its broker (needs_token: 403)"),
        (State.UNKNOWN, "no tick yet"),
        (State.FEED_DOWN, "no adapter feeds it"),
        (State.CLOSED, "NSE does not trade now"),
    ]


def test_silence_at_night_or_on_a_holiday_is_no_fault_and_a_night_tick_is_live():
    good = feeds("a").by_word("A")
    holiday = int(datetime(2026, 1, 26, 11, 0, tzinfo=IST).timestamp() * 1e9)
    assert state_of(entry(OPEN), good, NIGHT).state is State.CLOSED
    assert state_of(entry(OPEN), good, holiday).state is State.CLOSED
    assert state_of(entry(NIGHT - SECOND), good, NIGHT).state is State.LIVE
    assert state_of(entry(OPEN), good, NIGHT, "CRYPTO").state is State.STALE


def test_a_busy_instrument_never_hides_a_dead_one():
    made = feeds("a")
    made.ticked("a", OPEN)
    feed = made.by_word("A")
    whole = of_feed(
        feed, exchanges={"NSE"}, now_ns=OPEN + SECOND, calendar=CALENDAR, stale_after_s=STALE_S
    )
    assert whole.state is State.LIVE
    assert state_of(entry(OPEN - 60 * SECOND), feed, OPEN + SECOND).state is State.STALE


def test_a_feed_is_closed_only_when_none_of_its_exchanges_trades():
    feed = feeds("a").by_word("A")
    known = {"now_ns": NIGHT, "calendar": CALENDAR, "stale_after_s": STALE_S}
    assert of_feed(feed, exchanges={"NSE", "NFO"}, **known).state is State.CLOSED
    assert of_feed(feed, exchanges={"NSE", "MCX"}, **known).state is State.UNKNOWN


def test_an_adapter_that_is_gone_is_remembered_as_down_and_comes_back_afresh():
    made = feeds("a", state="needs_token")
    made.follow([])
    assert made.by_word("A").trouble == "the adapter a is not running"
    made.follow([PublisherEntry("a", 2, "tcp://y", "a")])
    assert not made.by_word("A").trouble
    assert [feed.name for feed in made] == ["a"]


def test_a_hand_over_keeps_what_the_broker_said():
    made = feeds("a", state="backoff")
    made.follow([PublisherEntry("a", 1, "tcp://x"), PublisherEntry("a", 2, "tcp://y")])
    assert made.by_word("A").broker_state == "backoff"
    made.follow([PublisherEntry("m", 1, "tcp://z", ticks=False)])
    assert made.by_word("M") is None


def test_the_gate_opens_by_itself_when_the_data_is_good_again():
    made = feeds("a")
    feed, one = made.by_word("A"), entry(OPEN)
    assert gate(state_of(one, feed), one).safe
    made.heard("a", BrokerState("backoff"))
    closed = gate(state_of(one, feed), one)
    assert (closed.safe, closed.state) == (False, State.FEED_DOWN)
    assert closed.reason
    made.heard("a", BrokerState("connected"))
    assert gate(state_of(one, feed), one).safe
    one.track.doubted = 25_000.0
    doubted = gate(state_of(one, feed), one)
    assert not doubted.safe
    assert "waits for a second tick" in doubted.reason


STATES = st.sampled_from(["", "connecting", "connected", "backoff", "needs_token", "stopped"])


@given(
    age_s=st.one_of(st.none(), st.floats(-5, 4000)),
    broker=STATES,
    present=st.booleans(),
    doubted=st.sampled_from([0.0, 7.0]),
    now=st.integers(OPEN - 86_400 * SECOND, OPEN + 7 * 86_400 * SECOND),
    exchange=st.sampled_from(["NSE", "MCX", "CRYPTO"]),
)
def test_safe_means_young_connected_and_undoubted_and_everything_else_has_a_reason(
    age_s, broker, present, doubted, now, exchange
):
    made = feeds("a", state=broker)
    if not present:
        made.follow([])
    one = entry(0 if age_s is None else now - int(age_s * 1e9), doubted=doubted)
    fresh = state_of(one, made.by_word("A"), now, exchange)
    opened = gate(fresh, one)
    good_feed = present and broker in {"", "connected"}
    assert opened.safe == (age_s is not None and age_s < STALE_S and good_feed and not doubted)
    assert opened.safe == (opened.reason == "")
    assert fresh.age_s is None or fresh.age_s >= 0
