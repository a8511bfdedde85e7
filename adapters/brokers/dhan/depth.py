"""Dhan's deep books, of 20 and of 200 levels: each side in a packet of its own.

Header of 12 bytes, in another order than the feed's: uint16 length with the header, uint8
code (41 bids, 51 asks, 50 disconnect), uint8 segment, uint32 security id, and an uint32 that
is a sequence number at 20 levels and the number of rows at 200. Rows are float64 price,
uint32 quantity, uint32 orders. There is no last price and no time.
Sources: dhanhq 2.3.0 `FullDepth`, dhanhq.co/docs/v2/full-market-depth.
"""

from __future__ import annotations

import struct
from math import isfinite
from operator import itemgetter
from typing import Final

from adapters.brokers.dhan.wire import disconnected, key
from adapters.codec import Account, Book, Codec, Decoded, Notice, Row, Tick, WireFrame
from adapters.errors import MalformedError, TruncatedError
from bus.topics import Mode

_BIDS, _ASKS, _DISCONNECT = 41, 51, 50
_HEADER_SIZE: Final = 12
_ROW: Final = struct.Struct("<dII")

_read_header = struct.Struct("<HBBII").unpack_from
_read_short = struct.Struct("<H").unpack_from
_price = itemgetter(0)


class DepthReader(Codec):
    """The reading half of a connection for books: a tick when both sides have come.

    `levels` is 20, where packets always hold as many rows, or 200, where they say how many.
    """

    levels: int

    def __init__(self, account: Account, stream: str) -> None:
        super().__init__(account, stream)
        #: Instrument -> code and rows of the side that waits for the other one.
        self._waiting: dict[str, tuple[int, list[Row]]] = {}

    def read(self, frame: WireFrame, out: Decoded) -> None:
        """Take a frame apart.

        Raises:
            TruncatedError: it ends within a packet.
            MalformedError: a packet of another size than its rows need, of no segment, or
                with a price that is no number.
            BrokerError: the server ends the connection.
        """
        if isinstance(frame, str):
            out.events.append(Notice(frame))
            return
        size, start = len(frame), 0
        while start < size:
            if start + _HEADER_SIZE > size:
                raise TruncatedError(f"a packet's header at byte {start} of {size}")
            length, code, segment, number, count = _read_header(frame, start)
            if length < _HEADER_SIZE:
                raise MalformedError(f"a packet of {length} bytes")
            end = start + length
            if end > size:
                raise TruncatedError(f"a packet of {length} bytes at byte {start} of {size}")
            if code in {_BIDS, _ASKS}:
                rows = self._rows(frame, start + _HEADER_SIZE, end, count)
                self._add(key(segment, number), code, rows, out.ticks)
            elif code == _DISCONNECT:
                # Behind the header, as in the feed; the SDK looks for it where the count is.
                behind = start + _HEADER_SIZE
                raise disconnected(_read_short(frame, behind)[0] if behind + 2 <= end else count)
            start = end

    def _rows(self, frame: bytes, start: int, end: int, count: int) -> list[Row]:
        if self.levels == 20:
            count = 20
        if count > self.levels or end - start < count * _ROW.size:
            raise MalformedError(f"{count} rows of a book in {end - start} bytes")
        rows: list[Row] = list(_ROW.iter_unpack(frame[start : start + count * _ROW.size]))
        if not isfinite(sum(map(_price, rows))):
            raise MalformedError("a book with a price that is no number")
        return rows

    def _add(self, name: str, code: int, rows: list[Row], ticks: list[Tick]) -> None:
        waiting = self._waiting.pop(name, None)
        if waiting is None or waiting[0] == code:
            self._waiting[name] = code, rows
        else:
            book = Book(rows, waiting[1]) if code == _BIDS else Book(waiting[1], rows)
            ticks.append(Tick(name, Mode.DEPTH, depth=book))
