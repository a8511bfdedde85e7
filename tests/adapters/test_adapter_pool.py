"""Seats on connections: limits, evenness, and no connection without need."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from adapters.pool import Pool

TOKENS = st.integers(0, 30).map(str)


def test_a_second_connection_only_when_the_first_is_full():
    pool = Pool(2, 2)
    assert [pool.place(t) for t in "abc"] == [0, 0, 1]
    assert pool.place("a") == 0
    assert [pool.place(t) for t in "de"] == [1, None]
    assert pool.remove("c") is None
    assert pool.remove("d") == 1
    assert pool.remove("d") is None
    assert pool.loads == {0: 2}


def test_the_first_connection_stays():
    pool = Pool(1, 2)
    assert pool.place("a") == 0
    assert pool.remove("a") is None
    assert pool.loads == {0: 0}


def test_new_ones_go_to_the_least_loaded():
    pool = Pool(3, 2)
    for token in "abcdef":
        pool.place(token)
    for token in "abd":
        pool.remove(token)
    assert [pool.place(t) for t in "xy"] == [0, 0]
    assert pool.place("z") == 1


class PoolMachine(RuleBasedStateMachine):
    @initialize(size=st.integers(1, 5), connections=st.integers(1, 4))
    def make(self, size, connections):
        self.pool = Pool(size, connections)
        self.seats = {}
        self.open = {0}

    @rule(token=TOKENS)
    def place(self, token):
        number = self.pool.place(token)
        if number is None:
            assert token not in self.seats
            assert len(self.seats) == self.pool.capacity
            return
        assert self.seats.setdefault(token, number) == number
        if number not in self.open:
            assert all(load == self.pool.symbols_per_connection for load in self.others(number))
            self.open.add(number)

    @rule(token=TOKENS)
    def remove(self, token):
        number = self.seats.pop(token, None)
        emptied = self.pool.remove(token)
        if emptied is not None:
            assert emptied == number != 0
            self.open.remove(emptied)

    def others(self, number):
        return [load for n, load in self.pool.loads.items() if n != number]

    @invariant()
    def limits_hold(self):
        loads = self.pool.loads
        assert set(loads) == self.open
        assert len(loads) <= self.pool.connections
        assert all(load <= self.pool.symbols_per_connection for load in loads.values())
        assert all(load for number, load in loads.items() if number)
        assert sum(loads.values()) == len(self.seats) == len(self.pool)
        assert all(self.pool.seat(t) == n for t, n in self.seats.items())


TestPool = PoolMachine.TestCase
TestPool.settings = settings(max_examples=50)
