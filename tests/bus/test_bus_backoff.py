from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bus.backoff import Backoff


@given(st.integers(), st.integers(1, 200))
def test_delays_stay_below_the_doubling_ceiling_and_the_cap(seed, failures):
    backoff = Backoff(base_s=0.5, cap_s=30.0, random=Random(seed))
    for n in range(failures):
        assert 0 <= backoff.failed(0.0) <= min(30.0, 0.5 * 2**n)


def test_a_stable_stretch_forgets_the_failures():
    backoff = Backoff(base_s=1.0, cap_s=30.0, stable_s=60.0, random=Random(1))
    for _ in range(10):
        backoff.failed(0.0)
    assert backoff.ceiling_s() == 30.0
    backoff.succeeded(100.0)
    backoff.failed(159.9)
    assert backoff.failures == 11
    backoff.succeeded(200.0)
    assert backoff.failed(260.0) <= 1.0


def test_jitter_uses_the_whole_range():
    backoff = Backoff(base_s=1.0, cap_s=1.0, random=Random(7))
    delays = [backoff.failed(0.0) for _ in range(1000)]
    assert min(delays) < 0.01
    assert max(delays) > 0.99
