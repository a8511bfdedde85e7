"""Who feeds, under every order of events, with the time as input."""

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bus.frames import OWN_CLOCK, Frame, Kind
from bus.settings import FailoverSettings
from proxy.routing.arbiter import GRACE_S, Arbiter, Why
from proxy.routing.later import is_later

SETTINGS = FailoverSettings(deadline_s=1.0, stale_s=5.0, return_after_s=30.0)
LOOK_S = 0.25


def tick(number, *, at=0.0, own_clock=False, volume=True):
    fields = {"ltp": 100.0, "timestamp": 1_000_000 + 1001 * number}
    if volume:
        fields["volume"] = 1 + number
    flags = OWN_CLOCK if own_clock else 0
    return Frame(b"T", Kind.TICK, flags, 1, 1, int(at * 1e9), msgspec.json.encode(fields))


class World:
    """Adapters that all bring the numbered ticks of one exchange, as far as they can."""

    def __init__(self, count=2, *, warm=False, now=1000.0, **more):
        self.now = now
        self.open = True
        self.arbiter = Arbiter(
            [True] * count, FailoverSettings(**{"return_after_s": 30.0, "warm": warm} | more), now
        )
        self.answers = dict.fromkeys(range(count), True)
        self.frozen = set()
        self.number = 0
        self.why = []

    def look(self):
        for number in self.arbiter.wanted:
            source = self.arbiter.sources[number]
            if source.is_up and source.accepted is None and self.answers[number] is not None:
                self.arbiter.answered(number, self.answers[number])
        why = self.arbiter.look(self.now, is_open=self.open)
        if why is not None:
            self.why.append(why)

    def trade(self):
        """A tick of all that are asked and alive; a snapshot of it to who asks later."""
        self.number += 1
        self.bring()

    def bring(self, *numbers):
        for number in numbers or self.arbiter.wanted:
            source = self.arbiter.sources[number]
            if source.is_up and number not in self.frozen and source.accepted is not False:
                self.arbiter.heard(number, tick(self.number, at=self.now), 1, self.now)

    def wait(self, seconds, *, trading=True, snapshots=True):
        asked = set(self.arbiter.wanted)
        for _ in range(round(seconds / LOOK_S)):
            self.now += LOOK_S
            if trading:
                self.trade()
            self.look()
            new = set(self.arbiter.wanted) - asked
            asked |= new
            if snapshots and new and self.number:
                self.bring(*new)


def test_a_feed_that_is_down_gives_way_at_its_deadline_and_comes_back_after_a_while():
    world = World()
    world.wait(10)
    world.arbiter.down(0, world.now)
    world.wait(0.75)
    assert world.arbiter.feeding == 0, "a crash is mended in less"
    world.wait(0.25)
    assert (world.arbiter.feeding, world.why) == (1, [Why.DOWN])
    world.arbiter.up(0, world.now)
    world.wait(29)
    assert world.arbiter.feeding == 1
    world.arbiter.down(0, world.now)  # it flaps: the wait begins anew
    world.wait(0.25)
    world.arbiter.up(0, world.now)
    world.wait(29)
    assert world.arbiter.feeding == 1
    world.wait(2)
    assert (world.arbiter.feeding, world.why) == (0, [Why.DOWN, Why.BACK])


def test_one_that_refuses_gives_way_at_once_and_one_that_is_mute_at_its_deadline():
    world = World(3)
    world.answers |= {0: False, 1: None}
    world.look()
    assert (world.arbiter.feeding, world.why) == (1, [Why.REFUSED])
    world.wait(1.0, trading=False)
    assert (world.arbiter.feeding, world.why[-1]) == (2, Why.MUTE)
    world.wait(60, trading=False)
    assert world.arbiter.feeding == 2
    world.answers[0] = True  # a new master has it
    world.arbiter.answered(0, accepted=True)
    world.wait(32)
    assert world.arbiter.feeding == 0


def test_when_all_refuse_nothing_goes_in_circles():
    world = World()
    world.answers = {0: False, 1: False}
    world.wait(120, trading=False)
    assert world.why == [Why.REFUSED]


def test_a_feed_that_froze_in_trading_hours_is_found_out_by_another_ones_news():
    for warm in (False, True):
        world = World(warm=warm)
        world.wait(20)
        world.frozen = {0}
        began = world.now
        while world.arbiter.feeding == 0:
            world.wait(LOOK_S)
            assert world.now - began < 2 * SETTINGS.stale_s + 2 * GRACE_S, f"warm={warm}"
        assert world.why == [Why.STALE]
        assert world.now - began >= SETTINGS.stale_s
        world.wait(120)
        assert world.arbiter.feeding == 1, "it is as frozen as before"
        world.frozen = set()
        world.wait(32)
        assert world.arbiter.feeding == 0


def test_an_instrument_that_nobody_trades_is_no_fault_of_its_feed():
    for warm in (False, True):
        world = World(warm=warm)
        world.wait(20)
        world.wait(3600, trading=False)
        assert world.why == []
        world.wait(20)
        world.wait(30, trading=False)
        assert world.why == []


def test_the_patience_with_a_quiet_instrument_is_learnt_from_its_rate():
    world = World()
    probes = 0
    for _ in range(20):
        world.trade()
        world.wait(60, trading=False)
        probes += len(world.arbiter.wanted) > 1
    assert world.arbiter.sources[0].gap_s > 50
    asked = []
    for _ in range(10):
        world.trade()
        for _ in range(240):
            world.wait(LOOK_S, trading=False)
            asked.append(len(world.arbiter.wanted) > 1)
    assert not any(asked), "it is silent for no longer than ever"


def test_at_night_silence_means_nothing_and_the_morning_begins_afresh():
    world = World(warm=True)
    world.wait(20)
    world.open = False
    world.number += 1
    for _ in range(8 * 60):  # a reconnected stand-in tells a snapshot again and again
        world.now += 60
        world.number += 1
        world.bring(1)
        world.look()
    assert world.why == []
    world.open = True
    world.wait(4, trading=False)
    assert world.why == []
    world.wait(60)
    assert world.why == []


def test_where_times_are_the_adapters_own_a_snapshot_proves_nothing():
    world = World(warm=True)
    world.look()
    world.arbiter.heard(0, tick(1, own_clock=True, volume=False, at=world.now), 1, world.now)
    world.now += 20
    world.look()
    world.arbiter.heard(1, tick(1, own_clock=True, volume=False, at=world.now), 1, world.now)
    world.wait(20, trading=False)
    assert world.why == []


def test_of_two_ticks_the_volume_decides_then_the_time_then_when_they_came():
    assert is_later(tick(2), tick(1))
    assert not is_later(tick(1), tick(2))
    assert not is_later(tick(1), tick(1))
    assert is_later(tick(2, volume=False), tick(1, volume=False))
    assert not is_later(tick(1, volume=False, own_clock=True, at=1.5), tick(1, volume=False, at=1))
    assert is_later(tick(1, volume=False, own_clock=True, at=2.5), tick(1, volume=False, at=1))
    assert not is_later(tick(1)._replace(payload=b"{"), tick(1))


class ArbiterMachine(RuleBasedStateMachine):
    """Three adapters that may do anything; what must hold whatever they do."""

    @initialize(up=st.tuples(*[st.booleans()] * 3), warm=st.booleans())
    def begin(self, up, warm):
        self.now = 0.0
        self.number = 0
        self.open = True
        self.arbiter = Arbiter(up, FailoverSettings(warm=warm, return_after_s=30.0), 0.0)
        self.bad_since = {n: (None if is_up else 0.0) for n, is_up in enumerate(up)}
        self.returned_good = dict.fromkeys(range(3), 0.0)

    @rule(number=st.integers(0, 2), up=st.booleans())
    def comes_or_goes(self, number, up):
        (self.arbiter.up if up else self.arbiter.down)(number, self.now)
        if up:
            self.bad_since[number] = None
        elif self.bad_since[number] is None:
            self.bad_since[number] = self.now
        if not up:
            self.returned_good[number] = self.now

    @precondition(lambda self: self.arbiter.wanted)
    @rule(data=st.data(), accepted=st.booleans())
    def answers(self, data, accepted):
        number = data.draw(st.sampled_from(sorted(self.arbiter.wanted)))
        self.arbiter.answered(number, accepted)
        if not accepted:
            self.returned_good[number] = self.now

    @precondition(lambda self: self.arbiter.wanted)
    @rule(data=st.data(), news=st.booleans())
    def ticks(self, data, news):
        number = data.draw(st.sampled_from(sorted(self.arbiter.wanted)))
        self.number += news
        if self.arbiter.sources[number].is_up:
            self.arbiter.heard(number, tick(self.number, at=self.now), 1, self.now)

    @rule()
    def opens_or_closes(self):
        self.open = not self.open

    @rule(seconds=st.sampled_from([0.25, 1.0, 6.0, 31.0]))
    def time_passes(self, seconds):
        self.now += seconds
        before = self.arbiter.feeding
        refused = self.arbiter.sources[before].accepted is False
        why = self.arbiter.look(self.now, is_open=self.open)
        after = self.arbiter.feeding
        assert (why is not None) == (before != after)
        if why is None:
            return
        new = self.arbiter.sources[after]
        assert new.is_up, "nothing is given to one that is down"
        assert new.accepted is not False, "nor to one that refused"
        match why:
            case Why.DOWN:
                assert self.now - self.bad_since[before] >= 1.0
            case Why.REFUSED:
                assert refused
            case Why.STALE:
                assert self.open, "at night there is no alarm"
            case Why.BACK:
                assert after < before
                assert self.now - self.returned_good[after] >= 30.0, "not so soon"

    @invariant()
    def who_feeds_is_asked(self):
        if hasattr(self, "arbiter"):
            assert self.arbiter.feeding in self.arbiter.wanted
            assert all(n in self.arbiter.wanted for n in range(self.arbiter.feeding))


TestArbiter = ArbiterMachine.TestCase
TestArbiter.settings = settings(max_examples=150, stateful_step_count=40)
