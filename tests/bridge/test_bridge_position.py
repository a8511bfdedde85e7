"""Where a reader was, for the next one."""

from bridge.position import FRESH_S, Position


class Clock:
    def __init__(self):
        self.at_s = 1000.0

    def monotonic(self):
        return self.at_s

    def unix_ns(self):
        return int(self.at_s * 1e9)


def test_the_next_life_begins_where_the_last_one_was_unless_that_is_long_ago(tmp_path):
    clock = Clock()

    def kept(stream="MD", folder=tmp_path):
        return Position(folder, "mumbai", stream, clock)

    assert kept().load() is None
    first = kept()
    first.save(None)
    assert kept().load() is None
    first.save(41)
    first.save(42)
    assert kept().load() == 42
    assert kept("MD_DELHI").load() is None
    clock.at_s += FRESH_S - 1
    assert kept().load() == 42
    clock.at_s += 1
    assert kept().load() is None
    assert kept(folder=None).load() is None


def test_what_cannot_be_read_or_written_is_no_error(tmp_path):
    clock = Clock()
    (tmp_path / "mumbai.position").write_text("{")
    assert Position(tmp_path, "mumbai", "MD", clock).load() is None
    nowhere = Position(tmp_path / "nowhere", "mumbai", "MD", clock)
    nowhere.save(1)
    assert nowhere.load() is None
