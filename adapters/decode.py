"""Recorded broker frames to ticks, offline: what `openalgo-stream decode` does.

The file is a JSON list of cases. A case has a `name`, `frames` (`kind` binary: hex, or text)
and a `context`: `instruments` (key -> symbol and exchange), `subscriptions` (key -> LTP, QUOTE
or DEPTH) and, for a broker with several, the `stream`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from adapters import registry
from adapters.broker import Broker
from adapters.codec import Account, Book, Codec, Tick, WireFrame
from adapters.errors import FrameFileError
from bus.secret import Secret
from bus.topics import Mode

_LEVEL: Final = ("price", "quantity", "orders")
_PLAIN_FIELDS: Final = tuple(
    name for name in Tick.__struct_fields__ if name not in {"key", "mode", "depth"}
)


class Named(Struct, frozen=True):
    symbol: str
    exchange: str


class Context(Struct, frozen=True):
    instruments: dict[str, Named] = {}
    subscriptions: dict[str, Literal["LTP", "QUOTE", "DEPTH"]] = {}
    stream: str = ""


class Recorded(Struct, frozen=True):
    kind: Literal["binary", "text"]
    data: str


class Case(Struct, frozen=True):
    name: str
    frames: list[Recorded]
    context: Context = Context()


def decode_file(broker: str, path: Path) -> Iterator[dict[str, Any]]:
    """Per case `{"name", "ticks"}`, and `"error"` with its kind if a frame was damaged.

    Ticks have `symbol`, `exchange`, `mode` and what the broker sent, in the units of `Tick`.
    Ticks of instruments that the case does not name are left out, as in a live feed.

    Raises:
        UnknownBrokerError: no such broker.
        FrameFileError: the file cannot be read, or is not of this form; names the place.
    """
    found = registry.find(broker)
    cases = _read(path)
    for number, case in enumerate(cases):
        _check(case, f"{path}: case {number} ({case.name})", found)
    return (_decode(case, found) for case in cases)


def _read(path: Path) -> list[Case]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Case])
    except OSError as error:
        raise FrameFileError(f"{path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise FrameFileError(
            f"{path}: {error}; expected a JSON list of cases with name, context and frames"
        ) from None


def _check(case: Case, place: str, broker: Broker) -> None:
    streams = [stream.name for stream in broker.streams]
    if case.context.stream and case.context.stream not in streams:
        raise FrameFileError(
            f"{place}: no stream {case.context.stream!r}; {broker.name} has {', '.join(streams)}"
        )
    for number, recorded in enumerate(case.frames):
        if recorded.kind == "binary":
            try:
                bytes.fromhex(recorded.data)
            except ValueError as error:
                raise FrameFileError(
                    f"{place}, frame {number}: {error}; a binary frame's data is hexadecimal"
                ) from None


def _decode(case: Case, broker: Broker) -> dict[str, Any]:
    codec = _codec(case, broker)
    ticks: list[dict[str, Any]] = []
    errors: list[str] = []
    for recorded in case.frames:
        decoded = codec.decode(_wire(recorded))
        ticks += _named(decoded.ticks, case.context.instruments)
        if decoded.error is not None:
            errors.append(decoded.error.kind)
    result: dict[str, Any] = {"name": case.name, "ticks": ticks}
    if errors:
        result["error"] = errors[0]
    return result


def _codec(case: Case, broker: Broker) -> Codec:
    """A codec that believes to have subscribed; nothing is sent, so no credential is needed."""
    account = Account(credentials={name: Secret("offline") for name in broker.credentials})
    codec = broker.codec(account, case.context.stream or broker.streams[0].name)
    codec.modes.update((key, Mode[word]) for key, word in case.context.subscriptions.items())
    return codec


def _wire(recorded: Recorded) -> WireFrame:
    return bytes.fromhex(recorded.data) if recorded.kind == "binary" else recorded.data


def _named(ticks: list[Tick], instruments: dict[str, Named]) -> Iterator[dict[str, Any]]:
    for tick in ticks:
        named = instruments.get(str(tick.key))
        if named is not None:
            yield _plain(tick, named)


def _plain(tick: Tick, named: Named) -> dict[str, Any]:
    """A tick as JSON shows it; what the broker did not send is left out."""
    plain: dict[str, Any] = {
        "symbol": named.symbol,
        "exchange": named.exchange,
        "mode": tick.mode.name,
    }
    for name in _PLAIN_FIELDS:
        value = getattr(tick, name)
        if value is not None:
            plain[name] = value
    if tick.depth is not None:
        plain["depth"] = _plain_book(tick.depth)
    return plain


def _plain_book(book: Book) -> dict[str, Any]:
    names = _LEVEL if book.has_orders else _LEVEL[:2]
    return {
        "buy": [dict(zip(names, row, strict=False)) for row in book.buy],
        "sell": [dict(zip(names, row, strict=False)) for row in book.sell],
    }
