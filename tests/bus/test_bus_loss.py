from hypothesis import given
from hypothesis import strategies as st

from bus.measuring.loss import LossCounter


@given(st.lists(st.booleans(), min_size=1), st.integers(1, 1000))
def test_every_hole_between_two_arrivals_is_counted_exactly(arrived, start):
    counter = LossCounter()
    heard = [start + i for i, here in enumerate(arrived) if here]
    for sequence in heard:
        counter.note(b"T", sequence)
    inside = heard[-1] - heard[0] + 1 if heard else 0
    assert counter.lost_total == inside - len(heard)


def test_topics_are_counted_apart():
    counter = LossCounter()
    assert [counter.note(b"A", 1), counter.note(b"B", 7), counter.note(b"A", 4)] == [0, 0, 2]
    assert counter.lost_total == 2


def test_a_topic_that_was_left_starts_afresh():
    counter = LossCounter()
    counter.note(b"A", 1)
    counter.forget(b"A")
    assert counter.note(b"A", 50) == 0
