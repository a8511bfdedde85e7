"""What the market of one instrument looks like to orders: last price, book, what we took of it.

Prices become `Micros` when somebody needs them: an instrument that only a position holds costs
one multiplication per tick.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from msgspec import UNSET

from bus.ticks import DepthData, Level, LtpData, QuoteData
from marketdata.sandbox.money import RUPEE, Micros

Data: TypeAlias = LtpData | QuoteData | DepthData

#: A book that came this long before the last price stands for nothing, in ns.
_BOOK_LIFE_NS: Final = 5 * 10**9


class Offer(NamedTuple):
    """So much is to be had at a price; `quantity` None: the feed does not say how much."""

    price: Micros
    quantity: int | None


class Quote:
    """The newest of all modes. `is_sane` is false for a price outside its own day's range."""

    __slots__ = (
        "_book",
        "_book_ns",
        "_taken",
        "_uses_book",
        "_volume",
        "high",
        "is_sane",
        "is_traded",
        "low",
        "ltp",
        "received_ns",
    )

    def __init__(self, *, uses_book: bool = True) -> None:
        self.ltp: Micros = 0
        self.low: Micros = 0
        self.high: Micros = 0
        self.received_ns = 0
        self.is_sane = False
        #: Whether the last tick told of a trade that none before it told of.
        self.is_traded = False
        self._uses_book = uses_book
        self._volume = 0
        self._book: QuoteData | None = None
        self._book_ns = 0
        self._taken: dict[tuple[bool, float], tuple[int, int]] = {}

    def update(self, tick: Data, received_ns: int) -> None:
        """The next tick of the instrument, in any mode."""
        ltp = round(tick.ltp * RUPEE)
        volume = tick.volume if tick.volume is not UNSET else 0
        self.is_traded = ltp != self.ltp or volume > self._volume > 0
        self.ltp = ltp
        self.received_ns = received_ns
        if volume:
            self._volume = volume
        if isinstance(tick, QuoteData):
            self._book = tick
            self._book_ns = received_ns
            self.low = round(tick.low * RUPEE) if tick.low is not UNSET else 0
            self.high = round(tick.high * RUPEE) if tick.high is not UNSET else 0
        # A range of an earlier tick says nothing about a later price.
        is_range_known = self.low > 0 and self.high > 0 and self._book_ns == received_ns
        self.is_sane = ltp > 0 and (not is_range_known or self.low <= ltp <= self.high)

    def best(self, *, buying: bool) -> Micros | None:
        """What a buyer pays (a seller gets) at once; None: nobody is on the other side.

        The last price where the feed has no book.
        """
        book = self._live_book()
        if book is None:
            return self.ltp or None
        top = _top(book, asks=buying)
        return round(top * RUPEE) if top > 0 else None

    @property
    def has_book(self) -> bool:
        """Whether there are bids and asks, and not only a last price."""
        return self._live_book() is not None

    def offers(self, *, buying: bool) -> list[Offer]:
        """What can be had, the best first, less what was taken of it before.

        What we took of a level stays taken until the level's quantity changes: the market
        does not know that we were there.
        """
        book = self._live_book()
        if book is None:
            return [Offer(self.ltp, None)] if self.ltp else []
        offers = []
        for level in _levels(book, asks=buying):
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
        for level in _levels(book, asks=buying):
            if round(level.price * RUPEE) == price:
                key = (buying, level.price)
                shown, taken = self._taken.get(key, (0, 0))
                before = taken if shown == level.quantity else 0
                self._taken[key] = (level.quantity, before + quantity)
                self._forget_gone(book)
                return

    def _forget_gone(self, book: QuoteData) -> None:
        """Levels that are no more in sight would pile up over a day."""
        if len(self._taken) > 64:
            seen = {
                (asks, level.price) for asks in (True, False) for level in _levels(book, asks=asks)
            }
            self._taken = {key: took for key, took in self._taken.items() if key in seen}

    def _live_book(self) -> QuoteData | None:
        book = self._book
        if book is None or not self._uses_book or self.received_ns - self._book_ns > _BOOK_LIFE_NS:
            return None
        if _top(book, asks=True) > 0 or _top(book, asks=False) > 0:
            return book
        return None


def _top(book: QuoteData, *, asks: bool) -> float:
    if isinstance(book, DepthData):
        side = book.asks if asks else book.bids
        return side[0].price if side else 0.0
    price = book.ask_price if asks else book.bid_price
    return 0.0 if price is UNSET else price


def _levels(book: QuoteData, *, asks: bool) -> list[Level]:
    if isinstance(book, DepthData):
        return book.asks if asks else book.bids
    size = book.ask_size if asks else book.bid_size
    return [Level(_top(book, asks=asks), 0 if size is UNSET else size)]
