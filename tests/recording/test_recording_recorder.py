"""The queue and the thread: the bus never waits, and every loss is counted and noted."""

import threading
import time

from hypothesis import given
from hypothesis import strategies as st
from recorded_frames import tick

from bus.clock import SystemClock
from recording.notes import Gap
from recording.recorder import Recorder
from recording.spool import FRAME_BYTES, Spool

SIZE = len(tick(0).payload) + FRAME_BYTES


class Clock(SystemClock):
    """A clock that runs a thousand times as fast: seconds of patience are milliseconds."""

    def monotonic(self):
        return super().monotonic() * 1000


class Disk:
    """A sink that can be held up, and that refuses while it is full."""

    def __init__(self):
        self.written = []
        self.full = False
        self.syncs = 0
        self.closed = False
        self.may_write = threading.Event()
        self.may_write.set()
        self.bytes_total = 0

    def _take(self, things):
        self.may_write.wait(20)
        if self.full:
            raise OSError(28, "No space left on device")
        self.written += things

    def frames(self, batch, now_ns):
        self._take(batch)

    def note(self, note, now_ns):
        self._take([note])

    def sync(self):
        self.syncs += 1
        if self.full:
            raise OSError(28, "No space left on device")

    def close(self):
        self._take([])
        self.closed = True


def recorder(disk, queue_bytes=1 << 20):
    return Recorder(lambda: disk, clock=Clock(), queue_bytes=queue_bytes, fsync_s=1.0)


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=30), st.integers(1, 12 * SIZE)
)
def test_the_spool_keeps_order_and_counts_what_it_cannot_hold(steps, limit):
    spool, expected, taken, number = Spool(limit), 0, [], 0
    for count, take in steps:
        batch = [tick(number + n) for n in range(count)]
        spool.put(list(batch))
        number += count
        expected += count
        assert spool.bytes <= limit
        if take:
            taken += spool.take(0)
    spool.close()
    taken += spool.take(0) or []
    assert spool.take(0) is None
    told = []
    for item in taken:
        if isinstance(item, Gap):
            first = len(told)
            told += [None] * item.lost
            assert item.reason == "queue"
            assert item.since_ns == tick(first).received_ns
            assert item.until_ns == tick(len(told) - 1).received_ns
        else:
            told += item
    assert len(told) == expected
    assert all(frame in {None, tick(n)} for n, frame in enumerate(told))
    assert told.count(None) == spool.lost_total


def test_a_disk_that_hangs_delays_nobody_and_the_loss_is_in_the_recording():
    disk = Disk()
    disk.may_write.clear()
    one = recorder(disk, queue_bytes=50 * SIZE)
    for n in range(500):  # returns at once, though the disk takes nothing
        one.record([tick(n)])
    disk.may_write.set()
    until(lambda: one.stats()["queue_bytes"] == 0)
    one.record([tick(500)])
    assert one.close(20)
    lost = one.stats()["queue_lost_total"]
    frames = [item for item in disk.written if not isinstance(item, Gap)]
    gaps = [item for item in disk.written if isinstance(item, Gap)]
    assert len(frames) + lost == 501
    assert sum(gap.lost for gap in gaps) == lost > 400
    assert {gap.reason for gap in gaps} == {"queue"}
    assert frames[-1] == tick(500)
    assert disk.closed


def test_a_full_disk_is_tried_again_and_the_loss_is_in_the_recording():
    disk = Disk()
    one = recorder(disk)
    one.record([tick(0)])
    until(lambda: disk.written)
    disk.full = True
    one.record([tick(1), tick(2)])
    until(lambda: one.trouble)
    assert one.trouble == "No space left on device"
    one.gap(Gap("bus", 7, 1, 2))
    one.record([tick(3)])
    until(lambda: one.stats()["disk_lost_total"] == 3)
    disk.full = False
    time.sleep(0.002)  # of a clock that runs a thousand times as fast
    one.record([tick(4)])
    until(lambda: not one.trouble)
    one.record([tick(5)])
    assert one.close(20)
    assert disk.written[0] == tick(0)
    assert disk.written[1] == Gap("disk", 3, tick(1).received_ns, tick(3).received_ns)
    assert disk.written[2] == Gap("bus", 7, 1, 2)
    assert disk.written[3:] == [tick(4), tick(5)]
    assert one.stats()["recorded_total"] == 3


def test_it_syncs_only_when_something_was_written():
    disk = Disk()
    one = recorder(disk)
    one.record([tick(0)])
    until(lambda: disk.syncs == 1)
    one.record([tick(1)])
    until(lambda: disk.syncs == 2)
    assert one.close(20)
    assert disk.syncs == 2


def test_a_defect_of_the_thread_is_kept_for_the_process():
    def broken():
        raise RuntimeError("a defect")

    one = Recorder(broken, clock=Clock(), queue_bytes=1 << 20, fsync_s=1.0)
    one.record([tick(0)])
    until(lambda: one.defect is not None)
    assert str(one.defect) == "a defect"
