"""The writer's end of a ring (`ring`)."""

from __future__ import annotations

from collections.abc import Sequence
from mmap import mmap

from bus.lane.ring import (
    ALIGN,
    BLOCK_HEAD,
    CHECKED_FORM,
    CLAIM,
    FORM,
    HEAD,
    IN_ORDER,
    MILESTONE_NUMBER,
    MILESTONE_POSITION,
    MILESTONE_TIE,
    ORDERED_FORM,
    RESERVED,
    ROUND,
    checksum,
    joined,
    ring_size,
    tied,
)


class Writer:
    """Writes into `memory`: `RESERVED` bytes, then the ring, a multiple of 128 bytes."""

    __slots__ = (
        "_at",
        "_boundary",
        "_eighth",
        "_lap",
        "_memory",
        "_ordered",
        "_size",
        "_words",
        "largest",
        "next",
    )

    def __init__(self, memory: mmap, *, ordered: bool = IN_ORDER) -> None:
        self._memory = memory
        self._words = memoryview(memory).cast("Q")
        self._size = ring_size(memory)
        self._eighth = self._size // 8
        self._ordered = ordered
        #: Where in the memory the next block begins; with the lap added: its position.
        self._at = RESERVED
        self._lap = -RESERVED
        #: Where in the memory the claim ends.
        self._boundary = RESERVED
        #: Number of the next message.
        self.next = 1
        #: Bytes that the messages of one `write` may have, with 4 for each.
        self.largest = self._eighth - BLOCK_HEAD
        self._words[FORM] = ORDERED_FORM if ordered else CHECKED_FORM

    def write(self, messages: Sequence[bytes]) -> None:
        """Put messages, at least one, as one block: readers get all of them or none yet.

        Raises:
            ValueError: together they are longer than `largest`.
        """
        count = len(messages)
        content = messages[0] if count == 1 else joined(messages)
        length = len(content)
        at = self._at
        end = at + ((length + ROUND) & -ALIGN)
        if end > self._boundary:
            at, end = self._enter(length, end - at)
        words, start = self._words, at + BLOCK_HEAD
        words[(at >> 3) + 1] = length | count << 32
        self._memory[start : start + length] = content
        if self._ordered:
            words[HEAD] = end + self._lap
        else:
            words[at >> 3] = checksum(content, self.next, count)
        self.next += count
        self._at = end

    def close(self) -> None:
        """Let go of the memory, so that its owner can close it."""
        self._words.release()

    def _enter(self, length: int, block: int) -> tuple[int, int]:
        """A block that ends behind what is claimed: where it begins and ends, when that is done.

        The last block of a lap has no messages, so there is always room for its head.
        """
        if length > self.largest:
            raise ValueError(f"{length} bytes; a block of this ring has {self.largest}")
        before, last = self._at, RESERVED + self._size - BLOCK_HEAD
        at = before if before + block <= last else RESERVED
        if at != before:
            self._lap += self._size
        end, eighth = at + block, self._eighth
        claimed = RESERVED - (RESERVED - end) // eighth * eighth
        self._words[CLAIM] = claimed + self._lap
        self._boundary = min(claimed, last)
        if at != before:
            self._pass_on(before)
        self._milestone(at + self._lap)
        return at, end

    def _pass_on(self, at: int) -> None:
        """A block without messages: what follows begins the next lap."""
        self._words[(at >> 3) + 1] = 0
        self._words[at >> 3] = checksum(b"", self.next, 0)

    def _milestone(self, position: int) -> None:
        words = self._words
        words[MILESTONE_NUMBER], words[MILESTONE_POSITION] = self.next, position
        words[MILESTONE_TIE] = tied(self.next, position)
