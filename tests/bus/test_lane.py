"""The shared-memory lane between a writer and readers, and what is left of it afterwards."""

import asyncio
import os
import sys
import threading
from pathlib import Path

import pytest
from lane_stress import stress

from bus import frames, welcome
from bus.control.messages import PublisherEntry
from bus.errors import LaneError
from bus.lane.doorbell import Doorbell, Ringer
from bus.lane.reading import LaneDrain, LaneReader
from bus.lane.ring import RESERVED
from bus.lane.writing import MIB, SMALLEST_MIB, LaneWriter
from bus.secret import Secret

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the lane needs Linux")

SECRET = Secret("made up")


def writer(generation=1):
    return LaneWriter(welcome.make(SECRET, "zerodha", generation))


def entry(lane, generation=1):
    return PublisherEntry("zerodha", generation, "", lane=lane.path)


@pytest.fixture
def ends():
    lane = writer()
    reader = LaneReader(entry(lane), SECRET)
    yield lane, reader
    reader.close()
    lane.close()


def test_what_is_written_is_read_in_order(ends):
    lane, reader = ends
    lane.write([b"one", b"two"])
    lane.write([b"three"])
    assert reader.read() + reader.read() + reader.read() == [b"one", b"two", b"three"]
    assert lane.stats.messages == 3
    assert (reader.stats.messages, reader.stats.lost) == (3, 0)


def test_a_reader_of_another_run_or_generation_is_refused(ends):
    lane, _ = ends
    with pytest.raises(LaneError, match="is not zerodha's"):
        LaneReader(entry(lane), Secret("another"))
    with pytest.raises(LaneError, match="is not zerodha's"):
        LaneReader(entry(lane, generation=2), SECRET)


def test_a_lane_that_is_gone_is_refused_by_name():
    lane = writer()
    gone = entry(lane)
    lane.close()
    with pytest.raises(LaneError, match=f"cannot read the shared memory {gone.lane}"):
        LaneReader(gone, SECRET)


def test_a_reader_cannot_write_and_nobody_can_cut_the_memory_short(ends):
    lane, reader = ends
    with pytest.raises(TypeError):
        reader._map[0] = 1
    with pytest.raises(OSError, match="not permitted"):
        os.truncate(lane.path, RESERVED)


def test_what_was_written_outlives_the_writer():
    lane = writer()
    reader = LaneReader(entry(lane), SECRET)
    lane.write([b"last"])
    lane.close()
    assert reader.read() == [b"last"]
    reader.close()


def test_a_sleeping_reader_wakes_up(ends):
    lane, reader = ends
    lane.bell(reader.bell, wanted=True)
    timer = threading.Timer(0.05, lane.write, ([b"tick"],))
    timer.start()
    assert reader.wait(30.0) == [b"tick"]
    timer.join()
    assert reader.wait(0.0) == []
    lane.write([b"next"])
    assert reader.wait(0.0, spin_s=30.0) == [b"next"]


def test_bells_that_ring_too_often_or_are_gone_hold_nobody_up():
    ringer, bell, gone = Ringer(), Doorbell(), Doorbell()
    ringer.add(bell.name)
    ringer.add(gone.name)
    gone.close()
    for _ in range(1000):
        ringer.ring()
    assert len(ringer.names) == 1
    assert bell.wait(0.0)
    bell.silence()
    assert not bell.wait(0.0)
    bell.close()
    ringer.close()


def test_an_event_loop_gets_what_a_turn_wrote_as_one_batch(ends):
    lane, reader = ends
    batches = []

    async def run():
        got = asyncio.Event()

        def on_batch(batch):
            batches.append(batch)
            got.set()

        drain = LaneDrain(reader, on_batch)
        lane.bell(reader.bell, wanted=True)
        await asyncio.sleep(0)
        for number in range(3):
            lane.send(b"%d" % number)
        await asyncio.wait_for(got.wait(), 30)
        drain.close()

    asyncio.run(run())
    assert batches == [[b"0", b"1", b"2"]]


def test_a_frame_of_any_size_the_bus_allows_goes_through(ends):
    lane, reader = ends
    large = [frames.encode(b"T\0", frames.Kind.TICK, 0, 1, n, 0, bytes(MIB - 64)) for n in range(4)]
    lane.write(large)
    assert [m for _ in large for m in reader.read()] == large
    assert lane.stats.blocks == 4
    assert SMALLEST_MIB * MIB >= 8 * MIB  # an eighth is a block


@pytest.mark.process
def test_readers_and_writers_killed_at_random_never_read_a_wrong_byte():
    found = stress(seconds=3.0, seed=11, at_least=6)
    assert found.wrong == []
    assert found.read > 0
    assert not list(Path("/dev/shm").glob("*openalgo*"))  # noqa: S108 - looked at, not used
    assert found.bells
    assert not found.bells_left
