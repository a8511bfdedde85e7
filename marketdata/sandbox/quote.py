"""What the market of one instrument looks like to orders: last price, book, what we took of it.

Prices become `Micros` when somebody needs them: an instrument that only a position holds costs
one multiplication per tick.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from bus.market.ticks import DepthData, Level, LtpData, QuoteData, encode_json
from marketdata.sandbox.money import RUPEE, Micros
from marketdata.seen import Seen, look

#: A book that came this long before the last price stands for nothing, in ns.
_BOOK_LIFE_NS: Final = 5 * 10**9


#: A tick in any mode, as what is looked at or as a whole.
Data: TypeAlias = Seen | LtpData | QuoteData | DepthData


def seen_of(tick: Data) -> Seen:
    """The same of a tick that was decoded as a whole."""
    return tick if isinstance(tick, Seen) else look(encode_json(tick))


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
        "_sides",
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
        # Its bids and asks, once somebody asked for them.
        self._sides: tuple[list[Level], list[Level]] | None = None
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
        bid, ask = tick.bid_price, tick.ask_price
        if bid < 0 and ask < 0:
            book = tick.levels()
            if book is None:
                return
            bid, ask = (side[0].price if side else 0.0 for side in book)
        self._book = tick
        self._sides = None
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
        if not self.has_book:
            return [Offer(self.ltp, None)] if self.ltp else []
        offers = []
        for level in self._side(asks=buying):
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
        if not self.has_book:
            return
        for level in self._side(asks=buying):
            if round(level.price * RUPEE) == price:
                key = (buying, level.price)
                shown, taken = self._taken.get(key, (0, 0))
                before = taken if shown == level.quantity else 0
                self._taken[key] = (level.quantity, before + quantity)
                self._forget_gone()
                return

    def _forget_gone(self) -> None:
        """Levels that are no more in sight would pile up over a day."""
        if len(self._taken) > 64:
            seen = {(asks, one.price) for asks in (True, False) for one in self._side(asks=asks)}
            self._taken = {key: took for key, took in self._taken.items() if key in seen}

    def _side(self, *, asks: bool) -> list[Level]:
        """One side of the last book, the best first; of a quote its one level."""
        if self._sides is None:
            self._sides = _sides_of(self._book) if self._book is not None else ([], [])
        return self._sides[asks]


def _sides_of(tick: Seen) -> tuple[list[Level], list[Level]]:
    book = tick.levels()
    if book is not None:
        return book
    bids = [Level(tick.bid_price, tick.bid_size)] if tick.bid_price > 0 else []
    asks = [Level(tick.ask_price, tick.ask_size)] if tick.ask_price > 0 else []
    return bids, asks
