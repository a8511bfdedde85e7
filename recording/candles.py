"""Candles out of recorded ticks. Pure.

A tick that says the same price, volume and time of trade as the one before is no trade. Nor is the
first one when its trade is old: brokers begin with the last there was.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from bus.frames import Frame
from recording.intervals import DAY_S, Interval, day_began

#: A first tick whose trade is older than this tells of no trade now.
_OLD_MS: Final = 60_000


class Candle(Struct, kw_only=True):
    """`timestamp` is the beginning, Unix s. Prices in rupees, volume in units."""

    timestamp: int
    open: float
    high: float
    low: float
    close: float
    volume: int = 0
    oi: int = 0


class _Trade(Struct, gc=False):
    """What a candle needs of a tick in any mode; 0 where it does not say."""

    ltp: float
    volume: int = 0
    oi: int = 0
    ltt: int = 0


_decode = msgspec.json.Decoder(_Trade).decode


class Candles:
    """Of one instrument: ticks in the order of their receipt in, candles out."""

    def __init__(self, interval: Interval, exchange: str) -> None:
        self.undecodable = 0
        self._interval = interval
        self._exchange = exchange
        self._candles: dict[int, Candle] = {}
        #: The candle that the last tick was in, and from when until when ticks are its own.
        self._current: Candle | None = None
        self._from_s = self._until_s = 0
        self._day_s = 0
        #: The day's volume as last told; None: not yet.
        self._volume: int | None = None
        self._last: tuple[float, int, int] | None = None

    def add(self, frame: Frame) -> None:
        """The next tick, of whatever mode."""
        try:
            trade = _decode(frame.payload)
        except msgspec.DecodeError:
            self.undecodable += 1
            return
        key = (trade.ltp, trade.volume, trade.ltt)
        if key == self._last or trade.ltp <= 0:
            return
        is_old = (
            self._last is None
            and trade.ltt > 0
            and frame.received_ns // 1_000_000 - trade.ltt > _OLD_MS
        )
        self._last = key
        at_s = frame.received_ns / 1e9
        if not self._day_s <= at_s < self._day_s + DAY_S:
            self._day_s, self._volume = day_began(at_s), None
        traded = self._traded(trade.volume)
        if not is_old:
            self._put(at_s, trade, traded)

    def all(self) -> list[Candle]:
        """In order."""
        return [candle for _, candle in sorted(self._candles.items())]

    def _traded(self, volume: int) -> int:
        """How much was traded since the tick before; of the first of a day a candle of days
        counts all that came before it, for the exchange says so."""
        if not volume:
            return 0
        before, self._volume = self._volume, max(volume, self._volume or 0)
        if before is None:
            return 0 if self._interval.length_s else volume
        return max(0, volume - before)

    def _put(self, at_s: float, trade: _Trade, traded: int) -> None:
        candle, price = self._current, trade.ltp
        if candle is None or not self._from_s <= at_s < self._until_s:
            candle = self._candle(at_s, price)
        candle.high = max(candle.high, price)
        candle.low = min(candle.low, price)
        candle.close = price
        candle.volume += traded
        if trade.oi:
            candle.oi = trade.oi

    def _candle(self, at_s: float, price: float) -> Candle:
        timestamp, self._from_s, self._until_s = self._interval.span(at_s, self._exchange)
        candle = self._candles.get(timestamp)
        if candle is None:
            candle = Candle(timestamp=timestamp, open=price, high=price, low=price, close=price)
            self._candles[timestamp] = candle
        self._current = candle
        return candle
