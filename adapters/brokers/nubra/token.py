"""What our instrument master calls an instrument of Nubra's.

Nubra names one instrument in two ways: the order book and the greeks by a number (`ref_id`),
the index channel by exchange and name. A token holds both:

    STOCK|69353|NSE|RELIANCE
    OPT|1746686|NSE|NIFTY25NOV25900CE
    INDEX||NSE|Nifty 50|NIFTY           (the name to ask for, then others it may come back as)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from adapters.codec import Key

INDEX: Final = "INDEX"
STOCK: Final = "STOCK"
OPTION: Final = "OPT"

#: OpenAlgo's symbols of the indices that are asked for by another name than their own.
_ASKED_AS: Final = {
    "NIFTY": "Nifty 50",
    "BANKNIFTY": "Nifty Bank",
    "FINNIFTY": "Nifty Financial Services",
    "SENSEX": "Bse Sensex",
    "SENSEX50": "Bse Sensex 50",
}


class Address(NamedTuple):
    """A token taken apart. `ref_id` is empty for an index."""

    kind: str
    ref_id: str
    exchange: str
    names: tuple[str, ...]


def instrument_token(kind: str, ref_id: int | str, exchange: str, name: str) -> str:
    """The token of what trades; `exchange` is Nubra's word: NSE, BSE or MCX."""
    return f"{kind}|{ref_id}|{exchange}|{name}"


def index_token(exchange: str, symbol: str, names: Sequence[str]) -> str:
    """The token of an index: OpenAlgo's symbol, and what Nubra calls it, its symbol first."""
    known = dict.fromkeys([_ASKED_AS.get(symbol, names[0]), *names])
    return f"{INDEX}||{exchange}|{'|'.join(known)}"


@lru_cache(8192)
def address(token: str) -> Address:
    """The inverse of both."""
    kind, ref_id, exchange, *names = token.split("|")
    return Address(kind, ref_id, exchange, tuple(names))


def keys_of(token: str) -> Sequence[Key]:
    """Every `Tick.key` of a token: its number, and its names as the index channel's ticks."""
    _, ref_id, exchange, names = address(token)
    keys: dict[Key, None] = {int(ref_id): None} if ref_id else {}
    keys.update((name_key(exchange, name), None) for name in names)
    return list(keys)


@lru_cache(8192)
def name_key(exchange: str, name: str) -> str:
    """`NSE:NIFTY 50`: the key of the index channel's ticks, which spell names in any case."""
    return f"{exchange or 'NSE'}:{name.upper()}"
