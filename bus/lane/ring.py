"""A byte ring of numbered messages: one writer, any number of readers, none waits for another.

The writer puts *blocks* one behind the other, a block being the messages of one `write`:

    word 0   checked form: low half CRC-32 of the body, high half the low 32 bits of the first
             message's number
    body     word 1 (low half: bytes that follow; high half: how many messages),
             lengths of the messages (32 bits each; only when there are several), messages

in 64-bit words of the machine's byte order, blocks on multiples of 16 bytes. A block that does
not fit before the end is preceded by one with no messages, and the next begins the next lap.
*Positions* count bytes over all laps. Before the ring lies a page with a few words:

    milestone   number and position of the first block that entered the newest eighth of the ring
    claim       the writer may be writing anywhere before this position
    head        ordered form: the position behind the last whole block

**Why this is right.** Python has no memory fences. Two forms need none; the writer chooses once
and says which in the page.

*Ordered*, for CPython on x86-64, whose stores become visible in the order of the program and whose
loads happen in it (Intel SDM volume 3, 8.2.2; AMD APM volume 2, 7.2). A word is one aligned
8-byte store or load of the interpreter's. The writer stores claim, then block, then head; so who
sees a head sees the blocks before it, and who copied bytes that a later lap stored there sees,
looking at the claim after the copy, that it reached them: the copy is thrown away.

*Checked*, for all other processors: no order of stores is believed. A reader takes a copy of a
block only if its checksum, seeded with the number that it waits for, is that of word 0. A store
that is late, early or torn leaves a copy that does not match: not ready. What does match is what
was written, with an error of 2^-32 for a block caught in that moment.

In both a writer that died half way leaves a block that nobody takes. `tests/bus/test_ring.py`
replays the stores of either form as late and as torn as its processors allow, between any two
loads of a reader.

**Overruns.** The writer never looks at readers. One whose position is more than a ring behind the
claim goes on at the milestone and knows from the numbers how many messages it lost.

Here is the layout; `putting` writes it, `taking` reads it.
"""

from __future__ import annotations

import platform
import sys
from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise
from mmap import mmap
from typing import Final
from zlib import crc32

#: Bytes before the blocks: a page with the words below, and with what the ring's owner puts there.
RESERVED: Final = 4096
#: Where the owner's part of that page begins.
OWNER: Final = 512
SMALLEST: Final = 4096

#: Whether the ordered form is right here.
IN_ORDER: Final = sys.implementation.name == "cpython" and platform.machine().lower() in (
    "x86_64",
    "amd64",
)

#: Indices of the page's words: claim and head have cache lines of their own, and the form says
#: what else lies there.
MILESTONE_NUMBER: Final = 0
MILESTONE_POSITION: Final = 1
MILESTONE_TIE: Final = 2
FORM: Final = 3
CLAIM: Final = 16
HEAD: Final = 32
CHECKED_FORM: Final = 0x1A2E_0001
ORDERED_FORM: Final = 0x1A2E_0002

LOW: Final = 0xFFFF_FFFF
ALIGN: Final = 16
#: Bytes of words 0 and 1; and what makes a content's length its block's, rounded down.
BLOCK_HEAD: Final = 16
ROUND: Final = BLOCK_HEAD + ALIGN - 1
#: Odd multipliers: what is made of several numbers with them matches no other likely ones.
_TIE: Final = 0x9E37_79B9_7F4A_7C15
_COUNT_TIE: Final = 0x9E37_79B1


def ring_size(memory: mmap) -> int:
    """Bytes of the ring in a memory.

    Raises:
        ValueError: no ring can lie there.
    """
    size = len(memory) - RESERVED
    if size < SMALLEST or size % (8 * ALIGN):
        raise ValueError(f"a ring has at least {SMALLEST} bytes, and a multiple of {8 * ALIGN}")
    return size


def tied(number: int, position: int) -> int:
    """What a milestone that is whole has as its third word."""
    return (number * _TIE + position) & ((1 << 64) - 1)


def checksum(content: bytes, number: int, count: int) -> int:
    """Word 0 of a block in the checked form."""
    low = number & LOW
    return low << 32 | crc32(content, (low ^ len(content) ^ count * _COUNT_TIE) & LOW)


def joined(messages: Sequence[bytes]) -> bytes:
    """Several messages as a block's content."""
    return b"".join((array("I", map(len, messages)).tobytes(), *messages))


def parted(content: bytes, count: int) -> list[bytes]:
    """The messages, one or more, of a block's content."""
    if count == 1:
        return [content]
    lengths = memoryview(content)[: 4 * count].cast("I")
    return [content[a:b] for a, b in pairwise(accumulate(lengths, initial=4 * count))]
