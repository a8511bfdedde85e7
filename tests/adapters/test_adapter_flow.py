"""What an adapter measures of its ticks' way: from the exchange's clock, and until the bus."""

from adapters.codec import Tick
from adapters.ticks.flow import Flow
from bus.measuring.latency import STRIDE
from bus.topics import Mode

NOW_NS = 1_700_000_000 * 10**9


class Clock:
    def monotonic(self):
        return 1.0

    def unix_ns(self):
        return NOW_NS + 1_000_000


def flowed(*ages_ms):
    """One frame per age, each often enough to be measured once."""
    flow = Flow(Clock(), {})
    take = flow.taker("prices", lambda *_: None)
    for age_ms in ages_ms:
        stamp = None if age_ms is None else NOW_NS // 10**6 - age_ms
        for _ in range(STRIDE):
            take([Tick("1", Mode.LTP, ltp=1.0, exchange_timestamp=stamp)], NOW_NS)
    return flow


def test_the_way_from_the_exchange_is_measured_of_one_frame_in_many():
    flow = flowed(250, 400)
    told = flow.legs()["exchange"]
    assert (told.total, told.sum_us) == (2, 650_000)
    assert flow.latency().total == 2 * STRIDE


def test_ticks_without_the_exchanges_time_and_old_snapshots_are_not_measured():
    assert flowed(None, 61_000).legs()["exchange"].total == 0


def test_a_clock_that_is_behind_the_exchanges_counts_as_no_time():
    told = flowed(-500).legs()["exchange"]
    assert (told.total, told.sum_us) == (1, 0)
