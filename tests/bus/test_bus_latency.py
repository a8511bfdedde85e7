"""Latency histograms and what flows: counts add up, quantiles lie where the values do."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.frames import Frame, Kind
from bus.measuring.flow import Flow
from bus.measuring.latency import BOUNDS_US, STRIDE, Latency, LatencyMeter

NS = st.integers(min_value=-(10**6), max_value=30 * 10**9)


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def monotonic(self):
        return self.now_s

    def unix_ns(self):
        return int(self.now_s * 1e9)


def frame(received_ns):
    return Frame(b"T", Kind.TICK, 0, 1, 1, received_ns, b"{}")


def measured(values):
    meter = LatencyMeter()
    for value in values:
        meter.note(value)
    return meter.counted()


def bucket_of(value_us):
    above = [bound for bound in BOUNDS_US if value_us <= bound]
    upper = above[0] if above else BOUNDS_US[-1]
    below = [bound for bound in BOUNDS_US if bound < upper]
    return (below[-1] if below else 0), upper


def test_bounds_ascend_and_reach_from_microseconds_to_seconds():
    assert list(BOUNDS_US) == sorted(set(BOUNDS_US))
    assert (BOUNDS_US[0], BOUNDS_US[-1]) == (10, 10_000_000)


@given(st.lists(NS, min_size=1, max_size=200), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_lies_in_the_bucket_of_the_value_it_stands_for(values, part):
    told = measured(values).quantile(part)
    ordered = sorted(max(value, 0) / 1000 for value in values)
    rank = next(i for i in range(len(ordered)) if i + 1 >= len(ordered) * part)
    low, high = bucket_of(ordered[rank])
    assert low <= told <= high
    assert told <= BOUNDS_US[-1]


@given(st.lists(NS, max_size=50), st.lists(NS, max_size=50))
def test_what_came_since_is_what_was_measured_since(before, after):
    meter = LatencyMeter()
    for value in before:
        meter.note(value)
    then = meter.counted()
    for value in after:
        meter.note(value)
    since = meter.counted().since(then)
    assert since.counts == measured(after).counts
    assert since.total == len(after)


def test_a_process_that_began_anew_counts_from_nothing():
    old, new = measured([10_000] * 5), measured([10_000])
    assert new.since(old) == new


def test_nothing_measured_has_no_quantile():
    assert Latency().quantile(0.99) is None
    assert Latency().total == 0


@given(st.lists(st.integers(0, 50), max_size=40))
def test_batches_of_any_size_are_sampled_evenly(sizes):
    meter = LatencyMeter()
    for size in sizes:
        meter.sample([frame(0)] * size, 1000)
    assert meter.counted().total == -(-sum(sizes) // STRIDE)


def test_it_survives_the_wire():
    sent = measured([5_000, 123_456_789])
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(sent), type=Latency) == sent


def test_flow_tells_total_rate_age_and_latency():
    clock = Clock()
    flow = Flow(clock)
    assert flow.stats() == {"ticks_total": 0, "ticks_per_s": 0.0, "last_tick_age_s": None}
    flow.took([frame(clock.unix_ns() - 2_000_000)] * 32)
    flow.took([])
    clock.now_s += 2.0
    assert flow.stats() == {"ticks_total": 32, "ticks_per_s": 16.0, "last_tick_age_s": 2.0}
    assert flow.latency().total == 2
    assert flow.latency().quantile(0.5) == pytest.approx(2000, rel=0.5)


def test_arrival_is_measured_before_the_rest_of_the_way_and_of_ticks_only():
    clock = Clock()
    flow = Flow(clock)
    event = frame(0)._replace(kind=Kind.EVENT)
    ticks = [frame(clock.unix_ns() - 2_000_000)] * (STRIDE * 4)
    flow.came([event, *ticks[1:]])
    clock.now_s += 0.003
    flow.took(ticks)
    arrival = flow.legs()["arrival"]
    assert (arrival.total, flow.latency().total) == (3, 4)
    assert (arrival.sum_us, flow.latency().sum_us) == (3 * 2000, 4 * 5000)


@given(st.lists(st.integers(1, 3 * STRIDE), max_size=40))
def test_passing_over_small_batches_measures_the_same_frames(sizes):
    plain, passing = LatencyMeter(), LatencyMeter()
    number = 0
    for size in sizes:
        frames = [frame(-1000 * (number + n)) for n in range(size)]
        number += size
        plain.sample(frames, 0)
        if not passing.passes(size):
            passing.sample(frames, 0)
    assert plain.counted() == passing.counted()
