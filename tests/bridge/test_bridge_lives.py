"""Lives of a reader one after the other, at a consumer: each message of the stream once, in order.

The prices are few and the stamps are the adapter's own, so that ticks can only be told apart by
what the lives say of them.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.inlet import Count, Sequences
from bridge.position import Reached
from bus.frames import NUMBERED, OWN_CLOCK, Frame, Kind
from bus.splicing.splice import HOLD_S, Splice

TOPICS = (b"MUMBAI_NSE_SBIN_LTP", b"MUMBAI_NSE_TCS_LTP")


class Life:
    """A reader's: what it makes of messages (topic, price), by their place in the stream."""

    def __init__(self, generation, reached):
        self.generation = generation
        self.position = reached.sequence
        self._sequences = Sequences(reached.count)
        #: What it published, and nobody has got yet.
        self.sent = []

    @property
    def reached(self):
        return Reached(self.position, self._sequences.count)

    def read(self, messages, until):
        for place in range(self.position + 1, until + 1):
            topic, price = messages[place - 1]
            wire = TOPICS[topic] + b"\0"
            here = self._sequences.of(wire, 1, place)
            payload = b'{"ltp":%d,"timestamp":%d}' % (price, place)
            flags = OWN_CLOCK | NUMBERED
            frame = (TOPICS[topic], Kind.TICK, flags, self.generation, here, place, payload)
            self.sent.append(Frame(*frame))
        self.position = max(self.position, until)


def places(frames):
    """Where in the stream these were."""
    return {topic: [f.received_ns for f in frames if f.topic == topic] for topic in TOPICS}


def expected(messages, after=0):
    return {
        wire: [n for n, (topic, _) in enumerate(messages, 1) if topic == index and n > after]
        for index, wire in enumerate(TOPICS)
    }


@st.composite
def histories(draw):
    """A stream, where the old life is known to have been, where it ends, and the order in which
    a consumer takes from both while time goes by."""
    messages = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 2)), min_size=1))
    ends = draw(st.integers(0, len(messages)))
    known = draw(st.integers(0, ends))
    turns = st.tuples(st.sampled_from(["old", "new", "time"]), st.integers(1, 4))
    return messages, known, ends, draw(st.lists(turns, max_size=40))


def both(messages, known, ends):
    """The old life to its end, and the new one, which begins where that is known to have been."""
    old = Life(1, Reached(0, Count(1000)))
    old.read(messages, known)
    new = Life(2, old.reached)
    old.read(messages, ends)
    new.read(messages, len(messages))
    return old, new


@settings(max_examples=200)
@given(histories(), st.integers(0, 30))
def test_a_reader_that_hands_over_loses_and_repeats_nothing_however_far_behind(history, before):
    """Up to where the old one is known to have been its ticks have arrived (`Position.reached`)."""
    messages, known, ends, turns = history
    old, new = both(messages, known, ends)
    out, last, now = [], {}, 0.0
    for _ in range(min(known + before, len(old.sent))):  # then the consumer hears of the new one
        out.append(old.sent.pop(0))
        last[out[-1].topic] = out[-1]
    splice = Splice(1, last)
    splice.follow(2)
    for whose, count in turns:
        life = old if whose == "old" else new
        if whose == "time":  # the leader may be silent for longer than is held for it
            now += HOLD_S
            out += splice.tick(now)
        else:
            taken, life.sent = life.sent[:count], life.sent[count:]
            out += splice.take(life.generation, taken, now)
    out += splice.take(1, old.sent, now)
    out += splice.end(1)
    out += splice.take(2, new.sent, now)
    assert places(out) == expected(messages)


@settings(max_examples=100)
@given(histories(), st.sampled_from([0, 2000]))
def test_a_standby_that_counts_from_elsewhere_loses_and_repeats_nothing(history, first):
    messages, _, ends, turns = history
    active, standby = Life(1, Reached(0, Count(1000))), Life(2, Reached(0, Count(first)))
    active.read(messages, ends)
    standby.read(messages, len(messages))
    splice, out = Splice(1, {}), []
    splice.follow(2)
    for whose, count in turns:
        life = active if whose == "old" else standby
        taken, life.sent = life.sent[:count], life.sent[count:]
        out += splice.take(life.generation, taken, 0.0)
    out += splice.take(1, active.sent, 0.0)
    out += splice.end(1)
    out += splice.take(2, standby.sent, 0.0)
    assert places(out) == expected(messages)


@settings(max_examples=100)
@given(histories(), st.integers(0, 30))
def test_what_a_reader_that_was_killed_brought_is_not_brought_again(history, reached_consumer):
    """Some of the last it published never left it; that comes, and nothing else, again."""
    messages, known, ends, _ = history
    old, new = both(messages, known, ends)
    out = old.sent[: known + reached_consumer]
    splice = Splice(2, {frame.topic: frame for frame in out}, resumed=True)
    assert places(out + splice.take(2, new.sent, 0.0)) == expected(messages)


def test_a_life_that_knows_of_none_before_counts_on_behind_it():
    class Clock:
        def __init__(self, unix_s):
            self.unix_ns = lambda: int(unix_s * 1e9)

    first, later = (Sequences(Count.anew(Clock(at_s))) for at_s in (1000.0, 1100.0))
    last = [first.of(b"X\0", 1, n) for n in range(1, 100_000)][-1]
    assert later.of(b"X\0", 2, 1) > last
    frames = [
        Frame(b"X", Kind.TICK, NUMBERED, generation, sequence, generation, b"{}")
        for generation, sequence in ((1, last), (2, later.of(b"X\0", 2, 2)))
    ]
    splice = Splice(2, {b"X": frames[0]}, resumed=True)
    assert splice.take(2, frames[1:], 0.0) == frames[1:]
