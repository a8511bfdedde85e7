"""A standby for days: sessions come, lag, stall and die, and each tick comes once, in order."""

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from bus.frames import Frame, Kind
from bus.splicing.sides import REMEMBERED
from bus.splicing.splice import HOLD_S, UNMET_HOLD_S, Splice

TOPIC = b"ZERODHA_NSE_SBIN_QUOTE"


def tick(number, *, volume=True):
    fields = {"symbol": "SBIN", "ltp": 100 + number, "timestamp": 1000}
    if volume:
        fields["volume"] = 1 + number
    return Frame(TOPIC, Kind.TICK, 0, 1, 1, 0, msgspec.json.encode(fields))


def numbers(frames):
    return [msgspec.json.decode(frame.payload)["ltp"] - 100 for frame in frames]


class Standby(RuleBasedStateMachine):
    """A broker that numbers its ticks, sessions that bring them late, a supervisor that keeps
    two of them, and a consumer."""

    @initialize(volume=st.booleans())
    def begin(self, volume):
        self.volume = volume
        self.now = 0.0
        self.sent = 0
        self.out = []
        #: Per live generation: the first number that it gets, and the next that arrives.
        self.joined = {1: 1}
        self.next = {1: 1}
        self.last_generation = 1
        self.last = {}
        self.splice = Splice(1, self.last)

    @property
    def live(self):
        return sorted(self.next)

    def consume(self, frames):
        for frame in frames:
            self.last[frame.topic] = frame
        for number in numbers(frames):
            before = self.out[-1] if self.out else number - 1
            assert number > before, f"{number} after {before}"
            for missed in range(before + 1, number):
                for generation, first in self.joined.items():
                    arrived = first <= missed < self.next[generation]
                    assert not arrived, f"{missed} had arrived from {generation}"
            self.out.append(number)

    def drain(self, generation):
        while self.next[generation] <= self.sent:
            frame = tick(self.next[generation], volume=self.volume)
            self.next[generation] += 1
            self.consume(self.splice.take(generation, [frame], self.now))

    @rule(count=st.integers(1, 4))
    def broker_ticks(self, count):
        self.sent += count

    @rule(data=st.data(), count=st.integers(1, 4))
    def ticks_arrive(self, data, count):
        generation = data.draw(st.sampled_from(self.live))
        for _ in range(count):
            if self.next[generation] > self.sent:
                return
            frame = tick(self.next[generation], volume=self.volume)
            self.next[generation] += 1
            self.consume(self.splice.take(generation, [frame], self.now))

    @precondition(lambda self: len(self.next) < 2)
    @rule(greeted=st.booleans())
    def standby_joins(self, greeted):
        self.last_generation += 1
        self.splice.follow(self.last_generation)
        first = self.sent + 1
        greeted = greeted and self.out and self.out[-1] == self.sent
        self.joined[self.last_generation] = first
        self.next[self.last_generation] = first
        if greeted:  # the broker greets a new session with the last tick
            frame = tick(self.sent, volume=self.volume)
            self.consume(self.splice.take(self.last_generation, [frame], self.now))

    @precondition(lambda self: len(self.next) == 2)
    @rule(data=st.data())
    def one_dies(self, data):
        generation = data.draw(st.sampled_from(self.live))
        frames = self.splice.end(generation)
        self.consume(frames)
        del self.next[generation], self.joined[generation]

    @precondition(lambda self: len(self.next) == 2)
    @rule()
    def leader_loses_its_broker(self):
        """It says so behind its last tick, and goes on with what comes after it reconnected."""
        leader = self.splice.leader
        self.drain(leader)
        follower = next(one for one in self.live if one != leader)
        self.consume(self.splice.lead(follower))
        self.joined[leader] = self.next[leader]

    @rule(seconds=st.floats(0.01, 2 * HOLD_S))
    def time_passes(self, seconds):
        self.now += seconds
        self.consume(self.splice.tick(self.now))

    @invariant()
    def memory_is_bounded(self):
        for topic in self.splice._topics.values():
            assert len(topic.lags) <= 1
            assert all(len(lag.delivered) <= REMEMBERED for lag in topic.lags.values())

    def teardown(self):
        """In the end everything that any live session got is delivered."""
        if not hasattr(self, "splice"):
            return
        for generation in self.live:
            self.drain(generation)
        self.now += 2 * HOLD_S
        self.consume(self.splice.tick(self.now))
        if any(first <= self.sent for first in self.joined.values()):
            assert self.out[-1] == self.sent


TestStandby = Standby.TestCase
TestStandby.settings = settings(max_examples=100, stateful_step_count=50)


def test_a_leader_that_goes_on_keeps_a_topic_that_sessions_sample_differently():
    splice = Splice(1, {})
    splice.follow(2)
    out = []
    now = 0.0
    for number in range(0, 400, 2):
        out += splice.take(2, [tick(number + 1)], now)
        out += splice.take(1, [tick(number)], now)
        now += 0.02
        out += splice.tick(now)
    assert numbers(out) == list(range(0, 400, 2))
    assert len(splice._topics[TOPIC].lags[2].ahead) <= 2 + UNMET_HOLD_S / 0.02
    last = numbers(splice.end(1))
    assert last == sorted(last), "and its end is not a step back"
    assert last[-1] == 399


def test_what_nobody_wants_any_more_is_forgotten():
    splice = Splice(1, {})
    splice.follow(2)
    splice.take(2, [tick(1)], 0.0)
    splice.forget(TOPIC)
    assert splice.tick(1.0) == []
    assert splice.end(1) == []
