"""What Nubra's sockets send: ticks and orders as protobuf, refusals as text.

A binary frame is an Any inside an Any (`adapters/wire/nubra.proto`); the inner type's name says
what it holds: a batch of one channel's messages. Each tells the whole state of its instrument
as far as the channel knows it. Prices in paise, times in ns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from google.protobuf.message import DecodeError

from adapters.brokers.nubra.orders import order_update
from adapters.brokers.nubra.token import name_key
from adapters.codec import Book, Decoded, Notice, Row, Tick
from adapters.errors import BrokerError, MalformedError, Verdict
from adapters.wire import nubra_pb2 as wire
from bus.topics import Mode

_INVALID_TOKEN: Final = "Invalid Token"  # noqa: S105 - what the broker says
_TROUBLE: Final = ("Error", "Exception", "Failed")

_QUOTE, _DEPTH = Mode.QUOTE, Mode.DEPTH
_NS_PER_MS: Final = 1_000_000

_parse_frame = wire.Frame.FromString
_parse_books = wire.BookBatch.FromString
_parse_indices = wire.IndexBatch.FromString
_parse_greeks = wire.GreeksBatch.FromString
_parse_chain = wire.OptionChain.FromString
_parse_buckets = wire.BucketBatch.FromString
_parse_order = wire.OrderUpdate.FromString


class FeedReader:
    """One connection's; it remembers each name's open, which comes apart from its price."""

    def __init__(self) -> None:
        self._opens: dict[str, float] = {}

    def read(self, frame: bytes, out: Decoded) -> None:
        """Take a binary frame apart.

        Raises:
            MalformedError: it is none of the feed's.
        """
        try:
            self._read_message(_parse_frame(frame).value, out)
        except DecodeError as error:
            raise MalformedError(f"no protobuf of the feed: {error}") from None

    def _read_message(self, message: wire.Payload, out: Decoded) -> None:
        """Kinds that are not known are left alone: a later version may add some.

        Raises:
            DecodeError: the payload is not what its name says.
        """
        url, ticks = message.type_url, out.ticks
        match url[max(url.rfind("."), url.rfind("/")) + 1 :]:
            case "BatchWebSocketOrderbookMessage":
                ticks += [_book_tick(book) for book in _parse_books(message.value).instruments]
            case "BatchWebSocketIndexMessage":
                batch = _parse_indices(message.value)
                ticks += [self._index_tick(entry) for entry in batch.indexes]
                ticks += [self._index_tick(entry) for entry in batch.instruments]
            case "BatchWebSocketGreeksMessage":
                ticks += [_option_tick(o) for o in _parse_greeks(message.value).instruments]
            case "WebSocketMsgOptionChainUpdate":
                chain = _parse_chain(message.value)
                ticks += [_option_tick(option) for option in chain.calls]
                ticks += [_option_tick(option) for option in chain.puts]
            case "BatchWebSocketIndexBucketMessage":
                buckets = _parse_buckets(message.value)
                self._remember_opens(buckets.indexes)
                self._remember_opens(buckets.instruments)
            case "NubraToClientIntentUpdate":
                out.events.append(order_update(_parse_order(message.value)))
            case "":
                raise MalformedError("a frame without a message")

    def _index_tick(self, entry: wire.Index) -> Tick:
        key = name_key(entry.exchange, entry.name)
        # Positional in the order of `Tick`, here and below: keywords cost a third more.
        return Tick(
            key, _QUOTE,
            entry.value / 100 or None, None, None, entry.volume or None, None, None,
            self._opens.get(key),
            entry.high / 100 or None,
            entry.low / 100 or None,
            entry.previous_close / 100 or None,
            None, None, None, None,
            entry.timestamp // _NS_PER_MS or None,
        )  # fmt: skip

    def _remember_opens(self, buckets: Sequence[wire.Bucket]) -> None:
        for bucket in buckets:
            if bucket.interval == wire.Bucket.DAY and bucket.open:
                self._opens[name_key(bucket.exchange, bucket.name)] = bucket.open / 100


def _book_tick(book: wire.Book) -> Tick:
    return Tick(
        book.ref_id or book.inst_id, _DEPTH,
        book.ltp / 100 or None, book.ltq, None, book.volume, None, None,
        None, None, None, None, None, None, None, None,
        book.timestamp // _NS_PER_MS or None,
        Book(_rows(book.bids), _rows(book.asks)),
    )  # fmt: skip


def _rows(levels: Sequence[wire.Level]) -> list[Row]:
    return [(level.price / 100, level.quantity, level.orders) for level in levels]


def _option_tick(option: wire.Option) -> Tick:
    return Tick(
        option.ref_id or option.inst_id,
        _QUOTE,
        option.ltp / 100 or None,
        volume=option.volume or None,
        oi=option.oi,
        exchange_timestamp=option.timestamp // _NS_PER_MS or None,
    )


def read_text(text: str, out: Decoded) -> None:
    """Take a text frame: a refusal or a notice.

    Raises:
        BrokerError: a refusal.
    """
    text = text.strip()
    if text == _INVALID_TOKEN:
        words = "the session token is not valid (any more): log in again"
        raise BrokerError(_INVALID_TOKEN, words, Verdict.NEEDS_TOKEN)
    if any(word in text for word in _TROUBLE):
        raise BrokerError("broker_error", text)
    out.events.append(Notice(text))
