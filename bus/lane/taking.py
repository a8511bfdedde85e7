"""The readers' ends of a ring (`ring`): one for each form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from mmap import mmap
from typing import Final

from bus.lane.ring import (
    ALIGN,
    BLOCK_HEAD,
    CHECKED_FORM,
    CLAIM,
    FORM,
    HEAD,
    LOW,
    MILESTONE_NUMBER,
    MILESTONE_POSITION,
    MILESTONE_TIE,
    ORDERED_FORM,
    RESERVED,
    ROUND,
    checksum,
    parted,
    ring_size,
    tied,
)

#: Blocks that begin within so many bytes are taken at once.
_TAKEN: Final = 1 << 16


class Reader(ABC):
    """Reads what a `Writer` writes into the same memory from now on; never writes into it."""

    __slots__ = ("_at", "_lap", "_memory", "_size", "_words", "lost_total", "next")

    def __init__(self, memory: mmap) -> None:
        self._memory = memory
        self._words = memoryview(memory).cast("Q")
        self._size = ring_size(memory)
        #: Where in the memory the next block begins; with the lap added: its position.
        self._at = RESERVED
        self._lap = -RESERVED
        #: Number of the next message.
        self.next = 1
        #: Messages that the writer overwrote before they were read.
        self.lost_total = 0
        self._to_milestone()
        while self.read():
            pass  # what was written before is not for this reader
        self.lost_total = 0

    @abstractmethod
    def read(self) -> list[bytes]:
        """The messages of the next blocks; empty when there is none yet."""

    def close(self) -> None:
        """Let go of the memory, so that its owner can close it."""
        self._words.release()

    def _overrun(self) -> bool:
        """Whether our place was overwritten, or may be."""
        return self._words[CLAIM] - self._size > self._at + self._lap

    def _to_milestone(self) -> bool:
        """Go on there; False: it is caught while it is written, or there is none."""
        words = self._words
        number, position = words[MILESTONE_NUMBER], words[MILESTONE_POSITION]
        if number <= self.next or words[MILESTONE_TIE] != tied(number, position):
            return False
        self.lost_total += number - self.next
        self.next = number
        within = position % self._size
        self._at, self._lap = within + RESERVED, position - within - RESERVED
        return True


class OrderedReader(Reader):
    """Believes the order of stores: what lies before the head is there."""

    __slots__ = ()

    def read(self) -> list[bytes]:
        words, at, lap = self._words, self._at, self._lap
        head = words[HEAD]
        if head == at + lap:
            return []
        memory, end, found = self._memory, RESERVED + self._size, []
        stop = head - lap
        if stop > end or stop - at > _TAKEN:
            stop = min(at + _TAKEN, end)  # whatever an overrun lets us read
        while at < stop:
            about = words[(at >> 3) + 1]
            count, length = about >> 32, about & LOW
            start = at + BLOCK_HEAD
            content = memory[start : start + length]
            at += (length + ROUND) & -ALIGN
            if count == 1:
                found.append(content)
            elif self._overrun():
                break
            elif count:
                found += parted(content, count)
            else:
                at, lap = RESERVED, lap + self._size
                stop = min(head - lap, end)
        if self._overrun():
            return self.read() if self._to_milestone() else []
        self._at, self._lap = at, lap
        self.next += len(found)
        return found


class CheckedReader(Reader):
    """Believes checksums only."""

    __slots__ = ()

    def read(self) -> list[bytes]:
        while True:
            messages = self._block()
            if messages or (messages is None and not (self._overrun() and self._to_milestone())):
                return messages or []

    def _block(self) -> list[bytes] | None:
        """The messages of the block at our place, none where the lap ends; None when it is not
        there (yet, or any more)."""
        words, at = self._words, self._at
        word, number = at >> 3, self.next
        state = words[word]
        if state >> 32 != number & LOW:
            return None
        about = words[word + 1]
        length, count = about & LOW, about >> 32
        start = at + BLOCK_HEAD
        content = self._memory[start : start + length]
        if len(content) != length or checksum(content, number, count) != state:
            return None
        if not count:
            self._at = RESERVED
            self._lap += self._size
            return []
        self._at = at + ((length + ROUND) & -ALIGN)
        self.next += count
        return parted(content, count)


def reader_of(memory: mmap) -> Reader:
    """A reader for the form that the writer chose.

    Raises:
        ValueError: none that is known.
    """
    form = memoryview(memory).cast("Q")[FORM]
    if form == ORDERED_FORM:
        return OrderedReader(memory)
    if form == CHECKED_FORM:
        return CheckedReader(memory)
    raise ValueError("a ring of another version")
