"""Frames and segments for the tests of recordings."""

import itertools

import pytest
from recorded_frames import BEGAN_NS

from recording.segment import Segment
from recording.writer import SegmentWriter


@pytest.fixture
def make_segment(tmp_path):
    """`make_segment(frames)`: a closed segment file with these; its path."""
    numbers = itertools.count(1)

    def make(frames, *, seal=True, name=None):
        number = next(numbers)
        path = tmp_path / (name or f"20261121T034500Z-{number:06d}.rec")
        writer = SegmentWriter(path, number, BEGAN_NS)
        writer.frames(frames)
        writer.seal() if seal else writer.abandon()
        return path

    return make


@pytest.fixture
def opened():
    """`opened(path)`: a segment that is closed with the test."""
    segments = []

    def make(path):
        segments.append(Segment(path))
        return segments[-1]

    yield make
    for segment in segments:
        segment.close()
