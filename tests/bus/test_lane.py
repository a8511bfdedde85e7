"""The shared-memory lane between a writer and readers, and what is left of it afterwards."""

import asyncio
import os
import random
import sys
import threading
import time
from pathlib import Path

import pytest
from lane_stress import stress

from bus import frames, welcome
from bus.control.messages import PublisherEntry
from bus.errors import LaneError
from bus.lane.doorbell import Doorbell, Ringer
from bus.lane.memory import attach
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
    assert reader.read() == [b"one", b"two", b"three"]
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


def test_a_file_that_could_be_cut_short_is_not_read(tmp_path):
    (tmp_path / "file").write_bytes(bytes(RESERVED))
    with pytest.raises(LaneError, match="cannot read the shared memory"):
        attach(str(tmp_path / "file"))


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


def test_no_ring_is_missed_however_writes_and_naps_fall(ends):
    lane, reader = ends
    lane.bell(reader.bell, wanted=True)
    chance = random.Random(5)

    def write():
        for number in range(2000):
            lane.write([b"%d" % number])
            if chance.random() < 0.3:
                time.sleep(chance.choice((0, 0.00005, 0.003)))

    thread = threading.Thread(target=write)
    thread.start()
    got = []
    while len(got) < 2000:
        found = reader.wait(60.0)
        assert found, f"slept on after {len(got)}"
        got += found
    thread.join()
    assert got == [b"%d" % number for number in range(2000)]


def test_a_write_that_did_not_see_its_reader_lie_down_is_found_all_the_same(ends, monkeypatch):
    lane, reader = ends
    wait = reader._bell.wait

    def unseen(timeout_s):
        lane._ring.write([b"tick"])  # rings nobody
        monkeypatch.undo()
        return wait(timeout_s)

    monkeypatch.setattr(reader._bell, "wait", unseen)
    assert reader.wait(3600.0) == [b"tick"]


def test_a_write_that_did_not_see_an_event_loop_lie_down_is_found_all_the_same(ends):
    lane, reader = ends

    async def run():
        got = asyncio.Event()
        drain = LaneDrain(reader, lambda _: got.set())
        await asyncio.sleep(0)
        lane._ring.write([b"tick"])
        await asyncio.wait_for(got.wait(), 30)
        drain.close()

    asyncio.run(run())


@pytest.fixture
def bells():
    ringer, bell, other = Ringer(), Doorbell(), Doorbell()
    for each in (bell, other):
        ringer.add(each.name)
    yield ringer, bell, other
    bell.close()
    ringer.close()


def rung(bell):
    found = bell.wait(0.0)
    bell.silence()
    return found


def test_only_who_sleeps_is_rung_and_once_a_nap(bells):
    ringer, bell, other = bells
    assert rung(bell)  # when the ringer hears of it: what was written before told nobody
    ringer.ring()
    assert not rung(bell)
    bell.arm()
    for _ in range(1000):
        ringer.ring()
    assert rung(bell)
    assert not rung(bell)
    bell.arm()
    ringer.ring()
    bell.disarm()
    ringer.ring()
    assert rung(bell)
    assert not rung(bell)
    other.close()


def test_a_bell_that_is_full_or_gone_holds_nobody_up(bells):
    ringer, bell, gone = bells
    for _ in range(1000):
        bell._naps[0] += 2
        ringer.ring()
    gone.arm()
    gone.close()
    ringer.ring()
    assert [each.name for each in ringer.bells] == [bell.name]
    ringer.discard(bell.name)
    assert not ringer.bells


def test_who_counts_where_we_cannot_look_is_rung_each_time(bells, tmp_path):
    ringer, bell, other = bells
    ringer.discard(bell.name)
    ringer.add(f"{bell.name[:16]}/proc/{os.getpid()}/fd/{1 << 20}")
    for _ in range(2):
        bell.silence()
        ringer.ring()
        assert rung(bell)
    for name in ("", "0" * 16, f"{bell.name[:16]}{tmp_path}", f"{bell.name}/../1"):
        ringer.add(name)
    assert len(ringer.bells) == 2
    other.close()


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
