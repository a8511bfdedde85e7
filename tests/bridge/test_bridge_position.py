"""Where a reader was, for the next one."""

import pytest

from bridge.inlet import Count
from bridge.position import FRESH_S, Position, Reached


class Clock:
    def __init__(self):
        self.at_s = 1000.0

    def monotonic(self):
        return self.at_s

    def unix_ns(self):
        return int(self.at_s * 1e9)


def at(sequence):
    return Reached(sequence, Count(7, {"MUMBAI_NSE_M&M_LTP": (3, sequence, 1000 + sequence)}))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kept(tmp_path, clock):
    def make(stream="MD", folder=tmp_path):
        return Position(folder, "mumbai", stream, clock)

    return make


def test_the_next_life_begins_where_the_last_one_was_unless_that_is_long_ago(kept, clock):
    assert kept().load() is None
    first = kept()
    first.save(at(41))
    first.save(at(42))
    assert kept().load() == at(42)
    assert kept("MD_DELHI").load() is None
    clock.at_s += FRESH_S - 1
    assert kept().load() == at(42)
    clock.at_s += 1
    assert kept().load() is None
    assert kept(folder=None).load() is None


def test_a_life_that_is_killed_was_last_where_it_was_a_moment_before(kept):
    first = kept()
    first.reached(at(41))
    assert kept().load() is None
    first.reached(at(45))
    assert kept().load() == at(41)
    first.reached(at(45))
    assert kept().load() == at(45)


def test_what_cannot_be_read_or_written_is_no_error(kept, tmp_path):
    (tmp_path / "mumbai.position").write_text("{")
    assert kept().load() is None
    nowhere = kept(folder=tmp_path / "nowhere")
    nowhere.save(at(1))
    assert nowhere.load() is None
