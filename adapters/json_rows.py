"""JSON one value at a time, for masters of 50 MB that must not stand in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, TextIO

from adapters.errors import InstrumentsError

_CHUNK_CHARACTERS: Final = 1 << 20
_scan = json.JSONDecoder().raw_decode
_blank = re.compile(r"\s*").match


class JsonCursor:
    """A place in a text that is read as it goes."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._buffer = ""
        self._at = 0
        self._lines = 1
        self._is_whole = False

    @property
    def line(self) -> int:
        """Where it is; the first line is 1."""
        return self._lines + self._buffer.count("\n", 0, self._at)

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            gap = _blank(self._buffer, self._at)
            self._at = self._at if gap is None else gap.end()
            if self._at < len(self._buffer) or not self._read_on():
                return self._buffer[self._at : self._at + 1]

    def take(self, character: str) -> bool:
        """Go past a character, if it is the next."""
        if self.peek() != character:
            return False
        self._at += 1
        return True

    def value(self) -> Any:
        """Read a JSON value.

        Raises:
            ValueError: there is none, or it is torn.
            RecursionError: it is nested too deeply.
        """
        self.peek()
        while True:
            try:
                value, end = _scan(self._buffer, self._at)
            except ValueError:
                if not self._read_on():
                    raise
            else:  # a number may go on where the buffer ends: `1e+` is read as 1
                if end + 2 < len(self._buffer) or not self._read_on():
                    self._at = end
                    return value

    def rest_of_line(self) -> str:
        """Read to the end of the line, which is included; empty at the end."""
        while (end := self._buffer.find("\n", self._at) + 1) == 0:
            if not self._read_on():
                end = len(self._buffer)
                break
        line, self._at = self._buffer[self._at : end], end
        return line

    def _read_on(self) -> bool:
        """False: there is no more."""
        if self._is_whole:
            return False
        more = self._text.read(_CHUNK_CHARACTERS)
        if not more:
            self._is_whole = True
            return False
        self._lines = self.line
        self._buffer, self._at = self._buffer[self._at :] + more, 0
        return True


def json_rows(text: TextIO, expected: str) -> Iterator[dict[str, Any]]:
    """Every object of a list of objects; `expected` says what list that is to be.

    Raises:
        InstrumentsError: it is no list of objects, or it is torn; names the row.
    """
    cursor, row = JsonCursor(text), 0
    if not cursor.take("["):
        raise InstrumentsError(f"no JSON list; expected {expected}, fetch it anew")
    try:
        for value in list_values(cursor):
            if not isinstance(value, dict):
                raise InstrumentsError(f"row {row}: no object; expected {expected}, fetch it anew")
            yield value
            row += 1
    except (ValueError, RecursionError) as error:
        raise InstrumentsError(f"row {row}: {error}; expected {expected}, fetch it anew") from None


def list_values(cursor: JsonCursor) -> Iterator[Any]:
    """The values of a list whose bracket was taken; raises as `JsonCursor.value`."""
    while not cursor.take("]"):
        yield cursor.value()
        if not cursor.take(",") and cursor.peek() != "]":
            raise ValueError("a list that does not go on")
