"""The records of a segment, pure: bytes to records and back, whatever happened to the bytes.

    magic A9 5D | kind u8 | dictionary u8 | number u32 | length u32 | crc u32 | body

Little-endian, 16 bytes before the body. The CRC-32 covers kind to length, and the body. A body
is one zstd frame without its magic number, made with the dictionary that is named; so each
record stands by itself, and damage costs the records that it touches and no other. `number`
counts from 0 in each segment, so that after damage it is known how many were lost.

A frame's body is the frame as it was on the bus (`bus.frames`); a note's is JSON
(`recording.notes`).
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from mmap import mmap
from typing import Final, NamedTuple, TypeAlias
from zlib import crc32

import zstandard

from recording.dictionary import DICTIONARY, VERSION

#: How a segment begins; the number is the format's version.
FILE_MAGIC: Final = b"OASREC1\n"
MAGIC: Final = b"\xa9\x5d"
_HEADER: Final = struct.Struct("<2sBBIII")
_CHECKED: Final = struct.Struct("<BBII")
HEADER_BYTES: Final = _HEADER.size
#: A frame has at most 1 MiB; zstd adds some bytes to what it cannot compress.
MAX_BODY_BYTES: Final = (1 << 20) + 4096
MAX_RAW_BYTES: Final = 1 << 21
#: Of zstd. Higher ones gain a twentieth of the size for half again the time.
LEVEL: Final = 3


class Kind(enum.IntEnum):
    FRAME = 1
    NOTE = 2


_KINDS: Final = frozenset(int(kind) for kind in Kind)


class Record(NamedTuple):
    """A record that is whole; `body` is what was recorded. `end` is the next one's offset."""

    offset: int
    end: int
    kind: int
    number: int
    body: bytes


class Damage(NamedTuple):
    """Bytes that are no record. `lost` records are missing; None: it cannot be known, since
    nothing follows."""

    offset: int
    end: int
    lost: int | None


Found: TypeAlias = Record | Damage
#: What a segment's bytes may lie in.
Data: TypeAlias = bytes | mmap


class Packer:
    """Bodies into records; counts them."""

    def __init__(self) -> None:
        self.number = 0
        self._compress = zstandard.ZstdCompressor(
            dict_data=DICTIONARY, compression_params=_PARAMETERS
        ).compress

    def pack(self, kind: Kind, raw: bytes) -> bytes:
        """The next record. Raises ValueError: longer than a record may be."""
        if len(raw) > MAX_RAW_BYTES:
            raise ValueError(f"a record holds {MAX_RAW_BYTES} bytes at most, was {len(raw)}")
        body = self._compress(raw)
        number = self.number
        self.number += 1
        crc = crc32(body, crc32(_CHECKED.pack(kind, VERSION, number, len(body))))
        return _HEADER.pack(MAGIC, kind, VERSION, number, len(body), crc) + body


class Unpacker:
    """Records out of bytes, from any offset, over any damage."""

    def __init__(self) -> None:
        self._decompress = zstandard.ZstdDecompressor(
            dict_data=DICTIONARY, format=zstandard.FORMAT_ZSTD1_MAGICLESS
        ).decompress

    def scan(
        self, data: Data, start: int = 0, end: int | None = None, number: int = 0
    ) -> Iterator[Found]:
        """Every record from `start` on, and the damage between them, in order.

        `start` is 0 or the offset of record `number`. Every record none of whose bytes is
        damaged is found.
        """
        size = len(data) if end is None else end
        offset, expected = start, number
        if start == 0 and data[: len(FILE_MAGIC)] == FILE_MAGIC:
            offset = len(FILE_MAGIC)
        while offset < size:
            record = self._at(data, offset, size)
            if record is None or record.number != expected:
                damage, record = self._recover(data, offset, size, expected)
                yield damage
                if record is None:
                    return
            yield record
            offset, expected = record.end, record.number + 1

    def first(self, data: Data, start: int) -> Record | None:
        """The first whole record at or after any offset; None: there is none."""
        place = data.find(MAGIC, start)
        while place >= 0:
            record = self._at(data, place, len(data))
            if record is not None:
                return record
            place = data.find(MAGIC, place + 1)
        return None

    def _recover(
        self, data: Data, offset: int, size: int, expected: int
    ) -> tuple[Damage, Record | None]:
        """The next record after damage. Its number must be one that can stand there."""
        place = data.find(MAGIC, offset, size)
        while place >= 0:
            record = self._at(data, place, size)
            if record is not None:
                lost = record.number - expected
                if 0 <= lost <= (place - offset) // HEADER_BYTES:
                    return Damage(offset, place, lost), record
            place = data.find(MAGIC, place + 1, size)
        return Damage(offset, size, None), None

    def _at(self, data: Data, offset: int, size: int) -> Record | None:
        """The record that begins here; None: there is no whole one."""
        begin = offset + HEADER_BYTES
        if begin > size:
            return None
        magic, kind, version, number, length, crc = _HEADER.unpack_from(data, offset)
        end = begin + length
        if magic != MAGIC or kind not in _KINDS or version != VERSION:
            return None
        if length > MAX_BODY_BYTES or end > size:
            return None
        body = data[begin:end]
        if crc32(body, crc32(data[offset + 2 : offset + 12])) != crc:
            return None
        try:
            raw = self._decompress(body, max_output_size=MAX_RAW_BYTES)
        except zstandard.ZstdError:
            return None
        return Record(offset, end, kind, number, raw)


_PARAMETERS: Final = zstandard.ZstdCompressionParameters.from_level(
    LEVEL,
    format=zstandard.FORMAT_ZSTD1_MAGICLESS,
    write_content_size=True,
    write_checksum=False,  # the record has one
    write_dict_id=False,  # and says which dictionary
)
