"""One synthetic instrument as it trades: its last trade, its day, its book.

Invariants, whatever it is told to trade at: prices lie on the tick grid; the book's levels
fall away from its best prices, which never cross and hold the last price between them; low
<= open, last, average <= high; volume grows with every trade; every snapshot is later than
the one before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulators.markets.market import DEPTH_LEVELS, Level, Snapshot

if TYPE_CHECKING:
    import random

    from simulators.markets.market import Instrument

#: The lowest last price, in ticks: room for five levels of bids below it.
MIN_TICKS: Final = 40
#: A stock's circuit limit: no price is further than this from the previous close.
_CIRCUIT: Final = 0.2
_STOCK_ORDER_RUPEES: Final = 30_000
_MAX_SPREAD_TICKS: Final = 5


class Trading:
    """The day of one instrument. Prices inside are whole ticks."""

    def __init__(
        self,
        number: int,
        instrument: Instrument,
        close: float,
        opening: float,
        opened_ms: int,
        rng: random.Random,
    ) -> None:
        self.is_index = instrument.is_index
        self._number = number
        self._rng = rng
        self._tick = instrument.tick_size
        self._has_oi = instrument.kind != "EQ"
        # A stock trades in single shares; orders are of some tens of thousands of rupees.
        usual = max(1, int(_STOCK_ORDER_RUPEES / close))
        self._lot = instrument.lot_size if self._has_oi else usual
        self._is_stock = instrument.kind == "EQ" and not self.is_index
        self._close = max(MIN_TICKS, round(close / self._tick))
        self._last_ms = 0
        self._trade_ms = opened_ms
        self._open = self._high = self._low = self._last = self._on_grid(opening)
        self._quantity = 0
        self._volume = 0
        self._turnover = 0.0
        self._oi = self._oi_high = self._oi_low = 0
        self._bids: list[Level] = []
        self._asks: list[Level] = []
        self._buy_total = self._sell_total = 0
        if not self.is_index:
            self._open_trading()

    def trade(self, fair: float, now_ms: int) -> None:
        """One trade, or one new value of an index, at about a fair price in rupees."""
        price = self._on_grid(fair)
        if self.is_index:
            price += (price == self._last) * self._rng.choice((-1, 1))
        else:
            self._take(self._lot * (1 + int(self._rng.expovariate(0.3))), price)
            self._make_book()
        self._last = price
        self._high = max(self._high, price)
        self._low = min(self._low, price)
        self._trade_ms = max(now_ms, self._last_ms + 1)

    def change_book(self) -> None:
        """Somebody adds to one level, or takes an order back; nothing trades."""
        side = self._rng.choice((self._bids, self._asks))
        at = self._rng.randrange(len(side))
        price, quantity, orders = side[at]
        if orders > 1 and quantity > self._lot and self._rng.random() < 0.5:
            side[at] = Level(price, quantity - self._lot, orders - 1)
        else:
            added = self._lot * self._rng.randint(1, 20)
            side[at] = Level(price, quantity + added, orders + 1)
        self._total()

    def snapshot(self, now_ms: int) -> Snapshot:
        """The state now; its time is later than the last one's."""
        self._last_ms = max(now_ms, self._last_ms + 1)
        return Snapshot(
            number=self._number,
            ltp=self._rupees(self._last),
            last_quantity=self._quantity,
            average_price=self._turnover / self._volume * self._tick if self._volume else 0.0,
            volume=self._volume,
            buy_quantity=self._buy_total,
            sell_quantity=self._sell_total,
            open=self._rupees(self._open),
            high=self._rupees(self._high),
            low=self._rupees(self._low),
            close=self._rupees(self._close),
            last_trade_ms=self._trade_ms,
            exchange_ms=self._last_ms,
            oi=self._oi,
            oi_high=self._oi_high,
            oi_low=self._oi_low,
            bids=tuple(self._bids),
            asks=tuple(self._asks),
        )

    def _open_trading(self) -> None:
        """The opening auction's volume and book, and yesterday's open contracts."""
        self._take(self._lot * self._rng.randint(200, 2000), self._last)
        if self._has_oi:
            self._oi = self._lot * self._rng.randint(20_000, 90_000)
            self._oi_high = self._oi_low = self._oi
        self._buy_total = self._sell_total = self._lot * self._rng.randint(2000, 9000)
        self._make_book()

    def _take(self, quantity: int, price: int) -> None:
        self._last = price
        self._quantity = quantity
        self._volume += quantity
        self._turnover += float(quantity) * price
        if self._has_oi:
            change = quantity // self._lot * self._rng.choice((-1, 0, 1)) * self._lot
            self._oi = max(self._lot, self._oi + change)
            self._oi_high = max(self._oi_high, self._oi)
            self._oi_low = min(self._oi_low, self._oi)

    def _make_book(self) -> None:
        """Five levels a side around the last price, which is one of the two best."""
        rng = self._rng
        usual = 1 + int(self._last * 5e-5)
        spread = min(_MAX_SPREAD_TICKS, usual + rng.randint(0, 1))
        bid = self._last - (spread if rng.random() < 0.5 else 0)
        self._bids = self._side(bid, -1)
        self._asks = self._side(bid + spread, 1)
        self._total()

    def _side(self, best: int, direction: int) -> list[Level]:
        rng = self._rng
        levels = []
        price = best
        for _ in range(DEPTH_LEVELS):
            orders = 1 + int(rng.random() * 12)
            lots = orders * (1 + int(rng.expovariate(0.2)))
            levels.append(Level(self._rupees(price), lots * self._lot, orders))
            price += direction * (1 + int(rng.random() * 2))
        return levels

    def _total(self) -> None:
        """All buy and sell orders, of which the book shows the best."""
        drift = self._lot * self._rng.randint(-50, 50)
        shown_bids = sum(level.quantity for level in self._bids)
        shown_asks = sum(level.quantity for level in self._asks)
        self._buy_total = max(shown_bids, self._buy_total + drift)
        self._sell_total = max(shown_asks, self._sell_total - drift)

    def _on_grid(self, price: float) -> int:
        """A price in ticks, within the circuit limits of a stock."""
        ticks = round(price / self._tick)
        if self._is_stock:
            reach = int(self._close * _CIRCUIT)
            ticks = min(max(ticks, self._close - reach), self._close + reach)
        return max(ticks, MIN_TICKS)

    def _rupees(self, ticks: int) -> float:
        return round(ticks * self._tick, 4)
