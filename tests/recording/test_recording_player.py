"""Pace and sequences of a replay, pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_frames import BEGAN_NS, tick

from bus.measuring.loss import LossCounter
from recording.player import Pace, Sequencer

S = 10**9


@pytest.mark.parametrize(("speed", "wait_s"), [(1.0, 10.0), (4.0, 2.5), (0.5, 20.0), (0.0, 0.0)])
def test_a_tick_is_due_at_its_time_divided_by_the_speed(speed, wait_s):
    pace = Pace(speed)
    assert pace.wait_s(BEGAN_NS, 100.0) == 0.0
    assert pace.wait_s(BEGAN_NS + 10 * S, 100.0) == wait_s
    assert pace.wait_s(BEGAN_NS + 10 * S, 100.0 + wait_s) == 0.0
    assert pace.wait_s(BEGAN_NS - 5 * S, 100.0) == 0.0  # back in time: at once


def test_a_pause_takes_no_recorded_time():
    pace = Pace(2.0)
    assert pace.wait_s(BEGAN_NS, 0.0) == 0.0
    pace.pause(1.0)
    pace.pause(5.0)
    assert pace.wait_s(BEGAN_NS, 50.0) is None
    pace.resume(60.0)
    pace.resume(70.0)
    assert pace.wait_s(BEGAN_NS + 10 * S, 60.0) == 4.0


def test_another_speed_counts_from_when_it_is_set():
    pace = Pace(1.0)
    assert pace.wait_s(BEGAN_NS, 0.0) == 0.0
    pace.change(10.0, 5.0)
    assert pace.wait_s(BEGAN_NS + 15 * S, 5.0) == 1.0
    pace.pause(5.5)
    pace.change(1.0, 900.0)
    pace.resume(900.0)
    assert pace.wait_s(BEGAN_NS + 15 * S, 900.0) == 5.0
    pace.change(0.0, 901.0)
    assert pace.wait_s(BEGAN_NS + 99 * S, 901.0) == 0.0
    pace.change(1.0, 902.0)
    assert pace.wait_s(BEGAN_NS + 99 * S, 902.0) == 0.0


def test_long_silences_are_shortened_when_asked_for():
    pace = Pace(1.0, max_gap_s=60.0)
    assert pace.wait_s(BEGAN_NS, 0.0) == 0.0
    assert pace.wait_s(BEGAN_NS + 30 * S, 0.0) == 30.0
    night = BEGAN_NS + 17 * 3600 * S
    assert pace.wait_s(night, 30.0) == 60.0
    assert pace.wait_s(night, 80.0) == 10.0
    assert pace.wait_s(night + S, 90.0) == 1.0


def test_a_jump_is_due_at_once():
    pace = Pace(1.0)
    assert pace.wait_s(BEGAN_NS, 0.0) == 0.0
    pace.jump()
    assert pace.wait_s(BEGAN_NS + 99 * S, 1.0) == 0.0
    assert pace.wait_s(BEGAN_NS + 100 * S, 1.0) == 1.0


STEPS = st.lists(
    st.tuples(st.sampled_from(["A_NSE_X_LTP", "A_NSE_Y_LTP"]), st.integers(0, 30), st.booleans())
)


@given(STEPS)
def test_a_jump_never_looks_like_a_loss(steps):
    """Each step plays some ticks, after a jump to anywhere."""
    sequencer, loss, last = Sequencer(), LossCounter(), {}
    for topic, place, jump in steps:
        if jump:
            sequencer.jump()
        start = place if jump else last.get(topic, 0)
        for number in range(start, start + 3):
            sequence = sequencer.of(tick(number, topic))
            assert loss.note(topic.encode(), sequence) == 0
            last[topic] = number + 1


def test_a_recorded_hole_is_played_and_a_late_join_is_none():
    sequencer = Sequencer()
    frames = [tick(0, sequence=5), tick(1, sequence=9), tick(2, sequence=1, generation=2)]
    assert [sequencer.of(frame) for frame in frames] == [5, 9, 1]
    assert sequencer.of(tick(3, sequence=40, generation=3)) == 2
    assert sequencer.of(tick(4, sequence=43, generation=3)) == 5  # of which two were lost
