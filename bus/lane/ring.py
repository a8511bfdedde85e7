"""A byte ring of numbered messages: one writer, any number of readers, none waits for another.

The writer puts *blocks* one behind the other, a block being the messages of one `write`:

    word 0   low half: CRC-32 of the body; high half: low 32 bits of the first message's number
    body     word 1 (low half: bytes that follow; high half: how many messages),
             lengths of the messages (32 bits each; only when there are several), messages

in 64-bit words of the machine's byte order, blocks on multiples of 16 bytes. A block that
does not fit before the end is preceded by one with no messages, and the next begins at 0.

**Why this is right on any processor.** Python has no memory fences, and the ring needs none: a
reader believes no order of stores. It copies a block to memory of its own and takes it only
if the copy's checksum, seeded with the number that the reader waits for, is that of word 0. A
store that is late, early or torn, a writer that died half way and one that laps the reader
all leave a copy that does not match: not ready. What does match is what was written, with an
error of 2^-32 for a block caught in that moment. `tests/bus/test_ring.py` replays stores in
any order, torn at any byte.

**Overruns.** The writer never looks at readers. Each time that it enters a half of the ring it
leaves a *milestone*: number and place of the first block there. A reader whose number is
behind the milestone's by more than the half that it is in finds its place overwritten, goes on
at the milestone and knows from the numbers how many messages it lost.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise
from mmap import mmap
from typing import Final
from zlib import crc32

#: Bytes before the blocks: a page with the milestone, and with what the ring's owner puts there.
RESERVED: Final = 4096
#: Where the owner's part of that page begins.
OWNER: Final = 64
SMALLEST: Final = 4096

_LOW: Final = 0xFFFF_FFFF
_ALIGN: Final = 16
#: Words 0 and 1.
_HEAD: Final = 16
#: Odd multipliers: what is made of several numbers with them matches no other likely ones.
_TIE: Final = 0x9E37_79B9_7F4A_7C15
_COUNT_TIE: Final = 0x9E37_79B1


class Writer:
    """Writes into `memory`: `RESERVED` bytes, then the ring, a multiple of 16 bytes."""

    def __init__(self, memory: mmap) -> None:
        self._memory = memory
        self._words = memoryview(memory).cast("Q")
        self._size = _ring_size(memory)
        self._at = 0
        #: Where the half ends in which the next block begins.
        self._boundary = 0
        #: Number of the next message.
        self.next = 1
        #: Bytes that the messages of one `write` may have, with 4 for each.
        self.largest = self._size // 8 - _HEAD

    def write(self, messages: Sequence[bytes]) -> None:
        """Put messages, at least one, as one block: readers get all of them or none yet.

        Raises:
            ValueError: together they are longer than `largest`.
        """
        count = len(messages)
        content = messages[0] if count == 1 else _joined(messages)
        length = len(content)
        end = self._at + ((length + _HEAD + _ALIGN - 1) & -_ALIGN)
        if end > self._boundary or length > self.largest:
            end = self._enter(length, end)
        self._put(count, content, length)
        self.next += count
        self._at = end

    def close(self) -> None:
        """Let go of the memory, so that its owner can close it."""
        self._words.release()

    def _put(self, count: int, content: bytes, length: int) -> None:
        number, place = self.next & _LOW, RESERVED + self._at
        words, word = self._words, place >> 3
        words[word + 1] = length | count << 32
        place += _HEAD
        self._memory[place : place + length] = content
        words[word] = number << 32 | crc32(content, (number ^ length ^ count * _COUNT_TIE) & _LOW)

    def _enter(self, length: int, end: int) -> int:
        """A block that ends past the boundary: where it ends, after what that calls for."""
        if length > self.largest:
            raise ValueError(f"{length} bytes; a block of this ring has {self.largest}")
        if end > self._size:
            if self._at < self._size:
                self._put(0, b"", 0)
            end -= self._at
            self._at = 0
        half = self._size // 2
        boundary = half if self._at < half else self._size
        if boundary != self._boundary or self._at == 0:
            self._boundary = boundary
            self._milestone(self._at)
        return end

    def _milestone(self, at: int) -> None:
        words = self._words
        words[0], words[1], words[2] = self.next, at, _tied(self.next, at)


class Reader:
    """Reads what a `Writer` writes into the same memory from now on; never writes into it."""

    def __init__(self, memory: mmap) -> None:
        self._memory = memory
        self._words = memoryview(memory).cast("Q")
        self._size = _ring_size(memory)
        self._at = 0
        #: Number of the next message.
        self.next = 1
        #: Messages that the writer overwrote before they were read.
        self.lost_total = 0
        while self._block() is not None or self._overrun():
            pass  # what was written before is not for this reader
        self.lost_total = 0

    def read(self) -> list[bytes]:
        """The next block's messages; empty when there is none yet."""
        while True:
            messages = self._block()
            if messages or (messages is None and not self._overrun()):
                return messages or []

    def close(self) -> None:
        """Let go of the memory, so that its owner can close it."""
        self._words.release()

    def _block(self) -> list[bytes] | None:
        """The messages of the block at our place, none where the ring begins anew; None when
        it is not there (yet, or any more)."""
        words, place = self._words, RESERVED + self._at
        word, number = place >> 3, self.next & _LOW
        state = words[word]
        if state >> 32 != number:
            return None
        head = words[word + 1]
        length, count = head & _LOW, head >> 32
        if length > self._size - self._at - _HEAD:
            return None
        content = self._memory[place + _HEAD : place + _HEAD + length]
        if crc32(content, (number ^ length ^ count * _COUNT_TIE) & _LOW) != state & _LOW:
            return None
        at = self._at + ((length + _HEAD + _ALIGN - 1) & -_ALIGN)
        self._at = at if count and at < self._size else 0
        self.next += count
        return _parted(content, count)

    def _overrun(self) -> bool:
        """Whether our place was overwritten; then we are at the milestone now."""
        words = self._words
        number = words[0]
        if number <= self.next:
            return False
        at = words[1]
        if words[2] != _tied(number, at) or at >= self._size:
            return False  # caught while it is written: look again
        self.lost_total += number - self.next
        self.next, self._at = number, at
        return True


def _ring_size(memory: mmap) -> int:
    size = len(memory) - RESERVED
    if size < SMALLEST or size % _ALIGN:
        raise ValueError(f"a ring has at least {SMALLEST} bytes, and a multiple of {_ALIGN}")
    return size


def _tied(number: int, at: int) -> int:
    return (number * _TIE + at) & ((1 << 64) - 1)


def _joined(messages: Sequence[bytes]) -> bytes:
    return b"".join((array("I", map(len, messages)).tobytes(), *messages))


def _parted(content: bytes, count: int) -> list[bytes]:
    if count <= 1:
        return [content] * count
    lengths = memoryview(content)[: 4 * count].cast("I")
    return [content[a:b] for a, b in pairwise(accumulate(lengths, initial=4 * count))]
