"""Runs in the environment of tests/peers/atheris.txt: one broker's codec under the fuzzer.

    target.py BROKER CORPUS [libFuzzer's options]

The contract in one sentence: whatever frames come, in whatever order, decoding gives ticks or
a typed error, every number is finite, and what the ticks become can be encoded.

An input is one byte (which of the broker's streams) and then frames, each behind two bytes:
its length, little-endian, and in the highest bit whether it is text.
"""

import math
import sys

import atheris

with atheris.instrument_imports(include=["adapters"]):
    from adapters import registry
    from adapters.codec import Account, Tick
    from adapters.errors import CodecError
    from adapters.ticks.normalize import Outlet

from bus.secret import Secret
from bus.topics import Mode

BROKER = registry.find(sys.argv[1])
TOKEN = "APP-100:e30.eyJoc21fa2V5IjoiayIsImV4cCI6MH0.x"  # a JWT for who reads one; nobody's
ACCOUNT = Account(credentials={name: Secret(TOKEN) for name in BROKER.credentials})
STREAMS = [stream.name for stream in BROKER.streams]
NUMBERS = [name for name in Tick.__struct_fields__ if name not in {"key", "mode", "depth"}]


class Everything(dict):
    """Every instrument was asked for with its book."""

    def get(self, _token, _default=None):
        return Mode.DEPTH

    def __contains__(self, _token):
        return True

    def __missing__(self, _token):
        return Mode.DEPTH


def frames(data):
    at = 1
    while at + 2 <= len(data):
        head = data[at] | data[at + 1] << 8
        at += 2
        frame = data[at : at + (head & 0x7FFF)]
        at += len(frame)
        yield frame.decode(errors="replace") if head & 0x8000 else frame


def check(tick):
    for name in NUMBERS:
        value = getattr(tick, name)
        assert value is None or math.isfinite(value), (name, value)
    book = tick.depth
    for price, quantity, _ in [] if book is None else book.buy + book.sell:
        assert math.isfinite(price), price
        assert math.isfinite(quantity), quantity


def published(_topic, payload, _received_ns, _flags):
    assert b"null" not in payload, payload  # what msgspec makes of NaN


def one_input(data):
    codec = BROKER.codec(ACCOUNT, STREAMS[data[0] % len(STREAMS)] if data else STREAMS[0])
    codec.modes = Everything()
    outlet = Outlet("NSE", "A", partial=BROKER.partial_ticks)
    for mode in Mode:
        outlet.set_topic(mode, b"A\0")
    for frame in frames(data):
        decoded = codec.decode(frame)
        assert decoded.error is None or isinstance(decoded.error, CodecError)
        for tick in decoded.ticks:
            check(tick)
            outlet.emit(tick, 1_763_437_500_000_000_000, published)


atheris.Setup([sys.argv[0], *sys.argv[2:]], one_input)
atheris.Fuzz()
