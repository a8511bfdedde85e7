"""Seats on connections: limits, evenness, and no connection without need."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from adapters.broker import Pace, Stream
from adapters.brokers.zerodha.broker import BROKER
from adapters.demand.pool import Budget, Pool
from adapters.demand.pools import pools_of
from bus.settings import AdapterSettings
from bus.topics import Mode

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


def test_streams_share_what_the_broker_counts_together():
    budget = Budget(2)
    feed = Pool(1, 3, budget=budget)
    deep = Pool(1, 3, budget=budget, keeps_first=False)
    assert deep.loads == {}
    assert [feed.place("a"), deep.place("a")] == [0, 0]
    assert [feed.place("b"), deep.place("b")] == [None, None]
    assert deep.remove("a") == 0
    assert feed.place("b") == 1
    assert deep.place("a") is None


def stream(name, size, connections, **fields):
    return Stream(
        name=name, symbols_per_connection=size, connections=connections, pace=Pace(1.0, 1), **fields
    )


@pytest.mark.parametrize(
    ("settings", "feed", "deep", "together"),
    [
        ({}, (1000, 3), (50, 2), 3),
        ({"symbols_per_connection": 200, "connections": 1}, (200, 1), (50, 1), 1),
        ({"symbols_per_connection": 10, "connections": 5}, (10, 5), (10, 2), 5),
        ({"standby": True}, (1000, 1), (50, 1), 1),
        ({"standby": True, "connections": 5}, (1000, 2), (50, 1), 2),
    ],
)
def test_the_users_limits_and_the_brokers(settings, feed, deep, together):
    broker = replace(
        BROKER,
        streams=(
            stream("feed", 1000, 3),
            stream("deep", 50, 2, modes=(Mode.DEPTH,)),
            stream("orders", 0, 1, purpose="orders"),
        ),
        connections=3,
    )
    pools = pools_of(broker, AdapterSettings(**settings))
    sizes = {n: (p.symbols_per_connection, p.connections) for n, p in pools.items()}
    assert sizes == {"feed": feed, "deep": deep}
    opened = {
        (name, pool.place(f"{name}{n}"))
        for n in range(3000)
        for name, pool in reversed(pools.items())
    }
    assert len({place for place in opened if place[1] is not None}) == together


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
