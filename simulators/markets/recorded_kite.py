"""Kite's own packets as captured: base64 of one packet a line, played one a second."""

from __future__ import annotations

import binascii
import logging
from typing import TYPE_CHECKING

from simulators.brokers.zerodha import packets as kite_packets
from simulators.errors import DataError
from simulators.markets.market import Event, Instrument, Snapshot
from simulators.markets.masters import from_kite
from simulators.markets.textfile import lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

log = logging.getLogger("simulators")

_EXCHANGES = {
    number: exchange
    for exchange, number in kite_packets.SEGMENTS.items()
    if exchange not in ("BSE_INDEX", "MCX_INDEX", "CDS_INDEX")
}


class KiteRecording:
    """A few captured packets; read at once, for captures are small.

    Raises:
        DataError: a line is no packet.
    """

    starts_on_demand: bool = True

    def __init__(self, path: Path, master: Path | None = None) -> None:
        numbers: dict[int, int] = {}
        self._snapshots: list[Snapshot] = []
        for line_number, line in enumerate(lines(path), 1):
            try:
                packet = binascii.a2b_base64(line)
                token = int.from_bytes(packet[:4], "big")
                number = numbers.setdefault(token, len(numbers))
                self._snapshots.append(kite_packets.decode(packet, number)[1])
            except ValueError as problem:
                text = f"not base64 of a Kite packet: {problem}"
                raise DataError(path, text, line=line_number) from problem
        self.instruments: Sequence[Instrument] = [
            _instrument(token, path, master) for token in numbers
        ]

    def events(self) -> Iterator[Event]:
        """The packets in order."""
        for second, snapshot in enumerate(self._snapshots):
            yield Event(float(second), snapshot)


def _instrument(token: int, path: Path, master: Path | None) -> Instrument:
    folder = path.resolve().parent.parent / "instrument-masters"
    for candidate in [master] if master else sorted(folder.glob("kite_*.csv*")):
        found = from_kite(candidate, token)
        if found is not None:
            return found
    exchange = _EXCHANGES.get(token & 0xFF)
    if exchange is None:
        raise DataError(path, f"token {token} is of no segment of Kite's")
    log.warning("no instrument master names token %d; it is called %d", token, token)
    return Instrument(exchange=exchange, symbol=str(token), exchange_token=token >> 8)
