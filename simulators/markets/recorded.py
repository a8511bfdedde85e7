"""Recorded market data: which format a file has, and the market that plays it.

| content | format | module |
|---|---|---|
| `{"t":..., "k":..., "ff":...}` a line | Upstox v3 full feed, as JSON | `recorded_upstox` |
| `YYYY-MM-DD HH:MM:SS,value` a line | NIFTY 50, once a second | `recorded_index` |
| base64 of one Kite packet a line | Kite's binary packets | `recorded_kite` |

Each may be packed with gzip. Rows are played in the file's order, none dropped.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Final

from simulators.errors import DataError
from simulators.markets.recorded_index import IndexRecording
from simulators.markets.recorded_kite import KiteRecording
from simulators.markets.recorded_upstox import UpstoxRecording
from simulators.markets.textfile import lines

if TYPE_CHECKING:
    from pathlib import Path

    from simulators.markets.market import Market

_INDEX_ROW: Final = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,")


def load(data: Path, master: Path | None = None) -> Market:
    """The market that a recorded file holds.

    Reads the file once where its instruments must be found (about a second for a quarter of
    a million rows); events are read again, as they are played.

    Raises:
        DataError: no such file, or not of a format above.
    """
    first = next(lines(data), b"").strip()
    if first.startswith(b"{"):
        return UpstoxRecording(data, master)
    if _INDEX_ROW.match(first):
        return IndexRecording(data)
    try:
        binascii.a2b_base64(first, strict_mode=True)
    except binascii.Error:
        first = b""
    if first:
        return KiteRecording(data, master)
    raise DataError(
        data,
        "neither Upstox JSON lines, nor `time,value` rows of an index, nor base64 Kite packets; "
        "give a file of one of these, or none for the synthetic market",
    )
