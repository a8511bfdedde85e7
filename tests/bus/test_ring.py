"""The byte ring of the shared-memory lane: what is read is what was written, come what may."""

import random
from itertools import cycle
from mmap import mmap

import pytest
from delayed_stores import Delayed
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.lane.putting import Writer
from bus.lane.ring import FORM, RESERVED, SMALLEST
from bus.lane.taking import reader_of

SIZE = RESERVED + SMALLEST

both_forms = pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "checked"])


def message(number, length):
    """Content that tells its own number, so that a mixture of two is seen."""
    return (b"%d|" % number) + random.Random(number).randbytes(length)


def write(writer, lengths):
    writer.write([message(writer.next + i, length) for i, length in enumerate(lengths)])


def check(messages, first):
    for i, found in enumerate(messages):
        assert found.startswith(b"%d|" % (first + i))
        assert found == message(first + i, len(found) - len(b"%d|" % (first + i)))


def take(reader):
    """One read, checked: how many messages it gave."""
    before, lost = reader.next, reader.lost_total
    messages = reader.read()
    check(messages, before + reader.lost_total - lost)
    assert reader.next == before + (reader.lost_total - lost) + len(messages)
    return len(messages)


def ends(memory, ordered):
    return Writer(memory, ordered=ordered), reader_of(memory)


arrivals = st.lists(st.sampled_from([0, 0, 0, 0, 1, 3, 8, 30, 300]), min_size=1, max_size=40)
blocks = st.lists(st.lists(st.integers(0, 90), min_size=1, max_size=4), min_size=1, max_size=120)
large_blocks = st.lists(
    st.lists(st.integers(0, 110), min_size=1, max_size=4), min_size=20, max_size=60
)


@both_forms
@given(blocks, st.lists(st.integers(0, 6), min_size=1))
def test_a_reader_gets_everything_in_order_or_knows_how_much_it_lost(ordered, written, pauses):
    writer, reader = ends(mmap(-1, SIZE), ordered)
    got = 0
    for turn, lengths in enumerate(written):
        write(writer, lengths)
        for _ in range(pauses[turn % len(pauses)]):
            got += take(reader)
    while count := take(reader):
        got += count
    assert got + reader.lost_total == writer.next - 1
    assert reader.next == writer.next


@both_forms
@given(blocks)
def test_a_reader_that_keeps_up_loses_nothing(ordered, written):
    writer, reader = ends(mmap(-1, SIZE), ordered)
    for lengths in written:
        write(writer, lengths)
        assert take(reader) == len(lengths)
        assert take(reader) == 0
    assert reader.lost_total == 0


@both_forms
@given(st.integers(1, 400), st.integers(0, 60))
def test_a_reader_that_is_less_than_seven_eighths_behind_loses_nothing(ordered, before, length):
    writer, reader = ends(mmap(-1, SIZE), ordered)
    for _ in range(before):
        write(writer, [length])
        take(reader)
    room, written = SMALLEST * 7 // 8 - 2 * (length + 48), 0
    while room > 0:
        write(writer, [length])
        room -= length + 48
        written += 1
    got = 0
    while count := take(reader):
        got += count
    assert (got, reader.lost_total) == (written, 0)


@both_forms
@given(blocks, blocks)
def test_a_reader_begins_with_what_is_written_after_it_came(ordered, before, after):
    memory = mmap(-1, SIZE)
    writer = Writer(memory, ordered=ordered)
    for lengths in before:
        write(writer, lengths)
    reader = reader_of(memory)
    assert reader.next == writer.next
    write(writer, after[0])
    assert take(reader) == len(after[0])
    assert reader.lost_total == 0


@both_forms
@settings(max_examples=60)
@given(large_blocks, st.lists(st.integers(0, 3), min_size=1), arrivals, st.integers(0, 1 << 32))
def test_stores_as_late_and_torn_as_can_be_never_give_a_wrong_message(
    ordered, written, turns, arriving, seed
):
    memory = mmap(-1, SIZE)
    writer, reader = ends(memory, ordered)
    late = Delayed(writer, reader, memory, seed, ordered=ordered)
    late.arrivals = cycle(arriving)
    got = 0
    for turn, lengths in enumerate(written):
        write(writer, lengths)
        for _ in range(turns[turn % len(turns)]):
            got += take(reader)
    late.settle()
    while count := take(reader):
        got += count
    assert got + reader.lost_total == writer.next - 1


@both_forms
@settings(max_examples=200)
@given(st.sampled_from([(96, 31), (470, 7)]), st.integers(1, 12), arrivals, st.integers(0, 1 << 32))
def test_a_copy_that_the_writer_catches_up_with_is_thrown_away(ordered, lap, ahead, arriving, seed):
    length, blocks_of_a_lap = lap
    memory = mmap(-1, SIZE)
    writer, reader = ends(memory, ordered)
    late = Delayed(writer, reader, memory, seed, ordered=ordered)
    for _ in range(blocks_of_a_lap):
        write(writer, [length])
    late.settle()
    for _ in range(ahead):  # the first of these begins where the reader is
        write(writer, [length])
    late.arrivals = iter(arriving)
    got = take(reader)
    late.settle()
    while count := take(reader):
        got += count
    assert got + reader.lost_total == writer.next - 1


@both_forms
def test_a_writer_that_dies_in_a_block_leaves_what_it_finished(ordered):
    memory = mmap(-1, SIZE)
    writer, reader = ends(memory, ordered)
    late = Delayed(writer, reader, memory, 1, ordered=ordered)
    write(writer, [10, 20])
    late.settle()
    write(writer, [300])
    late.lose_the_last_store()
    late.settle()
    assert take(reader) == 2
    assert take(reader) == 0


@both_forms
def test_what_is_too_long_for_a_block_is_refused_and_leaves_no_trace(ordered):
    writer, reader = ends(mmap(-1, SIZE), ordered)
    with pytest.raises(ValueError, match="a block of this ring has 496"):
        writer.write([bytes(497)])
    writer.write([bytes(496)])
    assert reader.read() == [bytes(496)]
    write(writer, [10])
    reader.next = 2
    assert take(reader) == 1


@both_forms
@pytest.mark.parametrize("size", [RESERVED, RESERVED + SMALLEST - 128, RESERVED + SMALLEST + 16])
def test_a_ring_too_small_or_crooked_is_refused(ordered, size):
    with pytest.raises(ValueError, match="at least 4096 bytes"):
        Writer(mmap(-1, size), ordered=ordered)


@given(st.integers(0, 1 << 32))
def test_rubbish_in_the_memory_is_never_a_message(seed):
    memory = mmap(-1, SIZE)
    Writer(memory, ordered=False)
    form = memory[8 * FORM : 8 * FORM + 8]
    memory[:] = random.Random(seed).randbytes(SIZE)
    memory[8 * FORM : 8 * FORM + 8] = form
    assert reader_of(memory).read() == []


def test_a_flipped_bit_stops_a_checked_block_and_the_milestone_mends_it():
    memory = mmap(-1, SIZE)
    writer, reader = ends(memory, False)
    write(writer, [50])
    memory[RESERVED + 20] ^= 1
    assert take(reader) == 0
    while reader.lost_total == 0:
        write(writer, [50])
        take(reader)
    while take(reader):
        pass
    assert reader.next == writer.next


def test_a_ring_of_a_form_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="another version"):
        reader_of(mmap(-1, SIZE))
