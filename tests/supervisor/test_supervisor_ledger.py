"""The ledger: totals over generations are exact, never go backwards, and survive a supervisor."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bus.measuring.latency import LatencyMeter
from supervisor.ledger import Account, Ledger, is_count


def counted(*values_ns):
    meter = LatencyMeter()
    for value in values_ns:
        meter.note(value)
    return meter.counted()


def kept(ledger):
    """As the run file keeps it, and a later supervisor finds it."""
    data = msgspec.json.encode(ledger.accounts)
    return Ledger(msgspec.json.decode(data, type=dict[str, Account]))


class Generations(RuleBasedStateMachine):
    """Generations come, count, are heard now and then, overlap, and end; supervisors die."""

    def __init__(self):
        super().__init__()
        self.ledger = Ledger()
        self.counts = {}
        self.newest = 0
        self.heard_of = {}
        self.awaited = False

    @rule()
    def another_generation_begins(self):
        self.newest += 1
        self.counts[self.newest] = 0
        for ended in sorted(self.counts)[:-3]:
            del self.counts[ended]

    @rule(by=st.integers(0, 50), data=st.data())
    def one_counts(self, by, data):
        if self.counts:
            self.counts[data.draw(st.sampled_from(sorted(self.counts)))] += by

    @rule(data=st.data())
    def one_is_heard(self, data):
        if not self.counts:
            return
        generation = data.draw(st.sampled_from(sorted(self.counts)))
        value = self.counts[generation]
        latency = {"publish": counted(*([5_000] * value))}
        self.ledger.hear("zerodha", generation, {"ticks_total": value, "symbols": 3}, latency)
        self.heard_of[generation] = value
        self.awaited = False

    @rule()
    def the_supervisor_saves_and_dies(self):
        self.ledger = kept(self.ledger)
        self.awaited = bool(self.heard_of)

    @invariant()
    def all_that_was_heard_is_in_the_total_once(self):
        totals = self.ledger.totals("zerodha")
        if self.awaited:  # the sums are as old as the run file
            assert not totals.counts
            assert not totals.latency
            return
        expected = sum(self.heard_of.values())
        assert totals.counts.get("ticks_total", 0) == expected
        assert "symbols" not in totals.counts
        if self.heard_of:
            assert totals.latency["publish"].total == expected
            assert totals.latency["publish"].sum_us == expected * 5


test_totals_of_generations = Generations.TestCase


def test_what_was_counted_while_no_supervisor_lived_is_added_once():
    ledger = Ledger()
    ledger.hear("a", 1, {"ticks_total": 10}, {})
    later = kept(ledger)
    later.hear("a", 1, {"ticks_total": 25}, {})
    later.hear("a", 2, {"ticks_total": 5}, {})
    assert later.totals("a").counts == {"ticks_total": 30}


def test_a_late_word_of_a_generation_that_ended_is_not_counted_twice():
    ledger = Ledger()
    ledger.hear("a", 1, {"ticks_total": 10}, {})
    for generation in range(2, 8):
        ledger.hear("a", generation, {"ticks_total": 1}, {})
    ledger.hear("a", 1, {"ticks_total": 10}, {})
    assert ledger.totals("a").counts == {"ticks_total": 16}


def test_a_number_that_was_used_already_begins_anew_and_takes_nothing_away():
    ledger = Ledger()
    ledger.hear("a", 1, {"ticks_total": 100}, {"publish": counted(*[1000] * 100)})
    later = kept(ledger)  # after the machine was switched off
    later.hear("a", 1, {"ticks_total": 7}, {"publish": counted(*[1000] * 7)})
    assert later.totals("a").counts == {"ticks_total": 107}
    assert later.totals("a").latency["publish"].total == 107


def test_memory_is_bounded_and_the_one_that_goes_on_is_remembered():
    ledger = Ledger()
    for generation in range(2, 200):  # a standby in a crash loop
        ledger.hear("a", 1, {"ticks_total": generation}, {})
        ledger.hear("a", generation, {"ticks_total": 0}, {})
    assert len(ledger.accounts["a"].generations) <= 8
    assert ledger.totals("a").counts == {"ticks_total": 199}


def test_what_others_count_of_it_and_what_left():
    ledger = Ledger()
    ledger.count("a", "handovers_total")
    ledger.count("a", "handovers_total")
    ledger.took("a", "handover_gap", counted(3_000_000))
    assert ledger.totals("a").counts == {"handovers_total": 2}
    assert ledger.totals("a").latency["handover_gap"].sum_us == 3000
    ledger.forget("a")
    assert ledger.totals("a").counts == {}


@given(st.lists(st.integers(0, 10**9)), st.lists(st.integers(0, 10**9)))
def test_latencies_add_up(first, second):
    both = counted(*first).plus(counted(*second))
    assert both.counts == counted(*first, *second).counts
    assert abs(both.sum_us - counted(*first, *second).sum_us) <= 1


def test_latencies_of_a_version_with_other_buckets_begin_anew():
    old = msgspec.structs.replace(counted(1000), counts=(1, 2, 3))
    assert old.plus(counted(7_000)) == counted(7_000)


def test_counts_are_told_from_levels_and_from_what_is_kept_on_disk():
    assert is_count("ticks_total")
    assert is_count("quarantined_price")
    assert not is_count("symbols")
    assert not is_count("sandbox_orders_total")  # goes on by itself
