import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import frames
from bus.errors import FrameError
from bus.frames import HEADER_BYTES, Kind

uint8, uint32, uint64 = (st.integers(0, 2**bits - 1) for bits in (8, 32, 64))
topics = st.binary(min_size=1, max_size=100).map(lambda b: b.replace(b"\0", b"_"))


def test_the_header_has_the_documented_size_and_order():
    frame = frames.encode(b"T\0", Kind.TICK, 1, 2, 3, 4, b"{}")
    assert HEADER_BYTES == 24
    assert frame == (
        b"T\0"
        + bytes([1, 1])
        + b"\x01\x00"
        + b"\x02\0\0\0"
        + b"\x03"
        + bytes(7)
        + b"\x04"
        + bytes(7)
        + b"{}"
    )


@given(
    topics, st.sampled_from(Kind), st.integers(0, 2**16 - 1), uint32, uint64, uint64, st.binary()
)
def test_decode_is_the_inverse_of_encode(topic, kind, flags, generation, seq, received, payload):
    data = frames.encode(topic + b"\0", kind, flags, generation, seq, received, payload)
    assert frames.decode(data) == (topic, kind, flags, generation, seq, received, payload)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_refused(data):
    try:
        frame = frames.decode(data)
    except FrameError:
        return
    assert frames.encode(frame.topic + b"\0", Kind(frame.kind), *frame[2:6], frame.payload) == data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no topic"),
        (b"\0" + bytes(24), "no topic"),
        (b"TOPIC", "no topic"),
        (b"T\0" + bytes(23), "cut short"),
        (b"T\0\x02\x01" + bytes(22), "version 2"),
        (b"T\0\x01\x07" + bytes(22), "unknown kind 7"),
    ],
)
def test_damage_is_named(data, reason):
    with pytest.raises(FrameError, match=reason):
        frames.decode(data)
