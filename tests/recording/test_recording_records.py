"""The records: whatever happens to the bytes, what was not touched is found again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recording.records import (
    FILE_MAGIC,
    HEADER_BYTES,
    MAGIC,
    MAX_RAW_BYTES,
    Damage,
    Kind,
    Packer,
    Record,
    Unpacker,
)

BODIES = st.lists(
    st.tuples(
        st.sampled_from(Kind), st.binary(max_size=60) | st.sampled_from([MAGIC * 20, b"\0" * 300])
    ),
    min_size=1,
    max_size=12,
)


def packed(bodies):
    """The segment's bytes, and where each record lies."""
    packer, data, places = Packer(), FILE_MAGIC, []
    for kind, body in bodies:
        record = packer.pack(kind, body)
        places.append((len(data), len(data) + len(record)))
        data += record
    return data, places


def scan(data, **options):
    return list(Unpacker().scan(data, **options))


@given(BODIES)
def test_what_was_packed_comes_out(bodies):
    data, places = packed(bodies)
    found = scan(data)
    assert [(r.kind, r.body) for r in found] == bodies
    assert [(r.offset, r.end) for r in found] == places
    assert [r.number for r in found] == list(range(len(bodies)))


@settings(max_examples=300)
@given(BODIES, st.data())
def test_every_record_without_a_damaged_byte_is_found(bodies, draw):
    """Any bits flipped anywhere, then cut anywhere."""
    data, places = packed(bodies)
    touched = bytearray(data)
    flips = draw.draw(st.lists(st.integers(0, len(data) * 8 - 1), max_size=6, unique=True))
    for bit in flips:
        touched[bit >> 3] ^= 1 << (bit & 7)
    cut = draw.draw(st.integers(0, len(data)))
    found = scan(bytes(touched[:cut]))
    whole = [
        (begin, end)
        for begin, end in places
        if end <= cut and not any(begin <= bit >> 3 < end for bit in flips)
    ]
    records = [f for f in found if isinstance(f, Record)]
    assert [(r.offset, r.end) for r in records] == whole
    by_place = dict(zip(places, bodies, strict=True))
    assert [(r.kind, r.body) for r in records] == [by_place[place] for place in whole]
    check_damage(found, places, cut, flips)


def check_damage(found, places, cut, flips):
    """Every byte is a record's or told as damage, and the lost ones are counted."""
    covered = len(FILE_MAGIC)
    if any(bit >> 3 < covered and bit >> 3 < cut for bit in flips) or cut < covered:
        covered = 0
    for item in found:
        assert item.offset == covered
        covered = item.end
    assert covered == cut if found else cut in {0, len(FILE_MAGIC)}
    expected = 0
    for item in found:
        if isinstance(item, Record):
            expected = item.number + 1
        elif item.lost is not None:
            expected += item.lost
    intact = sum(isinstance(item, Record) for item in found)
    told = sum(item.lost or 0 for item in found if isinstance(item, Damage))
    assert intact + told == expected <= len(places)


@given(st.binary(max_size=400))
def test_garbage_is_damage_and_nothing_else(data):
    assert all(isinstance(item, Damage) for item in scan(FILE_MAGIC + data))


@given(BODIES, st.data())
def test_reading_may_begin_at_any_record(bodies, draw):
    data, places = packed(bodies)
    number = draw.draw(st.integers(0, len(bodies) - 1))
    found = scan(data, start=places[number][0], number=number)
    assert [(r.kind, r.body) for r in found] == bodies[number:]
    first = Unpacker().first(data, places[number][0] - 1 if number else 0)
    assert first is not None
    assert first.number == number


def test_a_repeated_or_foreign_record_is_damage():
    """Records of another file, or twice the same, do not stand where they are."""
    one, two = Packer(), Packer()
    data = FILE_MAGIC + one.pack(Kind.FRAME, b"a")
    again = two.pack(Kind.FRAME, b"b")
    found = scan(data + again + one.pack(Kind.FRAME, b"c"))
    assert [f.body if isinstance(f, Record) else f.lost for f in found] == [b"a", 0, b"c"]


def test_a_record_has_a_bound():
    with pytest.raises(ValueError, match="2097152 bytes at most"):
        Packer().pack(Kind.FRAME, b"\0" * (MAX_RAW_BYTES + 1))


def test_a_tick_takes_little_space():
    """A typical one shrinks to less than a half by itself, its own header included."""
    body = (
        b"ZERODHA_NSE_RELIANCE_QUOTE\0" + bytes(24) + b'{"symbol":"RELIANCE","exchange":"NSE",'
        b'"ltp":1540.05,"ltt":1795000000000,"volume":123456,"timestamp":1795000000000,'
        b'"open":1530.0,"high":1541.0,"low":1529.5,"close":1528.3,"last_trade_quantity":5}'
    )
    assert HEADER_BYTES < len(Packer().pack(Kind.FRAME, body)) < len(body) / 2
