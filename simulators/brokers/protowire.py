"""Protobuf's wire format, writing only: what simulators encode broker's messages with.

Written by hand so that an adapter's generated schema meets bytes that do not come from it.
As in proto3, a field that is 0 or empty is not written.
"""

from __future__ import annotations

import struct
from typing import Final

_VARINT: Final = 0
_FIXED64: Final = 1
_LENGTH: Final = 2
_MASK64: Final = 2**64 - 1
_pack_double = struct.Struct("<d").pack


def varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative number has ten bytes."""
    value &= _MASK64
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


#: Tags by wire type and field number; a schema has few.
_TAGS: Final = [[varint(number << 3 | kind) for number in range(32)] for kind in range(3)]


def integer(number: int, value: int) -> bytes:
    """A field of type int64, or an enum."""
    return _TAGS[_VARINT][number] + varint(value) if value else b""


def double(number: int, value: float) -> bytes:
    return _TAGS[_FIXED64][number] + _pack_double(value) if value else b""


def nested(number: int, body: bytes) -> bytes:
    """A message inside a message; one that is there and empty is written."""
    return _TAGS[_LENGTH][number] + varint(len(body)) + body


def text(number: int, value: str) -> bytes:
    return nested(number, value.encode()) if value else b""
