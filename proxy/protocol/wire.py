"""WebSocket frames as a server sends them: unmasked, unfragmented, uncompressed.

Such a frame is the same for every client, which is what makes it worth building only once.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

_FINAL_TEXT: Final = 0x81
_FINAL_BINARY: Final = 0x82
_SHORT: Final = 126
_LONG: Final = 127

_pack_short = struct.Struct(">BBH").pack
_pack_long = struct.Struct(">BBQ").pack


@lru_cache(maxsize=8192)  # the lengths that ticks have are few; a look-up beats packing
def text_header(length: int) -> bytes:
    """The header of a text frame whose payload has that many bytes."""
    return _header(_FINAL_TEXT, length)


def text_frame(payload: bytes) -> bytes:
    """A whole text frame; the payload is UTF-8."""
    return text_header(len(payload)) + payload


def binary_frame(payload: bytes) -> bytes:
    """A whole binary frame."""
    return _header(_FINAL_BINARY, len(payload)) + payload


def _header(first: int, length: int) -> bytes:
    if length < _SHORT:
        return bytes((first, length))
    if length <= 0xFFFF:
        return _pack_short(first, _SHORT, length)
    return _pack_long(first, _LONG, length)
