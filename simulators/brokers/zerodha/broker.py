"""Zerodha's Kite ticker: login by query string, JSON commands, packets in counted frames.

Source: Zerodha's Python SDK and documentation. Where those do not say what the real server
does, this one does what is hardest on a client:

* a bare `subscribe` gives mode `quote`, for a token that is subscribed already too;
* `mode` for a token that is not subscribed does nothing;
* unknown tokens are ignored without a word, there is no acknowledgement of anything.
"""

from __future__ import annotations

import csv
import io
import struct
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bus.settings import SimulatorSettings
from simulators.broker import Document, Reaction, RefusedError, Request
from simulators.brokers import order_words
from simulators.brokers.zerodha.names import trading_symbol
from simulators.brokers.zerodha.packets import MODES, QUOTE, encode, instrument_token
from simulators.markets.market import Instrument, Snapshot
from simulators.settings import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from simulators.orders import MadeOrder

#: A frame's count has 16 bits; this many full packets are 37 kB, which any client reads.
MAX_PACKETS_PER_FRAME: Final = 200
_COLUMNS: Final = [
    "instrument_token",
    "exchange_token",
    "tradingsymbol",
    "name",
    "last_price",
    "expiry",
    "strike",
    "tick_size",
    "lot_size",
    "instrument_type",
    "segment",
    "exchange",
]
_UINT16: Final = struct.Struct(">H")


class Zerodha:
    """Kite's protocol over one market's instruments."""

    heartbeat: str | bytes = b"\x00"
    heartbeat_s: float = 1.0
    max_connections: int = 3

    def __init__(self, instruments: Sequence[Instrument], settings: SimulatorSettings) -> None:
        self._settings = settings
        self._instruments = instruments
        self._tokens = [instrument_token(i.exchange, i.exchange_token) for i in instruments]
        self._numbers = {token: number for number, token in enumerate(self._tokens)}

    def login(self, request: Request) -> str:
        """The api_key, which connections are counted by; HTTP 403 as Kite answers it."""
        wanted = {"api_key": self._settings.api_key, "access_token": self._settings.access_token}
        for name, value in wanted.items():
            given = request.query.get(name, "")
            if not given or (value and given != value):
                raise RefusedError(403, f"Incorrect `api_key` or `access_token`: {name}.")
        return request.query["api_key"]

    def session(self) -> KiteSession:
        return KiteSession(self._numbers)

    def packet(self, snapshot: Snapshot, mode: str) -> bytes:
        """A packet behind its length."""
        packet = encode(self._tokens[snapshot.number], snapshot, mode)
        return _UINT16.pack(len(packet)) + packet

    def frames(self, packets: Sequence[bytes]) -> Iterator[bytes]:
        for first in range(0, len(packets), MAX_PACKETS_PER_FRAME):
            part = packets[first : first + MAX_PACKETS_PER_FRAME]
            yield b"".join((_UINT16.pack(len(part)), *part))

    def document(self, path: str) -> Document | None:
        """`/instruments`: the master, as Kite's API gives it out."""
        if path != "/instruments":
            return None
        return Document("text/csv", instruments_csv(self._instruments).encode())

    def hint(self, port: int) -> str:
        return f'url = "ws://{HOST}:{port}"\ninstruments = "http://{HOST}:{port}/instruments"'


class KiteSession:
    """What one connection has asked for."""

    def __init__(self, numbers: Mapping[int, int]) -> None:
        self.modes: dict[int, str] = {}
        self._numbers = numbers

    def receive(self, message: str | bytes) -> Reaction:
        """Take `{"a": action, "v": value}`; anything else is answered by an error text."""
        try:
            command = msgspec.json.decode(message, type=_Command)
            if command.a == "subscribe":
                return self._set(_tokens(command.v), QUOTE)
            if command.a == "unsubscribe":
                return self._drop(_tokens(command.v))
            if command.a == "mode":
                return self._set_mode(command.v)
        except (msgspec.MsgspecError, _CommandError) as problem:
            return _error(f"Invalid message: {problem}")
        return _error(f"Unknown action: {command.a[:32]}")

    def order(self, order: MadeOrder) -> str:
        """Every connection is told."""
        return order_words.zerodha(order)

    def _set(self, tokens: list[int], mode: str) -> Reaction:
        numbers = [self._numbers[token] for token in tokens if token in self._numbers]
        self.modes.update(dict.fromkeys(numbers, mode))
        return Reaction(changed=numbers)

    def _set_mode(self, value: Any) -> Reaction:
        match value:
            case [str(mode), tokens] if mode in MODES:
                known = [t for t in _tokens(tokens) if self._numbers.get(t) in self.modes]
                return self._set(known, mode)
        raise _CommandError(f"the value of mode is [one of {', '.join(sorted(MODES))}, [tokens]]")

    def _drop(self, tokens: list[int]) -> Reaction:
        numbers = [self._numbers[token] for token in tokens if token in self._numbers]
        return Reaction(changed=[n for n in numbers if self.modes.pop(n, None) is not None])


class _Command(msgspec.Struct):
    a: str
    v: Any = None


class _CommandError(Exception):
    """A command whose value is not what its action needs."""


def _tokens(value: Any) -> list[int]:
    if isinstance(value, list) and all(type(token) is int for token in value):
        return value
    raise _CommandError("tokens are a list of numbers")


def _error(text: str) -> Reaction:
    body = msgspec.json.encode({"type": "error", "data": text})
    return Reaction(replies=[body.decode()])


def instruments_csv(instruments: Sequence[Instrument]) -> str:
    """Kite's instrument master: its columns, in its order and spelling."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for instrument in instruments:
        writer.writerow(_row(instrument))
    return out.getvalue()


def _row(instrument: Instrument) -> list[object]:
    exchange = instrument.exchange.removesuffix("_INDEX")
    if instrument.is_index:
        segment = "INDICES"
    elif instrument.kind == "EQ":
        segment = exchange
    else:
        segment = f"{exchange}-{'FUT' if instrument.kind == 'FUT' else 'OPT'}"
    return [
        instrument_token(instrument.exchange, instrument.exchange_token),
        instrument.exchange_token,
        trading_symbol(instrument),
        instrument.name,
        0.0,
        instrument.expiry.isoformat() if instrument.expiry else "",
        instrument.strike,
        0.0 if instrument.is_index else instrument.tick_size,
        0 if instrument.is_index else instrument.lot_size,
        instrument.kind,
        segment,
        exchange,
    ]
