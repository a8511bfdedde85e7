"""Demand crosses whatever gets lost on the way, and ends with its lease."""

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bridge import demand
from bridge.demand import Leases, SiteDemand, Word, decode_word, encode

TOPICS = [f"NSE:S{n}:LTP" for n in range(6)]
LEASE_S = 60.0


class Conversation(RuleBasedStateMachine):
    """Two sites and a bridge that may begin anew; words and answers may get lost."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.sites = [SiteDemand(name) for name in ("pune", "delhi")]
        self.lives = 0
        self.begin_bridge()
        for site in self.sites:
            self.begin_life(site)

    def begin_life(self, site):
        self.lives += 1
        site.begin(f"life {self.lives}")

    @rule()
    def begin_bridge(self):
        self.leases = Leases(LEASE_S)
        self.asked = set()

    def apply(self, changes):
        """Each change is one: nothing is asked for twice, or given up that nobody had."""
        for change in changes:
            assert (change.topic in self.asked) != change.wanted
            (self.asked.add if change.wanted else self.asked.discard)(change.topic)

    @rule(n=st.integers(0, 1), topic=st.sampled_from(TOPICS), wanted=st.booleans())
    def change_mind(self, n, topic, wanted):
        (self.sites[n].want if wanted else self.sites[n].leave)(topic)

    @rule(n=st.integers(0, 1), heard=st.booleans(), answered=st.booleans())
    def say(self, n, heard, answered):
        self.talk(self.sites[n], heard=heard, answered=answered)

    def talk(self, site, *, heard=True, answered=True):
        word = decode_word(encode(site.word()))
        if not heard:
            return
        known, changes = self.leases.hear(word, self.now)
        self.apply(changes)
        if answered and not site.answered(known=known):
            self.begin_life(site)

    @rule(seconds=st.floats(0.0, 90.0))
    def wait(self, seconds):
        self.now += seconds
        _, changes = self.leases.expire(self.now)
        self.apply(changes)

    @invariant()
    def what_is_asked_is_what_the_leases_say(self):
        assert self.asked == self.leases.topics

    def teardown(self):
        """Words that are heard settle it in a few turns."""
        for site in self.sites:
            for _ in range(8):
                self.talk(site)
            assert site.is_told
        wanted = set().union(*(site.wanted for site in self.sites))
        assert self.asked == self.leases.topics == wanted


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=40, stateful_step_count=40)


def test_a_site_that_is_silent_ends_with_its_lease_and_no_other_does():
    leases = Leases(60.0)
    for site, topic in (("pune", "a"), ("delhi", "a"), ("delhi", "b")):
        leases.hear(
            Word(site=site, life=f"{site}{topic}", version=1, want=[topic], begins=True), 0.0
        )
    assert leases.topics == {"a", "b"}
    leases.hear(Word(site="pune", life="punea", version=1), 50.0)
    assert leases.expire(60.0) == (["delhi"], [("b", False)])
    assert leases.expire(109.0) == ([], [])
    assert leases.expire(110.0) == (["pune"], [("a", False)])
    assert leases.sites == 0


def test_nobody_is_given_up_for_the_time_in_which_nobody_could_be_heard():
    leases = Leases(60.0)
    leases.hear(Word(site="pune", life="1", version=1, want=["a"], begins=True), 0.0)
    leases.extend(1000.0)
    assert leases.expire(1059.0) == ([], [])
    assert leases.expire(1060.0)[0] == ["pune"]


def test_a_large_demand_goes_in_parts_and_counts_as_a_whole(monkeypatch):
    monkeypatch.setattr(demand, "CHUNK", 10)
    leases, site = Leases(60.0), SiteDemand("pune")
    for n in range(35):
        site.want(f"NSE:S{n}:LTP")
    site.begin("1")
    said = 0
    while not site.is_told:
        word = site.word()
        assert len(word.want) <= 10
        known, changes = leases.hear(word, 0.0)
        assert site.answered(known=known)
        said += 1
        assert bool(changes) == (said == 4)
    assert said == 4
    assert leases.topics == site.wanted
    site.begin("2")  # said again, nothing is given up in between
    for _ in range(4):
        known, changes = leases.hear(site.word(), 0.0)
        assert site.answered(known=known)
        assert changes == []
