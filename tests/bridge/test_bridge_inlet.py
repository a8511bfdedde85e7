"""What arrives: holes on the way, and sequences that go on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import SubjectError
from bridge.inlet import Count, Order, Sequences
from bus.measuring.loss import LossCounter


def reply(stream_sequence, number, *, domain=False):
    where = "delhi.ACCOUNT.MD" if domain else "MD"
    end = ".random" if domain else ""
    return f"$JS.ACK.{where}.consumer.1.{stream_sequence}.{number}.1763700000000000000.0{end}"


@pytest.mark.parametrize("domain", [False, True])
def test_a_message_that_is_missing_is_noticed(domain):
    order = Order()
    assert order.take(reply(70, 1, domain=domain)) == 70
    assert order.take(reply(75, 2, domain=domain)) == 75  # the filter left some out
    assert order.take(reply(77, 4, domain=domain)) is None
    assert order.take(reply(76, 3, domain=domain)) == 76


@pytest.mark.parametrize("text", ["", "_INBOX.abc", "$JS.ACK.MD.c.1.x.1.2.0"])
def test_what_did_not_come_from_a_stream_is_refused(text):
    with pytest.raises(SubjectError):
        Order().take(text)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4)), max_size=40))
def test_what_is_missing_there_is_missing_here_and_nothing_else(steps):
    """Lives of an adapter one after the other, each of which counts from 1, with holes."""
    sequences, here = Sequences(Count(0)), LossCounter()
    generation, there, seen, lost = 1, 0, False, 0
    for life, step in steps:
        if life == 1 and seen:
            generation, there = generation + 1, 0
            expected = 0
        else:
            expected = step - 1 if seen else 0
        there += step
        lost += expected
        sequence = sequences.of(b"X", generation, there)
        seen = True
        assert here.note(b"X", sequence) == expected
    assert sequences.lost_total == here.lost_total == lost
    assert sequences.repeated_total == 0


def test_what_was_relayed_already_is_not_relayed_again():
    sequences = Sequences(Count(0))
    assert [sequences.of(b"X", 3, n) for n in (5, 6, 5, 6, 7)] == [1, 2, None, None, 3]
    assert sequences.repeated_total == 2


def test_a_life_goes_on_with_the_numbers_of_the_one_before():
    before = Sequences(Count(1000))
    assert [before.of(topic, 3, 5) for topic in (b"X\0", b"Y\0")] == [1001, 1001]
    after = Sequences(before.count)
    assert after.of(b"X\0", 3, 9) == 1005
    assert after.lost_total == 0  # perhaps nobody wanted it in between
    assert after.of(b"X\0", 3, 11) == 1007
    assert after.lost_total == 1
    assert after.of(b"Y\0", 3, 5) is None


def test_what_a_topic_misses_while_nobody_wants_it_is_no_loss():
    sequences = Sequences(Count(0))
    assert sequences.of(b"X", 1, 10) == 1
    sequences.pause(b"X")
    assert sequences.of(b"X", 1, 500) == 2
    assert sequences.lost_total == 0
