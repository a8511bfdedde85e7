"""Folders of segments: rotation, the budget, the gap of a recorder that was away."""

import os
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_frames import BEGAN_NS, tick

from recording import index as indexes
from recording import policy
from recording.notes import Gap
from recording.policy import Kept
from recording.segment import Segment
from recording.writer import FileSink, FolderSink

SECOND = 10**9


def read(folder):
    """Every frame of a folder, and every gap, in order."""
    frames, gaps = [], []
    for path in sorted(folder.glob("*.rec")):
        segment = Segment(path)
        frames += segment.frames()
        gaps += segment.inspect().contents.gaps
        segment.close()
    return frames, gaps


def sink(folder, *, segment_bytes=1 << 20, budget_bytes=1 << 30, now_ns=BEGAN_NS):
    made = FolderSink(folder, segment_bytes=segment_bytes, budget_bytes=budget_bytes)
    made.begin(now_ns)
    return made


def test_a_segment_ends_by_size_and_nothing_is_lost_between(tmp_path):
    made = sink(tmp_path, segment_bytes=2000)
    frames = [tick(n) for n in range(300)]
    for start in range(0, 300, 10):
        made.frames(frames[start : start + 10], BEGAN_NS + start * SECOND)
    made.close()
    assert read(tmp_path) == (frames, [])
    assert made.segments == len(list(tmp_path.glob("*.rec"))) > 3
    assert len(list(tmp_path.glob("*.rec.idx"))) == made.segments
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.glob("*.rec"))


def test_a_segment_ends_with_the_day_in_india(tmp_path):
    late = int(datetime(2026, 11, 21, 18, 29, 59, tzinfo=UTC).timestamp()) * SECOND
    made = sink(tmp_path, now_ns=late)
    made.frames([tick(0)], late)
    made.frames([tick(1)], late + SECOND)
    made.close()
    names = [path.name for path in sorted(tmp_path.glob("*.rec"))]
    assert names == ["20261121T182959Z-000001.rec", "20261121T183000Z-000002.rec"]


def test_the_oldest_segments_make_room(tmp_path):
    made = sink(tmp_path, segment_bytes=2000, budget_bytes=10_000)
    for n in range(400):
        made.frames([tick(n)], BEGAN_NS + n)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 12_000
    made.close()
    frames, _ = read(tmp_path)
    assert frames == [tick(n) for n in range(400 - len(frames), 400)]
    assert made.given_up_total > 3
    beside = {path.name.removesuffix(".idx") for path in tmp_path.glob("*.idx")}
    assert beside == {path.name for path in tmp_path.glob("*.rec")}


@pytest.mark.parametrize("closed", [True, False])
def test_a_recorder_that_comes_back_says_since_when_nobody_recorded(tmp_path, closed):
    made = sink(tmp_path)
    made.frames([tick(0), tick(5)], BEGAN_NS)
    if closed:
        made.close()
    again = sink(tmp_path, now_ns=BEGAN_NS + 60 * SECOND)
    again.frames([tick(6)], BEGAN_NS + 60 * SECOND)
    again.close()
    frames, gaps = read(tmp_path)
    assert frames == [tick(0), tick(5), tick(6)]
    assert gaps == [Gap("down", None, tick(5).received_ns, BEGAN_NS + 60 * SECOND)]
    assert [policy.number_of(path) for path in sorted(tmp_path.glob("*.rec"))] == [1, 2]


def test_an_old_segment_that_is_no_recording_stops_nothing(tmp_path):
    (tmp_path / "20200101T000000Z-000007.rec").write_bytes(b"garbage")
    made = sink(tmp_path)
    made.frames([tick(0)], BEGAN_NS)
    made.close()
    assert read(tmp_path) == ([tick(0)], [])
    assert made.path.name.endswith("-000008.rec")


def test_a_single_file_never_rotates_and_replaces_nothing(tmp_path):
    path = tmp_path / "one.rec"
    made = FileSink(path, BEGAN_NS)
    made.frames([tick(n) for n in range(1000)], BEGAN_NS + 10**15)
    made.note(Gap("bus", 1, 2, 3), BEGAN_NS)
    made.sync()
    made.close()
    assert made.bytes_total == path.stat().st_size
    assert len(read(tmp_path)[0]) == 1000
    with pytest.raises(FileExistsError):
        FileSink(path, BEGAN_NS)


def test_a_disk_that_is_full_from_the_beginning_leaves_no_file(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        sink(tmp_path)
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.integers(0, 100), min_size=1, max_size=20), st.integers(0, 800))
def test_no_more_is_given_up_than_needed(sizes, budget):
    kept = [Kept(str(place), size) for place, size in enumerate(sizes)]
    gone = policy.given_up(kept, budget)
    assert gone == [segment.path for segment in kept[: len(gone)]]
    assert len(gone) < len(kept)
    left = sum(sizes[len(gone) :])
    assert left <= budget or len(gone) == len(kept) - 1
    if gone:
        assert left + sizes[len(gone) - 1] > budget


def test_index_files_are_whole_or_not_there(tmp_path):
    made = sink(tmp_path)
    made.frames([tick(0)], BEGAN_NS)
    made.close()
    assert not list(tmp_path.glob("*.new"))
    (path,) = tmp_path.glob("*.rec")
    assert indexes.load(path, path.stat().st_size) is not None
