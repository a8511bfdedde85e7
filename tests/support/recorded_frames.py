"""Frames for the tests of recordings."""

import json

from bus.frames import Frame, Kind

BEGAN_NS = 1_795_000_000_000_000_000


def tick(number, topic="ZERODHA_NSE_SBIN_LTP", at_ns=None, sequence=None, generation=1):
    """A tick that is like no other of another number; they are a millisecond apart."""
    payload = json.dumps({"symbol": "SBIN", "exchange": "NSE", "ltp": 800 + number / 20}).encode()
    return Frame(
        topic.encode(),
        Kind.TICK,
        number % 2,
        generation,
        number + 1 if sequence is None else sequence,
        BEGAN_NS + number * 1_000_000 if at_ns is None else at_ns,
        payload,
    )


def event(text, number=1):
    return Frame(b"@zerodha", Kind.EVENT, 0, 1, number, BEGAN_NS, text)
