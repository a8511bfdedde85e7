"""The objects of a JSON list one at a time, for masters of 50 MB that must not stand in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, TextIO

from adapters.errors import InstrumentsError

_CHUNK_CHARACTERS: Final = 1 << 20
_scan = json.JSONDecoder().raw_decode
_between = re.compile(r"[\s,]*").match


def json_rows(text: TextIO, expected: str) -> Iterator[dict[str, Any]]:
    """Every object of a list of objects; `expected` says what list that is to be.

    Raises:
        InstrumentsError: it is no list of objects, or it is torn; names the row.
    """
    buffer, at, row = text.read(_CHUNK_CHARACTERS).lstrip(), 1, 0
    if not buffer.startswith("["):
        raise InstrumentsError(f"no JSON list; expected {expected}, fetch it anew")
    while True:
        at = _end_of_gap(buffer, at)
        try:
            if buffer[at : at + 1] == "]":
                return
            value, at = _scan(buffer, at)
        except (ValueError, RecursionError) as error:
            more = text.read(_CHUNK_CHARACTERS)
            if not more or isinstance(error, RecursionError):
                raise InstrumentsError(
                    f"row {row}: {error}; expected {expected}, fetch it anew"
                ) from None
            buffer, at = buffer[at:] + more, 0  # the object goes on there
            continue
        if not isinstance(value, dict):
            raise InstrumentsError(f"row {row}: no object; expected {expected}, fetch it anew")
        yield value
        row += 1


def _end_of_gap(buffer: str, at: int) -> int:
    gap = _between(buffer, at)
    return at if gap is None else gap.end()
