"""The memory ceiling: a leak is answered, a peak is not, and nothing is replaced in circles."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from supervisor.processes.memory import LOOK_S, Ceiling

LIMIT = 100_000_000
HIGH, LOW = LIMIT + 1, LIMIT // 2


def looks(ceiling, sizes, limit=LIMIT, start=0.0):
    """At which looks it is time to replace the process."""
    return [n for n, rss in enumerate(sizes) if ceiling.observe(start + n * LOOK_S, rss, limit)]


def test_a_level_that_stays_is_answered_once():
    assert looks(Ceiling(), [LOW, HIGH, HIGH, HIGH]) == [3]


def test_a_peak_is_not():
    assert looks(Ceiling(), [HIGH, HIGH, LOW] * 10) == []


def test_without_a_limit_nothing_is_too_large():
    assert looks(Ceiling(), [10**12] * 10, limit=None) == []


def test_one_that_is_large_and_does_not_leak_is_replaced_once_in_half_an_hour():
    assert looks(Ceiling(), [HIGH] * 300) == [2]
    found = looks(Ceiling(), [HIGH] * 720)
    assert len(found) == 2
    assert (found[1] - found[0]) * LOOK_S >= 1800


def test_one_that_leaks_again_after_having_been_well_is_replaced_again():
    assert looks(Ceiling(), [HIGH] * 3 + [LOW] + [HIGH] * 3) == [2, 6]


def test_just_below_the_ceiling_is_not_well():
    assert looks(Ceiling(), [HIGH] * 3 + [LIMIT - 1] + [HIGH] * 3) == [2]


@given(st.lists(st.integers(0, 2 * LIMIT), max_size=300))
def test_two_replacements_never_follow_each_other_without_a_healthy_look(sizes):
    found = looks(Ceiling(), sizes)
    for one, next_ in itertools.pairwise(found):
        assert min(sizes[one:next_]) <= LIMIT * 0.8
