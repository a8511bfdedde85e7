"""How clients name instruments in a request: a union of every documented spelling. Pure."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from bus.topics import EXCHANGES
from proxy.protocol.refusal import kind_of, wrong_parameters
from proxy.protocol.requests import Instrument

#: A bulk subscribe of every symbol of a broker connection is about 3,000 entries.
MAX_ENTRIES: Final = 10_000
#: Longer than any symbol, with room for spaces around it.
MAX_WORD_LENGTH: Final = 128
_EXCHANGE_SET: Final = frozenset(EXCHANGES)


class Named(NamedTuple):
    """An instrument of a message, its own mode field or None, and the broker that it names."""

    instrument: Instrument
    mode: Any = None
    broker: str = ""


def instruments(listed: Any, symbol: Any, exchange: Any, default_exchange: str) -> list[Named]:
    """The instruments named by a request's list, or where that is empty by its two fields.

    Raises:
        Refusal: none is named, or not in a way that is known.
    """
    if not listed:
        single = _entry({"symbol": symbol, "exchange": exchange}, default_exchange)
        if single is None:
            raise wrong_parameters("At least one symbol must be specified")
        return [single]
    if not isinstance(listed, list):
        raise wrong_parameters(f"symbols must be a list, was {kind_of(listed)}")
    if len(listed) > MAX_ENTRIES:
        raise wrong_parameters(f"at most {MAX_ENTRIES} symbols per message, was {len(listed)}")
    found = (_entry(item, default_exchange) for item in listed)
    return [entry for entry in found if entry is not None]


def _entry(item: Any, default_exchange: str) -> Named | None:
    """One instrument; None for an object that names no symbol, which is passed over."""
    match item:
        case str():
            if not item:
                return None
            _check_length(item)
            return Named(_from_text(item, default_exchange))
        case dict():
            symbol, exchange = item.get("symbol"), item.get("exchange")
            if symbol is None or symbol == "":
                return None
            if not isinstance(symbol, str):
                raise wrong_parameters(f"symbol must be text, was {kind_of(symbol)}")
            if exchange is not None and not isinstance(exchange, str):
                raise wrong_parameters(f"exchange must be text, was {kind_of(exchange)}")
            _check_length(symbol)
            _check_length(exchange or "")
            instrument = (
                Instrument(symbol, exchange) if exchange else _from_text(symbol, default_exchange)
            )
            return Named(instrument, item.get("mode"), broker(item.get("broker")))
        case _:
            raise wrong_parameters(
                f"each of symbols must be an object or text, was {kind_of(item)}"
            )


def _from_text(text: str, default_exchange: str) -> Instrument:
    """`NSE:SBIN`, `SBIN.NSE` or `SBIN`; a colon or dot may also be the symbol's own."""
    before, colon, after = text.partition(":")
    if colon and after and before.strip().upper() in _EXCHANGE_SET:
        return Instrument(after, before)
    before, dot, after = text.rpartition(".")
    if dot and before and after.strip().upper() in _EXCHANGE_SET:
        return Instrument(before, after)
    return Instrument(text, default_exchange)


def broker(value: Any) -> str:
    """The adapter or broker that a client asks for; what is no text was never looked at."""
    if not isinstance(value, str):
        return ""
    _check_length(value)
    return value.strip()


def _check_length(word: str) -> None:
    if len(word) > MAX_WORD_LENGTH:
        raise wrong_parameters(f"a symbol or exchange of {len(word)} characters is too long")
