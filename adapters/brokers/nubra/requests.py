"""What Nubra's feed is asked: which channels an instrument is on, and the words for them.

Blanks separate the words of a request, so its JSON has none but those inside names.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from adapters.brokers.nubra.token import INDEX, OPTION, Address, address
from bus.topics import Mode


class Channel(enum.Enum):
    """In the order in which they are asked for: the open comes before the price it goes with."""

    BUCKET = "index_bucket"
    INDEX = "index"
    BOOK = "orderbook"
    GREEKS = "greeks"


_BY_NAME: Final = frozenset({Channel.BUCKET, Channel.INDEX})
_NOTHING: Final[frozenset[Channel]] = frozenset()


def channels(kind: str, mode: Mode | None) -> frozenset[Channel]:
    """The channels that carry a kind of instrument in a mode; None is on none."""
    if mode is None:
        return _NOTHING
    if mode is Mode.LTP:
        return frozenset({Channel.INDEX if kind == INDEX else Channel.BOOK})
    if kind == INDEX:
        return _BY_NAME
    return _BY_NAME | ({Channel.BOOK, Channel.GREEKS} if kind == OPTION else {Channel.BOOK})


def feed_requests(tokens: Sequence[str], but: Mode | None, mode: Mode) -> Iterator[str]:
    """What stands behind the verb and the session token, for each channel that carries the
    tokens in `mode` and does not in mode `but`."""
    wanted: dict[Channel, list[Address]] = {channel: [] for channel in Channel}
    for at in map(address, tokens):
        for channel in channels(at.kind, mode) - channels(at.kind, but):
            wanted[channel].append(at)
    for channel, addresses in wanted.items():
        if channel in _BY_NAME:
            yield from _by_name(channel, addresses)
        elif addresses:
            ref_ids = ",".join(at.ref_id for at in addresses)
            yield f'{channel.value} {{"instruments":[{ref_ids}],"indexes":[]}}'


def _by_name(channel: Channel, addresses: Sequence[Address]) -> Iterator[str]:
    """One request per exchange, which is a word of its own at the end."""
    by_exchange: dict[str, list[str]] = {}
    for at in addresses:
        by_exchange.setdefault(at.exchange, []).append(at.names[0])
    interval = "1d " if channel is Channel.BUCKET else ""
    for exchange, names in by_exchange.items():
        listed = msgspec.json.encode({"instruments": [], "indexes": names}).decode()
        yield f"{channel.value} {listed} {interval}{exchange}"
