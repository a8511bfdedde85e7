"""Lower modes out of recorded higher ones, by the rules by which an adapter makes them. Pure."""

from __future__ import annotations

import msgspec

from bus.market.ticks import LtpData, QuoteData, encode_json
from bus.topics import Mode

_ltp = msgspec.json.Decoder(LtpData).decode
_quote = msgspec.json.Decoder(QuoteData).decode


class Derived:
    """One topic that was not recorded, from one of a higher mode that was."""

    def __init__(self, topic: bytes, mode: Mode) -> None:
        #: On the wire, ending in NUL.
        self.topic = topic
        self.sequence = 0
        self._mode = mode
        self._trade: tuple[object, ...] = ()

    def payload(self, recorded: bytes) -> bytes | None:
        """What goes out for a recorded payload; None: nothing, no trade was made."""
        try:
            if self._mode is not Mode.LTP:
                return encode_json(_quote(recorded))
            data = _ltp(recorded)
        except msgspec.DecodeError:
            return None
        trade = data.ltp, data.ltt, data.volume
        if trade == self._trade:
            return None
        self._trade = trade
        return encode_json(data)
