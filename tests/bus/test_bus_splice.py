"""Two generations of one stream, in every interleaving: each tick once, in order."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.frames import OWN_CLOCK, Frame, Kind
from bus.splicing.splice import HOLD_S, UNMET_HOLD_S, Splice

OLD, NEW = 1, 2
END = -1
TOPIC = b"ZERODHA_NSE_SBIN_QUOTE"


def tick(number, *, topic=TOPIC, own_clock=0, bare=False):
    """Tick `number` of a stream; with a clock of the adapter's own its stamp differs. A bare one
    has a price and nothing that tells its place, as in mode LTP."""
    volume = {} if bare else {"volume": 1 + number}
    payload = msgspec.json.encode(
        {"symbol": "SBIN", "ltp": 100.0 + number, **volume, "timestamp": 1000 + own_clock}
    )
    return Frame(topic, Kind.TICK, OWN_CLOCK if own_clock else 0, 1, 1, 0, payload)


def numbers(frames):
    return [msgspec.json.decode(frame.payload)["ltp"] - 100 for frame in frames]


@st.composite
def overlaps(draw):
    """The old one sends 0..cut and ends, the new one from join <= cut + 1 on.

    The new one may be greeted, once or again, by the tick before `join`, which the old one was
    sent before, and which has arrived. Beyond that the order of arrival is any that keeps each
    one's own.
    """
    total = draw(st.integers(1, 30))
    cut = draw(st.integers(0, total - 1))
    join = draw(st.integers(0, cut + 1))
    greeted = draw(st.integers(0, 3)) if join > 0 else 0
    old = [(OLD, number) for number in range(cut + 1)] + [(OLD, END)]
    new = [(NEW, join - 1)] * greeted + [(NEW, number) for number in range(join, total)]
    arrived = old[:join] if greeted else []
    rest = [old[len(arrived) :], new]
    while rest[0] and rest[1]:
        arrived.append(rest[draw(st.integers(0, 1))].pop(0))
    return total, arrived + rest[0] + rest[1]


@given(overlaps(), st.booleans(), st.booleans())
@settings(max_examples=1000)
def test_every_interleaving_gives_each_tick_once_and_in_order(overlap, own_clock, bare):
    total, arrivals = overlap
    splice = Splice(OLD, {})
    splice.follow(NEW)
    out = []
    for stamp, (generation, number) in enumerate(arrivals, start=1):
        if number == END:
            out += splice.end(generation)
        else:
            one = tick(number, own_clock=own_clock and stamp, bare=bare)
            out += splice.take(generation, [one], 0.0)
    assert numbers(out) == list(range(total))
    assert splice.leader == NEW
    assert numbers(splice.take(NEW, [tick(total)], 0.0)) == [total]


#: What a broker's modes say of a trade: its price, its volume, its time.
FORMS = [{"bare": True, "own": True}, {"own": True}, {}]


@given(overlaps(), st.integers(0, 5), st.permutations(FORMS))
@settings(max_examples=1000)
def test_a_session_that_begins_in_another_form_is_matched_by_its_trades(overlap, early, forms):
    """Its first ticks came before the broker knew the mode; then the mode greets again."""
    total, arrivals = overlap
    usual, at_first, _ = forms
    splice = Splice(OLD, {})
    splice.follow(NEW)
    out = []

    def take(generation, number, form, stamp):
        clock = stamp if "own" in form else 0
        one = tick(number, own_clock=clock, bare="bare" in form)
        out.extend(splice.take(generation, [one], 0.0))

    for stamp, (generation, number) in enumerate(arrivals, start=1):
        if number == END:
            out += splice.end(generation)
        elif generation == NEW and early:
            take(NEW, number, at_first, stamp)
            early -= 1
            if not early:
                take(NEW, number, usual, stamp)
        else:
            take(generation, number, usual, stamp)
    assert numbers(out) == list(range(total))


def test_a_greeting_in_another_form_never_comes_after_what_it_repeats():
    splice = Splice(OLD, {TOPIC: tick(3, bare=True)})
    splice.follow(NEW)
    splice.take(OLD, [tick(4, bare=True), tick(5, bare=True)], 0.0)
    splice.take(NEW, [tick(4), tick(5, bare=True), tick(6, bare=True)], 0.0)
    assert numbers(splice.tick(HOLD_S)) == [6]


def test_a_topic_that_was_quiet_until_the_follower_led_is_greeted_once():
    splice = Splice(OLD, {TOPIC: tick(7, bare=True)})
    splice.follow(NEW)
    splice.lead(NEW)
    greeting = [tick(7), tick(7, bare=True)]
    assert numbers(splice.take(NEW, [*greeting, tick(8, bare=True)], 0.0)) == [8]


def test_the_greeting_that_repeats_what_was_delivered_before_the_splice_is_dropped():
    splice = Splice(OLD, {TOPIC: tick(7)})
    splice.follow(NEW)
    assert splice.take(NEW, [tick(7)], 0.0) == []
    assert splice.end(OLD) == []
    assert splice.duplicates_total == 1


@pytest.mark.parametrize("greeted_before", [0, 1, 2])
def test_the_greeting_that_repeats_what_another_consumer_delivered_is_dropped(greeted_before):
    last = {}
    splice = Splice(OLD, last)
    splice.follow(NEW)
    greeting = [tick(7)] * 2
    assert splice.take(NEW, greeting[:greeted_before], 0.0) == []
    last[TOPIC] = tick(7)
    splice.remember(last[TOPIC])
    assert splice.take(NEW, greeting[greeted_before:], 0.0) == []
    splice.remember(tick(5))  # of one that was slower
    assert splice.end(OLD) == []
    assert numbers(splice.take(NEW, [tick(8), tick(8), tick(9)], 0.0)) == [8, 8, 9]


def test_the_greeting_after_the_end_of_a_silent_generation_is_dropped():
    splice = Splice(OLD, {TOPIC: tick(7)})
    splice.follow(NEW)
    splice.end(OLD)
    assert numbers(splice.take(NEW, [tick(7), tick(7), tick(8), tick(8)], 0.0)) == [8, 8]


def test_one_that_begins_after_the_other_ended_repeats_nothing():
    splice = Splice(NEW, {TOPIC: tick(7, own_clock=4, bare=True)}, resumed=True)
    greeting = [tick(7, own_clock=5, bare=True)] * 2
    assert splice.take(NEW, greeting, 0.0) == []
    assert numbers(splice.take(NEW, [tick(9, bare=True), tick(9, bare=True)], 0.0)) == [9, 9]


def test_a_greeting_in_another_form_is_known_after_a_crash():
    splice = Splice(NEW, {TOPIC: tick(7, own_clock=4, bare=True)}, resumed=True)
    greeting = [tick(7, own_clock=5), tick(7, own_clock=5, bare=True)]
    assert splice.take(NEW, greeting, 0.0) == []
    splice = Splice(NEW, {TOPIC: tick(7, own_clock=4, bare=True)}, resumed=True)
    greeting = [tick(8, own_clock=5), tick(8, own_clock=5, bare=True)]
    assert numbers(splice.take(NEW, greeting, 0.0)) == [8]


def test_a_tick_between_a_greeting_and_its_mode_is_told_once():
    splice = Splice(NEW, {TOPIC: tick(7, own_clock=4, bare=True)}, resumed=True)
    greeted = [tick(7, own_clock=5), tick(8, own_clock=5), tick(8, own_clock=6, bare=True)]
    assert numbers(splice.take(NEW, greeted, 0.0)) == [8]


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("leader_first", [True, False])
def test_a_tick_between_a_followers_greeting_and_its_mode_is_told_once(bare, leader_first):
    splice = Splice(OLD, {TOPIC: tick(7, own_clock=1, bare=bare)})
    splice.follow(NEW)
    leads = OLD, [tick(8, own_clock=2, bare=bare)]
    follows = NEW, [tick(n, own_clock=3 + i, bare=bare) for i, n in enumerate((7, 8, 8))]
    arrivals = (leads, follows) if leader_first else (follows, leads)
    out = [frame for whose, ticks in arrivals for frame in splice.take(whose, ticks, 0.0)]
    out += splice.end(OLD)
    assert numbers(out) == [8]
    later = [tick(n, own_clock=9, bare=bare) for n in (9, 10, 10)]
    assert numbers(splice.take(NEW, later, 0.0)) == [9, 10, 10]


def test_a_greeting_that_is_news_is_told_once():
    splice = Splice(NEW, {TOPIC: tick(7, own_clock=4, bare=True)}, resumed=True)
    greeting = [tick(8, own_clock=5, bare=True), tick(8, own_clock=6, bare=True)]
    assert numbers(splice.take(NEW, greeting, 0.0)) == [8]
    assert numbers(splice.take(NEW, [tick(9, bare=True), tick(9, bare=True)], 0.0)) == [9, 9]


def test_a_silent_leader_loses_the_topic_and_its_late_ticks_are_dropped():
    splice = Splice(OLD, {})
    splice.follow(NEW)
    splice.take(OLD, [tick(0)], 0.0)
    assert splice.take(NEW, [tick(0), tick(1), tick(2)], 1.0) == []
    assert splice.tick(1.0 + HOLD_S / 2) == []
    assert numbers(splice.tick(1.0 + HOLD_S)) == [1, 2]
    assert splice.take(OLD, [tick(1), tick(2)], 2.0) == []  # it wakes up
    assert numbers(splice.take(NEW, [tick(3)], 2.0)) == [3]


def test_a_leader_that_is_late_gets_time_to_reach_where_a_new_session_began():
    splice = Splice(OLD, {})
    splice.follow(NEW)
    splice.take(OLD, [tick(0)], 0.0)
    assert splice.take(NEW, [tick(5), tick(6)], 1.0) == []  # 1 to 4 are on their way
    assert splice.tick(1.0 + HOLD_S * 2) == []
    late = splice.take(OLD, [tick(n) for n in range(1, 6)], 2.0)
    assert numbers(late) == [1, 2, 3, 4, 5]
    assert numbers(splice.end(OLD)) == [6]


def test_a_leader_that_stays_silent_loses_the_topic_to_a_new_session_too():
    splice = Splice(OLD, {})
    splice.follow(NEW)
    splice.take(OLD, [tick(0)], 0.0)
    splice.take(NEW, [tick(5)], 1.0)
    assert splice.tick(0.9 + UNMET_HOLD_S) == []
    assert numbers(splice.tick(1.0 + UNMET_HOLD_S)) == [5]


def test_other_topics_stay_with_their_leader():
    other = b"ZERODHA_NSE_TCS_QUOTE"
    splice = Splice(OLD, {})
    splice.follow(NEW)
    splice.take(NEW, [tick(0)], 0.0)
    splice.tick(UNMET_HOLD_S)
    assert numbers(splice.take(OLD, [tick(5, topic=other)], 1.0)) == [5]
    assert splice.take(NEW, [tick(5, topic=other)], 1.0) == []


def test_sessions_that_are_sampled_differently_never_step_back():
    splice = Splice(OLD, {})
    splice.follow(NEW)
    assert numbers(splice.take(OLD, [tick(10)], 0.0)) == [10]
    splice.take(NEW, [tick(8), tick(9), tick(11)], 0.0)  # 8 and 9 the old one never got
    assert numbers(splice.end(OLD)) == [11]


def test_a_standby_that_becomes_a_leader_can_be_followed_itself():
    splice = Splice(1, {})
    splice.follow(2)
    splice.follow(3)
    assert numbers(splice.take(1, [tick(0)], 0.0)) == [0]
    assert splice.take(2, [tick(0), tick(1)], 0.0) == []
    assert splice.take(3, [tick(0), tick(1), tick(2)], 0.0) == []
    assert numbers(splice.end(1)) == [1]
    assert numbers(splice.end(2)) == [2]
    assert splice.generations == [3]
