"""Whose each connection is, whatever either process, or the socket between them, does."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.moving.custody import MAX_REFUSED, Giver, Taker

IDS = [f"c{n}" for n in range(6)]


class CustodyMachine(RuleBasedStateMachine):
    """Two processes, a channel each way that keeps order, crashes at any moment.

    A connection has a descriptor in each process that holds one; a client is disconnected when
    the last is closed. Whoever *serves* it reads and writes.
    """

    def __init__(self):
        super().__init__()
        self.giver, self.taker = Giver(), Taker()
        self.to_new, self.to_old = [], []
        self.old_alive = self.new_alive = self.linked = True
        self.old_serves, self.new_serves = set(IDS), set()
        self.old_has, self.new_has = set(IDS), set()
        self.committed = set()

    # --- what the shells do

    @precondition(lambda self: self.old_alive and self.linked and not self.giver.offered)
    @rule(ids=st.sets(st.sampled_from(IDS), min_size=1))
    def old_offers(self, ids):
        ids &= self.old_serves
        if ids:
            self.old_serves -= ids
            self.to_new.append(("offer", self.giver.offer(sorted(ids)), sorted(ids)))

    @precondition(lambda self: self.new_alive and self.to_new)
    @rule(take=st.booleans(), some=st.booleans())
    def new_reads(self, take, some):
        kind, batch, ids = self.to_new.pop(0)
        if kind == "offer":
            self.new_has |= set(ids)
            self.taker.offered(batch, ids)
            if not take:
                self.new_has -= set(self.taker.refuse())
            taken = [] if not take else ids[: len(ids) // 2] if some else ids
            self.to_old.append(("taken", batch, taken))
            return
        self.new_serves |= set(self.taker.committed(batch, ids))
        self.new_has -= set(self.taker.refuse())

    @precondition(lambda self: self.old_alive and self.linked and self.to_old)
    @rule()
    def old_reads(self):
        _, batch, ids = self.to_old.pop(0)
        commit, back = self.giver.taken(batch, ids)
        self.to_new.append(("commit", batch, commit))
        self.committed |= set(commit)
        self.old_has -= set(commit)
        self.old_serves |= set(back)

    # --- what can go wrong

    @precondition(lambda self: self.new_alive)
    @rule()
    def new_crashes(self):
        self.new_alive = self.linked = False
        self.new_serves, self.new_has = set(), set()
        self.to_new.clear()
        if self.old_alive:
            self.to_old.clear()  # it may have been read or not; here it was not
            self.old_serves |= set(self.giver.lost())

    @precondition(lambda self: self.old_alive)
    @rule()
    def old_crashes(self):
        """What it wrote can be read yet."""
        self.old_alive = self.linked = False
        self.old_serves, self.old_has = set(), set()
        self.to_old.clear()

    @precondition(lambda self: self.new_alive and not self.linked and not self.to_new)
    @rule()
    def new_finds_the_old_one_gone(self):
        self.new_has -= set(self.taker.lost())

    @rule()
    def nothing_happens(self):
        """When both are gone, for instance."""

    # --- what must hold

    @invariant()
    def nobody_is_served_by_two(self):
        assert not self.old_serves & self.new_serves

    @invariant()
    def who_serves_has_the_socket(self):
        assert self.old_serves <= self.old_has
        assert self.new_serves <= self.new_has

    @invariant()
    def no_crash_of_the_new_one_costs_what_was_not_committed(self):
        if self.old_alive:
            assert set(IDS) - self.committed <= self.old_has
            if not self.giver.offered:
                assert set(IDS) - self.committed == self.old_serves

    @invariant()
    def no_crash_of_the_old_one_costs_what_was_committed(self):
        if self.new_alive:
            assert self.committed <= self.new_has
            if not self.to_new:
                assert self.committed == self.new_serves

    @invariant()
    def while_both_live_nobody_is_disconnected(self):
        if self.old_alive and self.new_alive:
            assert self.old_has | self.new_has == set(IDS)


TestCustody = CustodyMachine.TestCase
TestCustody.settings = settings(max_examples=150, stateful_step_count=40)


def test_an_answer_to_nothing_is_none():
    giver, taker = Giver(), Taker()
    with pytest.raises(ValueError, match="no answer to batch 0"):
        giver.taken(1, ["a"])
    batch = giver.offer(["a", "b"])
    with pytest.raises(ValueError, match="a batch is on its way"):
        giver.offer(["c"])
    with pytest.raises(ValueError, match="no answer to batch 1"):
        giver.taken(batch, ["stranger"])
    with pytest.raises(ValueError, match="a commit of batch 1 with 1 unknown"):
        taker.committed(batch, ["a"])
    taker.offered(batch, ["a", "b"])
    with pytest.raises(ValueError, match="batch 2 after 1 with 2 on hand"):
        taker.offered(batch + 1, ["c"])


def test_a_side_that_takes_nothing_is_hopeless_after_a_while():
    giver = Giver()
    for _ in range(MAX_REFUSED):
        assert not giver.hopeless
        assert giver.taken(giver.offer(["a"]), []) == ([], ["a"])
    assert giver.hopeless
    giver.taken(giver.offer(["a"]), ["a"])
    assert not giver.hopeless
    assert giver.given == 1
