"""Pacing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.errors import DataError
from simulators.markets.market import Event, Snapshot
from simulators.markets.playback import LOOP_PAUSE_S, Playback


def events(*times: float):
    return lambda: iter([Event(at, Snapshot(number=0, ltp=at)) for at in times])


def due(playback: Playback, elapsed: float, limit: int = 1000) -> list[float]:
    return [snapshot.ltp for snapshot in playback.due(elapsed, limit)]


def test_rows_come_when_they_are_due():
    playback = Playback(events(0.0, 1.0, 1.0, 3.0), speed=1)
    assert due(playback, 0.5) == [0.0]
    assert playback.wait(0.5) == 0.5
    assert due(playback, 1.0) == [1.0, 1.0]
    assert not playback.finished
    assert due(playback, 9.0) == [3.0]
    assert playback.finished
    assert playback.position == 4
    assert playback.wait(9.0) == 0


def test_speed_divides_time():
    playback = Playback(events(0.0, 100.0), speed=50)
    assert due(playback, 1.0) == [0.0]
    assert playback.wait(1.0) == pytest.approx(1.0)
    assert due(playback, 2.0) == [100.0]


def test_speed_zero_plays_all_at_once_within_the_limit():
    playback = Playback(events(0.0, 5.0, 9.0), speed=0)
    assert playback.wait(0) == 0
    assert due(playback, 0, limit=2) == [0.0, 5.0]
    assert due(playback, 0, limit=2) == [9.0]
    assert playback.finished


def test_loop_begins_again_after_a_pause():
    playback = Playback(events(0.0, 2.0), speed=1, loop=True)
    assert due(playback, 2.0) == [0.0, 2.0]
    assert playback.wait(2.0) == LOOP_PAUSE_S
    assert due(playback, 2.0 + LOOP_PAUSE_S) == [0.0]
    assert not playback.finished


def test_looping_nothing_is_finished():
    assert Playback(events(), speed=0, loop=True).finished


def test_failure_comes_after_all_rows_before_it(tmp_path):
    def broken():
        yield from events(0.0, 1.0)()
        raise DataError(tmp_path, "torn", line=3)

    playback = Playback(broken, speed=0)
    assert due(playback, 0) == [0.0, 1.0]
    assert not playback.finished
    with pytest.raises(DataError, match="torn"):
        playback.due(0, 10)
    assert playback.finished


@given(
    gaps=st.lists(st.floats(0, 10), max_size=30),
    steps=st.lists(st.floats(0, 20), max_size=30),
    speed=st.floats(0.01, 1000),
    limit=st.integers(1, 7),
)
def test_nothing_is_dropped_early_or_out_of_order(gaps, steps, speed, limit):
    times, at = [], 0.0
    for gap in gaps:
        at += gap
        times.append(at)
    playback, elapsed, played = Playback(events(*times), speed=speed), 0.0, []
    for step in steps:
        elapsed += step
        rows = due(playback, elapsed, limit)
        assert len(rows) <= limit
        assert all(row <= elapsed * speed for row in rows)
        played += rows
    while not playback.finished:
        elapsed += playback.wait(elapsed)
        played += due(playback, elapsed + 1e-6, limit)
    assert played == times
