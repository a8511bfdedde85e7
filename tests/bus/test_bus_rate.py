"""Ticks per second."""

from bus.measuring.rate import Rate


def test_the_rate_is_over_a_stretch_that_means_something():
    rate = Rate(0.0)
    assert rate.sample(0.1, 1000) == 0.0
    assert rate.sample(2.0, 1000) == 500.0
    assert rate.sample(2.1, 9999) == 500.0
    assert rate.sample(3.0, 1000) == 0.0
