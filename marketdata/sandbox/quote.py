"""What the market of one instrument looks like to orders: last price, book, what we took of it.

Prices become `Micros` when somebody needs them: an instrument that only a position holds costs
one multiplication per tick.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from bus.market.ticks import DepthData, Level, LtpData, QuoteData, encode_json
from marketdata.sandbox.money import RUPEE, Micros

#: A book that came this long before the last price stands for nothing, in ns.
_BOOK_LIFE_NS: Final = 5 * 10**9


class Seen(Struct, gc=False):
    """What orders see of a tick in any mode; `decode` reads nothing else of a payload.

    Prices in rupees; 0 where the tick does not say. One without `bids` and with bid and ask below
    0 says nothing of the book.
    """

    symbol: str
    exchange: str
    ltp: float
    volume: int = 0
    low: float = 0.0
    high: float = 0.0
    bid_price: float = -1.0
    ask_price: float = -1.0
    bid_size: int = 0
    ask_size: int = 0
    bids: list[Level] | None = None
    asks: list[Level] | None = None

    @classmethod
    def of(cls, tick: Data) -> Seen:
        """The same of a tick that was decoded as a whole."""
        return tick if isinstance(tick, Seen) else decode(encode_json(tick))

    def side(self, *, asks: bool) -> list[Level]:
        """One side of the book, the best first; of a quote its one level."""
        levels = self.asks if asks else self.bids
        if levels is not None:
            return levels
        price, size = (self.ask_price, self.ask_size) if asks else (self.bid_price, self.bid_size)
        return [Level(price, size)] if price > 0 else []


#: A tick in any mode, as this or as a whole.
Data: TypeAlias = Seen | LtpData | QuoteData | DepthData

decode: Final = msgspec.json.Decoder(Seen).decode


class Offer(NamedTuple):
    """So much is to be had at a price; `quantity` None: the feed does not say how much."""

    price: Micros
    quantity: int | None


class Quote:
    """The newest of all modes. `is_sane` is false for a price outside its own day's range."""

    __slots__ = (
        "_ask",
        "_bid",
        "_book",
        "_book_ns",
        "_taken",
        "_uses_book",
        "_volume",
        "is_sane",
        "is_traded",
        "ltp",
        "received_ns",
    )

    def __init__(self, *, uses_book: bool = True) -> None:
        self.ltp: Micros = 0
        self.received_ns = 0
        self.is_sane = False
        #: Whether the last tick told of a trade that none before it told of.
        self.is_traded = False
        self._uses_book = uses_book
        self._volume = 0
        self._book: Seen | None = None
        self._book_ns = 0
        # The best prices of the book, in rupees; 0: nobody.
        self._bid = self._ask = 0.0
        self._taken: dict[tuple[bool, float], tuple[int, int]] = {}

    def update(self, tick: Seen, received_ns: int) -> None:
        """The next tick of the instrument, in any mode."""
        ltp, volume = round(tick.ltp * RUPEE), tick.volume
        self.is_traded = ltp != self.ltp or volume > self._volume > 0
        self.ltp = ltp
        self.received_ns = received_ns
        if volume:
            self._volume = volume
        if self._uses_book:
            self._see_book(tick, received_ns)
        # A range of an earlier tick says nothing about a later price.
        low, high = tick.low, tick.high
        self.is_sane = ltp > 0 and (low <= 0 or high <= 0 or low <= tick.ltp <= high)

    def _see_book(self, tick: Seen, received_ns: int) -> None:
        bids, asks = tick.bids, tick.asks
        bid, ask = tick.bid_price, tick.ask_price
        if bids is not None:
            bid = bids[0].price if bids else 0.0
            ask = asks[0].price if asks else 0.0
        elif bid < 0 and ask < 0:
            return
        self._book = tick
        self._book_ns = received_ns
        self._bid = bid
        self._ask = ask

    def is_between(self, low: float, high: float) -> bool:
        """Whether neither the last price nor the book comes to these two (in Micros). False when
        in doubt: the book's prices are compared before they are rounded."""
        if not low < self.ltp < high:
            return False
        ask = self._ask
        return self._bid * RUPEE < high - 1 and (ask <= 0 or ask * RUPEE > low + 1)

    def best(self, *, buying: bool) -> Micros | None:
        """What a buyer pays (a seller gets) at once; None: nobody is on the other side.

        The last price where the feed has no book.
        """
        if not self.has_book:
            return self.ltp or None
        top = self._ask if buying else self._bid
        return round(top * RUPEE) if top > 0 else None

    @property
    def has_book(self) -> bool:
        """Whether there are bids and asks, and not only a last price."""
        if self.received_ns - self._book_ns > _BOOK_LIFE_NS:
            return False
        return self._bid > 0 or self._ask > 0

    def offers(self, *, buying: bool) -> list[Offer]:
        """What can be had, the best first, less what was taken of it before.

        What we took of a level stays taken until the level's quantity changes: the market
        does not know that we were there.
        """
        book = self._live_book()
        if book is None:
            return [Offer(self.ltp, None)] if self.ltp else []
        offers = []
        for level in book.side(asks=buying):
            if level.price <= 0:
                continue
            price = round(level.price * RUPEE)
            if level.quantity <= 0:
                offers.append(Offer(price, None))
                continue
            shown, taken = self._taken.get((buying, level.price), (0, 0))
            left = level.quantity - (taken if shown == level.quantity else 0)
            if left > 0:
                offers.append(Offer(price, left))
        return offers

    def take(self, price: Micros, quantity: int, *, buying: bool) -> None:
        """We took so much of a level that `offers` told of."""
        book = self._live_book()
        if book is None:
            return
        for level in book.side(asks=buying):
            if round(level.price * RUPEE) == price:
                key = (buying, level.price)
                shown, taken = self._taken.get(key, (0, 0))
                before = taken if shown == level.quantity else 0
                self._taken[key] = (level.quantity, before + quantity)
                self._forget_gone(book)
                return

    def _forget_gone(self, book: Seen) -> None:
        """Levels that are no more in sight would pile up over a day."""
        if len(self._taken) > 64:
            seen = {(asks, level.price) for asks in (True, False) for level in book.side(asks=asks)}
            self._taken = {key: took for key, took in self._taken.items() if key in seen}

    def _live_book(self) -> Seen | None:
        return self._book if self.has_book else None
