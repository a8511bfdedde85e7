"""Segments: written, indexed, read by time and topic, damaged and read nevertheless."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_frames import BEGAN_NS, event, tick

from bus.frames import Frame, Kind
from recording import index as indexes
from recording.errors import RecordingError
from recording.index import BLOCK, Index
from recording.notes import Gap
from recording.segment import Segment
from recording.writer import SegmentWriter

MS = 1_000_000


def many(count):
    topics = [f"ZERODHA_NSE_{name}_LTP" for name in ("SBIN", "INFY", "TCS")]
    return [tick(n, topics[n % 3 if n < 2 * count // 3 else 0]) for n in range(count)]


def test_frames_come_back_with_all_their_stamps(make_segment, opened):
    frames = [tick(0), event(b"{}"), tick(1, generation=2, sequence=9)]
    segment = opened(make_segment(frames))
    assert list(segment.frames()) == frames
    index = segment.index
    assert (index.ticks, index.records, index.complete) == (2, 5, True)
    assert (index.first_ns, index.last_ns) == (BEGAN_NS, BEGAN_NS + MS)
    assert segment.last_ns() == BEGAN_NS + MS


def test_the_index_finds_times_and_topics_in_few_blocks(make_segment, opened):
    frames = many(5 * BLOCK)
    segment = opened(make_segment(frames))
    begin, end = BEGAN_NS + 2500 * MS, BEGAN_NS + 2600 * MS
    assert list(segment.frames(begin, end)) == frames[2500:2601]
    assert list(segment.frames(topics=["ZERODHA_NSE_TCS_LTP"])) == frames[2 : 10 * BLOCK // 3 : 3]
    assert list(segment.frames(topics=["ZERODHA_NSE_NONE_LTP"])) == []
    (span,) = segment.index.ranges(begin, end)
    assert span[1] - span[0] < segment.size / 4
    (tcs,) = segment.index.ranges(topics=["ZERODHA_NSE_TCS_LTP"])
    assert tcs[1] < segment.size * 0.9


@pytest.mark.parametrize("spoil", ["gone", "cut", "flipped", "of another"])
def test_an_index_that_is_not_sound_is_made_anew(make_segment, opened, spoil):
    frames = many(1500)
    path = make_segment(frames)
    told = opened(path).index
    beside = indexes.index_path(path)
    data = beside.read_bytes()
    match spoil:
        case "gone":
            beside.unlink()
        case "cut":
            beside.write_bytes(data[:-3])
        case "flipped":
            beside.write_bytes(data[:40] + bytes([data[40] ^ 4]) + data[41:])
        case "of another":
            indexes.save(opened(make_segment(frames[:10])).index, path)
    assert indexes.load(path, path.stat().st_size) is None
    again = opened(path)
    assert again.index == told
    assert list(again.frames()) == frames


def test_a_segment_that_nobody_closed_is_read_as_far_as_it_goes(make_segment, opened):
    frames = many(30)
    path = make_segment(frames, seal=False)
    with path.open("ab") as file:
        file.write(b"\xa9\x5d half a record")
    segment = opened(path)
    found = segment.inspect()
    assert list(segment.frames()) == frames
    assert not found.contents.complete
    assert [damage.lost for damage in found.damages] == [None]
    assert segment.last_ns() == frames[-1].received_ns


def test_damage_is_told_where_it_is_met(make_segment, opened):
    frames = many(2500)
    path = make_segment(frames)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)
    segment, told = opened(path), []
    read = list(segment.frames(on_damage=lambda _, damage: told.append(damage)))
    assert len(read) == 2499
    assert [damage.lost for damage in told] == [1]
    assert segment.inspect().lost == 1


@given(st.data())
def test_a_damaged_segment_gives_all_untouched_frames(tmp_path_factory, draw):
    path = tmp_path_factory.mktemp("s") / "a.rec"
    frames = many(40)
    writer = SegmentWriter(path, 1, BEGAN_NS)
    bounds = []
    for frame in frames:
        begin = writer.size
        writer.frames([frame])
        bounds.append((begin, writer.size))
    writer.seal()
    data = bytearray(path.read_bytes())
    for _ in range(draw.draw(st.integers(0, 4))):
        place = draw.draw(st.integers(0, len(data) - 1))
        length = draw.draw(st.integers(1, 50))
        data[place : place + length] = bytes(len(data[place : place + length]))
    touched = [a != b for a, b in zip(data, path.read_bytes(), strict=True)]
    cut = draw.draw(st.integers(0, len(data)))
    path.write_bytes(data[:cut])
    segment = Segment(path)
    try:
        whole = [
            frame
            for frame, (begin, end) in zip(frames, bounds, strict=True)
            if end <= cut and not any(touched[begin:end])
        ]
        assert list(segment.frames()) == whole
    finally:
        segment.close()


def test_an_empty_file_and_a_missing_one(tmp_path, opened):
    (tmp_path / "empty.rec").touch()
    assert list(opened(tmp_path / "empty.rec").frames()) == []
    with pytest.raises(RecordingError, match=r"no\.rec: cannot be read: No such file"):
        Segment(tmp_path / "no.rec")


def test_a_refused_write_leaves_nothing_behind(tmp_path, monkeypatch, opened):
    """Half of a batch fits: it is cut off again, and the next one follows seamlessly."""
    writer = SegmentWriter(tmp_path / "a.rec", 1, BEGAN_NS)
    writer.frames([tick(0)])
    size, write = writer.size, os.write

    def full(descriptor, data):
        if len(data) < 60:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        writer.frames([tick(1), tick(2), tick(3)])
    assert writer.size == size == (tmp_path / "a.rec").stat().st_size
    monkeypatch.setattr(os, "write", write)
    gap = Gap("disk", 3, 1, 2)
    writer.note(gap)
    writer.frames([tick(4)])
    writer.seal()
    segment = opened(tmp_path / "a.rec")
    found = segment.inspect()
    assert found.damages == []
    assert found.contents.gaps == segment.index.gaps == [gap]
    assert list(segment.frames()) == [tick(0), tick(4)]


def test_index_ranges_join_neighbours():
    index = Index()
    for number in range(3 * BLOCK):
        index.record(number * 10, number)
        index.frame(Frame(b"A_NSE_X_LTP", Kind.TICK, 0, 1, number, 1 + number, b""))
    index.size = 3 * BLOCK * 10
    assert list(index.ranges()) == [(0, index.size, 0)]
    assert list(index.ranges(to_ns=5)) == [(0, BLOCK * 10, 0)]
    assert list(index.ranges(from_ns=2 * BLOCK + 5)) == [(2 * BLOCK * 10, index.size, 2 * BLOCK)]
    assert list(index.ranges(from_ns=4 * BLOCK)) == []
