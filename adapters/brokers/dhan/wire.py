"""What all of Dhan's channels share: exchange segments, instruments' keys, reasons to end.

An instrument is `SEGMENT|security id` (`NSE_EQ|1333`): the same id occurs in several
segments. Packets carry the segment as a number, requests as a name.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from adapters.errors import BrokerError, MalformedError, Verdict

#: Segment's number in packets -> its name in requests. 6 is not used.
_SEGMENTS: Final = {
    0: "IDX_I",
    1: "NSE_EQ",
    2: "NSE_FNO",
    3: "NSE_CURRENCY",
    4: "BSE_EQ",
    5: "MCX_COMM",
    7: "BSE_CURRENCY",
    8: "BSE_FNO",
}
#: Segments whose prices have four decimals and not two.
CURRENCY_SEGMENTS: Final = (3, 7)

#: Exchange and letter of the segment, as the master and order updates have them ->
#: OpenAlgo's exchange, segment.
VENUES: Final = {
    ("NSE", "I"): ("NSE_INDEX", "IDX_I"),
    ("BSE", "I"): ("BSE_INDEX", "IDX_I"),
    ("NSE", "E"): ("NSE", "NSE_EQ"),
    ("BSE", "E"): ("BSE", "BSE_EQ"),
    ("NSE", "D"): ("NFO", "NSE_FNO"),
    ("BSE", "D"): ("BFO", "BSE_FNO"),
    ("NSE", "C"): ("CDS", "NSE_CURRENCY"),
    ("BSE", "C"): ("BCD", "BSE_CURRENCY"),
    ("MCX", "M"): ("MCX", "MCX_COMM"),
}
#: OpenAlgo's exchange -> segment.
SEGMENT_OF: Final = dict(VENUES.values())

#: What a disconnect packet's reason means. 805 to 807 are in the documentation, 808 and 809
#: in the SDK, 810 is an invalid client id by recollection; others exist and are not known.
_REASONS: Final = {
    805: ("too many connections of this account", Verdict.SLOW_DOWN),
    806: ("the data API is not subscribed", Verdict.FATAL),
    807: ("the access token has expired", Verdict.NEEDS_TOKEN),
    808: ("invalid client id", Verdict.FATAL),
    809: ("authentication failed", Verdict.FATAL),
    810: ("invalid client id", Verdict.FATAL),
}
_UNKNOWN_REASON: Final = ("no known reason", Verdict.RETRY)


@lru_cache(16384)
def key(segment: int, security_id: int) -> str:
    """The key of a packet's instrument.

    Raises:
        MalformedError: no such segment.
    """
    name = _SEGMENTS.get(segment)
    if name is None:
        raise MalformedError(f"a packet of segment {segment}, which does not exist")
    return f"{name}|{security_id}"


def disconnected(reason: int) -> BrokerError:
    """The error of a disconnect packet; its kind is the reason's number."""
    words, verdict = _REASONS.get(reason, _UNKNOWN_REASON)
    return BrokerError(str(reason), f"Dhan ends the connection, {reason}: {words}", verdict)
