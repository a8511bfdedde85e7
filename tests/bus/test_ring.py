"""The byte ring of the shared-memory lane: what is read is what was written, come what may."""

import random
from mmap import mmap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.lane.ring import RESERVED, SMALLEST, Reader, Writer

SIZE = RESERVED + SMALLEST


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


blocks = st.lists(st.lists(st.integers(0, 90), min_size=1, max_size=4), min_size=1, max_size=120)


@given(blocks, st.lists(st.integers(0, 6), min_size=1))
def test_a_reader_gets_everything_in_order_or_knows_how_much_it_lost(written, pauses):
    memory = mmap(-1, SIZE)
    writer, reader = Writer(memory), Reader(memory)
    got = 0
    for turn, lengths in enumerate(written):
        write(writer, lengths)
        for _ in range(pauses[turn % len(pauses)]):
            got += take(reader)
    while count := take(reader):
        got += count
    assert got + reader.lost_total == writer.next - 1
    assert reader.next == writer.next


@given(blocks)
def test_a_reader_that_keeps_up_loses_nothing(written):
    memory = mmap(-1, SIZE)
    writer, reader = Writer(memory), Reader(memory)
    for lengths in written:
        write(writer, lengths)
        assert take(reader) == len(lengths)
        assert take(reader) == 0
    assert reader.lost_total == 0


@given(blocks, blocks)
def test_a_reader_begins_with_what_is_written_after_it_came(before, after):
    memory = mmap(-1, SIZE)
    writer = Writer(memory)
    for lengths in before:
        write(writer, lengths)
    reader = Reader(memory)
    assert reader.next == writer.next
    write(writer, after[0])
    assert take(reader) == len(after[0])
    assert reader.lost_total == 0


class LateMemory:
    """A second memory that learns the writer's stores byte by byte, in any order between
    places; only the stores to one byte come in their order, as on every processor."""

    def __init__(self, source, seed):
        self.memory = mmap(-1, SIZE)
        self._source = source
        self._seen = bytes(SIZE)
        self._late = []
        self._random = random.Random(seed)

    def note(self):
        now = self._source[:]
        for place, (old, new) in enumerate(zip(self._seen, now, strict=True)):
            if old != new:
                self._late.append((place, new))
        self._seen = now

    def arrive(self, count):
        for _ in range(min(count, len(self._late))):
            place, _ = self._random.choice(self._late[:400])
            first = next(i for i, (where, _) in enumerate(self._late) if where == place)
            self.memory[place] = self._late.pop(first)[1]

    def settle(self):
        for place, value in self._late:
            self.memory[place] = value
        self._late.clear()


@settings(max_examples=40)
@given(blocks, st.lists(st.integers(0, 300), min_size=1), st.integers(0, 1 << 32))
def test_stores_late_torn_and_in_any_order_never_give_a_wrong_message(written, arriving, seed):
    source = mmap(-1, SIZE)
    late = LateMemory(source, seed)
    writer, reader = Writer(source), Reader(late.memory)
    got = 0
    for turn, lengths in enumerate(written):
        write(writer, lengths)
        late.note()
        late.arrive(arriving[turn % len(arriving)])
        got += take(reader)
    late.settle()
    while count := take(reader):
        got += count
    assert got + reader.lost_total == writer.next - 1


@given(st.integers(0, 1 << 32))
def test_rubbish_in_the_memory_is_never_a_message(seed):
    memory = mmap(-1, SIZE)
    memory[:] = random.Random(seed).randbytes(SIZE)
    assert Reader(memory).read() == []


def test_a_flipped_bit_stops_a_block_and_the_milestone_mends_it():
    memory = mmap(-1, SIZE)
    writer, reader = Writer(memory), Reader(memory)
    write(writer, [50])
    memory[RESERVED + 20] ^= 1
    assert take(reader) == 0
    while reader.lost_total == 0:
        write(writer, [50])
        take(reader)
    assert reader.next == writer.next


def test_a_writer_that_dies_in_a_block_leaves_what_it_finished():
    memory = mmap(-1, SIZE)
    writer, reader = Writer(memory), Reader(memory)
    write(writer, [10, 20])
    finished = memory[:]
    write(writer, [300])
    memory[RESERVED + 200 :] = finished[RESERVED + 200 :]  # the rest of the block never came
    assert take(reader) == 2
    assert take(reader) == 0


def test_what_is_too_long_for_a_block_is_refused_and_leaves_no_trace():
    memory = mmap(-1, SIZE)
    writer, reader = Writer(memory), Reader(memory)
    with pytest.raises(ValueError, match="a block of this ring has 496"):
        writer.write([bytes(497)])
    write(writer, [10])
    assert take(reader) == 1


@pytest.mark.parametrize("size", [RESERVED, RESERVED + SMALLEST - 16, RESERVED + SMALLEST + 8])
def test_a_ring_too_small_or_crooked_is_refused(size):
    with pytest.raises(ValueError, match="at least 4096 bytes"):
        Writer(mmap(-1, size))
