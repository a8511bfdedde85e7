"""Hand-overs stay within an account's connections."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters import registry
from adapters.demand.overlap import may_overlap
from adapters.demand.pools import pools_of
from bus.settings import AdapterSettings


def fill(broker, settings, wanted):
    """Pools with so many instruments on the streams, in their order."""
    pools = pools_of(broker, settings)
    for pool, count in zip(pools.values(), wanted, strict=False):
        for token in range(count):
            pool.place(str(token))
    return pools


def one_each(name, **settings):
    """A broker's adapter in which every instrument needs a connection of its own."""
    return registry.find(name), AdapterSettings(symbols_per_connection=1, **settings)


@pytest.mark.parametrize(
    ("name", "wanted", "fits"),
    [
        ("zerodha", [0], True),  # 3 connections for all
        ("zerodha", [1], True),
        ("zerodha", [2], False),
        ("angel", [1, 0], True),  # 3 of both streams together
        ("angel", [1, 1], False),
        ("dhan", [2], True),  # 5 per stream
        ("dhan", [3], False),
        ("dhan", [2, 2, 2], True),
        ("fyers", [1, 1], True),  # 3 per stream
        ("fyers", [1, 2], False),
        ("upstox", [0], False),  # whatever is open: nobody knows what a second session does
        ("nubra", [0], False),
    ],
)
def test_a_twin_has_to_find_room(name, wanted, fits):
    broker, settings = one_each(name)
    assert may_overlap(broker, settings, fill(broker, settings, wanted)) is fits


@pytest.mark.parametrize(("connections", "fits"), [(1, False), (2, True)])
def test_the_users_own_limit_counts(connections, fits):
    for name in ("zerodha", "angel"):
        broker, settings = one_each(name, connections=connections)
        assert may_overlap(broker, settings, fill(broker, settings, [1])) is fits


def test_a_standby_has_its_share_already():
    broker, settings = one_each("dhan", standby=True)
    assert may_overlap(broker, settings, fill(broker, settings, [2]))
    alone = replace(broker, may_overlap=False)
    assert not may_overlap(alone, settings, fill(alone, settings, [1]))


@given(
    st.sampled_from(["zerodha", "angel", "dhan", "fyers"]), st.lists(st.integers(0, 9), max_size=4)
)
def test_old_and_new_together_are_never_too_many(name, wanted):
    broker, settings = one_each(name)
    pools = fill(broker, settings, wanted)
    if may_overlap(broker, settings, pools):
        used = {stream: 2 * len(pool.loads) for stream, pool in pools.items()}
        assert all(used[s.name] <= s.connections for s in broker.streams if s.name in used)
        assert broker.connections is None or sum(used.values()) <= broker.connections
