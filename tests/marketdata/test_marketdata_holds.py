"""Demand of the service's own, counted by holder."""

from hypothesis import given
from hypothesis import strategies as st

from bus.events import Rejected
from bus.topics import Mode
from marketdata.holds import Holds, Lease, Wanted


class Bus:
    def __init__(self):
        self.wanted = set()
        self.calls = 0

    def subscribe(self, adapter, topic):
        assert (adapter, topic) not in self.wanted
        self.calls += 1
        self.wanted.add((adapter, topic))

    def unsubscribe(self, adapter, topic):
        self.calls += 1
        self.wanted.remove((adapter, topic))


def want(symbol):
    return Wanted("a", "NSE", symbol, Mode.QUOTE)


def test_one_holder_never_ends_anothers_ticks():
    bus = Bus()
    holds = Holds(bus, most=5)
    holds.hold("orders", want("INFY"))
    holds.hold("positions", want("INFY"))
    holds.release("orders", want("INFY"))
    assert bus.wanted == {("a", b"A_NSE_INFY_QUOTE\0")}
    holds.release("positions", want("INFY"))
    assert bus.wanted == set()


def test_a_lease_ends_by_itself_and_remembers_its_beginning():
    bus = Bus()
    holds = Holds(bus, most=5)
    assert holds.lease(want("INFY"), 0.0, 60.0) == Lease(0.0, 60.0)
    assert holds.lease(want("INFY"), 50.0, 60.0) == Lease(0.0, 110.0)
    assert holds.tidy(100.0) == 0
    assert holds.tidy(110.0) == 1
    assert (bus.wanted, len(holds)) == (set(), 0)


def test_leases_are_bounded_and_holders_are_not():
    holds = Holds(Bus(), most=1)
    assert holds.lease(want("A"), 0.0, 1.0)
    assert holds.lease(want("B"), 0.0, 1.0) is None
    holds.hold("orders", want("B"))
    assert len(holds) == 2


def test_a_refusal_is_kept_while_the_topic_is_wanted_and_for_a_minute():
    holds = Holds(Bus(), most=5)
    holds.hold("x", want("NOPE"))
    rejected = Rejected("A_NSE_NOPE_QUOTE", "SYMBOL_NOT_FOUND", "no such symbol")
    holds.refused(rejected, 0.0)
    assert holds.refusal(want("NOPE")) == rejected
    holds.accepted("A_NSE_NOPE_QUOTE")
    assert holds.refusal(want("NOPE")) is None
    holds.refused(rejected, 0.0)
    holds.tidy(1000.0)
    assert holds.refusal(want("NOPE")) == rejected
    holds.release("x", want("NOPE"))
    holds.tidy(59.0)
    assert holds.refusal(want("NOPE")) == rejected
    holds.tidy(60.0)
    assert holds.refusal(want("NOPE")) is None


SYMBOLS = st.sampled_from("ABCD")
HOLDERS = st.sampled_from(["orders", "positions", "watch"])


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("hold"), HOLDERS, SYMBOLS),
            st.tuples(st.just("release"), HOLDERS, SYMBOLS),
            st.tuples(st.just("keep"), HOLDERS, st.sets(SYMBOLS)),
            st.tuples(st.just("lease"), st.integers(1, 5), SYMBOLS),
            st.tuples(st.just("tidy"), st.just(""), st.just("")),
        ),
        max_size=60,
    )
)
def test_a_topic_is_demanded_exactly_while_somebody_holds_it(steps):
    bus = Bus()
    holds = Holds(bus, most=10)
    held, leases = {}, {}
    for now, (what, who, which) in enumerate(steps):
        if what == "hold":
            holds.hold(who, want(which))
            held.setdefault(who, set()).add(which)
        elif what == "release":
            holds.release(who, want(which))
            held.setdefault(who, set()).discard(which)
        elif what == "keep":
            holds.keep(who, {want(one) for one in which})
            held[who] = set(which)
        elif what == "lease":
            holds.lease(want(which), float(now), float(who))
            leases[which] = now + who
        else:
            holds.tidy(float(now))
            leases = {one: until for one, until in leases.items() if until > now}
        wanted = set().union(*held.values(), leases)
        assert bus.wanted == {("a", f"A_NSE_{one}_QUOTE\0".encode()) for one in wanted}
        assert {one.symbol for one in holds.all()} == wanted
