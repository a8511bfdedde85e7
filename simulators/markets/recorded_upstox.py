"""Upstox's v3 feed as recorded: one JSON object a line, `{"t", "k", "m", "ff"}`.

`t` is the recorder's clock (India's time, no zone), `k` Upstox's instrument key, `ff` the
feed's `fullFeed`. Prices in rupees, quantities in units, `ltt` in Unix ms; 64-bit numbers
are strings, what is missing is 0. The feed tells no order counts: they are 0.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, field

from simulators.errors import DataError
from simulators.markets.market import DEPTH_LEVELS, Event, Instrument, Level, Snapshot
from simulators.markets.masters import (
    UPSTOX_EXCHANGES,
    from_upstox,
    index_instrument,
    made_up_token,
)
from simulators.markets.textfile import chunks, india_ms, lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

log = logging.getLogger("simulators")

_KEY: Final = re.compile(rb'"k": ?"([^"]+)"')


class _Trade(Struct, gc=False):
    ltp: float = 0.0
    ltt: int = 0
    ltq: int = 0
    cp: float = 0.0


class _BidAsk(Struct, gc=False):
    bidQ: int = 0  # noqa: N815 (the feed's word)
    bidP: float = 0.0  # noqa: N815
    askQ: int = 0  # noqa: N815
    askP: float = 0.0  # noqa: N815


class _Levels(Struct, gc=False):
    bidAskQuote: list[_BidAsk] = []  # noqa: N815


class _Candle(Struct, gc=False):
    interval: str
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0


class _Candles(Struct, gc=False):
    ohlc: list[_Candle] = []


class _Full(Struct, gc=False):
    ltpc: _Trade
    marketLevel: _Levels = field(default_factory=_Levels)  # noqa: N815
    marketOHLC: _Candles = field(default_factory=_Candles)  # noqa: N815
    atp: float = 0.0
    vtt: int = 0
    oi: float = 0.0
    tbq: float = 0.0
    tsq: float = 0.0


class _Feed(Struct, gc=False):
    marketFF: _Full | None = None  # noqa: N815
    indexFF: _Full | None = None  # noqa: N815


class _Row(Struct, gc=False):
    t: str
    k: str
    ff: _Feed


class UpstoxRecording:
    """A recorded feed of any number of instruments, read as it is played.

    Raises:
        DataError: the file cannot be read, or holds no instrument key.
    """

    starts_on_demand: bool = True

    def __init__(self, path: Path, master: Path | None = None) -> None:
        self._path = path
        keys: dict[bytes, None] = {}
        for chunk in chunks(path):
            keys.update(dict.fromkeys(_KEY.findall(chunk)))
        if not keys:
            raise DataError(path, 'no instrument key `"k"` in any line')
        names = [key.decode() for key in keys]
        self._numbers = {key: number for number, key in enumerate(names)}
        self.instruments: Sequence[Instrument] = _instruments(names, path, master)

    def events(self) -> Iterator[Event]:
        """Every row, at the recorder's pace; rows whose trades go back in time too.

        Raises:
            DataError: a row is not of the format.
        """
        decode = msgspec.json.Decoder(_Row, strict=False).decode
        states: dict[int, _OpenInterest] = {}
        first_ms = at_ms = 0
        for line_number, line in enumerate(lines(self._path), 1):
            try:
                row = decode(line)
                number, now_ms = self._numbers[row.k], india_ms(row.t)
            except (msgspec.MsgspecError, ValueError, KeyError) as problem:
                text = f"not a row of an Upstox recording: {problem}"
                raise DataError(self._path, text, line=line_number) from problem
            full = row.ff.marketFF or row.ff.indexFF
            if full is None:
                text = "a row's `ff` holds `marketFF` or `indexFF`; this one holds neither"
                raise DataError(self._path, text, line=line_number)
            first_ms = first_ms or now_ms
            at_ms = max(at_ms, now_ms - first_ms)
            state = states.setdefault(number, _OpenInterest())
            yield Event(at_ms / 1000, _snapshot(number, full, now_ms, state))


class _OpenInterest:
    """The day's highest and lowest open interest, which the feed leaves to its reader."""

    def __init__(self) -> None:
        self._range: tuple[int, int] | None = None

    def extend(self, value: int) -> tuple[int, int]:
        low, high = self._range or (value, value)
        self._range = min(low, value), max(high, value)
        return self._range


def _snapshot(number: int, full: _Full, now_ms: int, interest: _OpenInterest) -> Snapshot:
    trade, oi = full.ltpc, int(full.oi)
    oi_low, oi_high = interest.extend(oi)
    day = next((c for c in full.marketOHLC.ohlc if c.interval == "1d"), _NO_CANDLE)
    book = full.marketLevel.bidAskQuote[:DEPTH_LEVELS]
    return Snapshot(
        number=number,
        ltp=trade.ltp,
        last_quantity=trade.ltq,
        average_price=full.atp,
        volume=full.vtt,
        buy_quantity=int(full.tbq),
        sell_quantity=int(full.tsq),
        open=day.open,
        high=day.high,
        low=day.low,
        close=trade.cp,
        last_trade_ms=trade.ltt,
        # The recorder's clock ran seconds behind the exchange's at times; no exchange
        # stamps a packet before the trade that it tells of.
        exchange_ms=max(now_ms, trade.ltt),
        oi=oi,
        oi_high=oi_high,
        oi_low=oi_low,
        bids=tuple([Level(row.bidP, row.bidQ, 0) for row in book]),
        asks=tuple([Level(row.askP, row.askQ, 0) for row in book]),
    )


_NO_CANDLE: Final = _Candle("")


def _instruments(keys: list[str], path: Path, master: Path | None) -> list[Instrument]:
    """The instruments of some keys, named by the given master or by those found nearby."""
    folder = path.resolve().parent.parent / "instrument-masters"
    candidates = [master] if master else sorted(folder.glob("upstox_nse_*.jsonl*"), reverse=True)
    found: dict[str, Instrument] = {}
    for candidate in candidates:
        missing = [key for key in keys if key not in found]
        if missing:
            found |= from_upstox(candidate, missing)
    return [found.get(key) or _unnamed(key, path) for key in keys]


def _unnamed(key: str, path: Path) -> Instrument:
    """An instrument that no master names: its key's own text is all there is."""
    segment, _, text = key.partition("|")
    exchange = UPSTOX_EXCHANGES.get(segment)
    if exchange is None or not text:
        raise DataError(path, f"instrument key {key!r} is of no known segment")
    log.warning("no instrument master names %s; it is called %s", key, text)
    if exchange.endswith("_INDEX"):
        return index_instrument(exchange, text)
    token = int(text) if text.isdigit() else made_up_token(text)
    isin = "" if text.isdigit() else text
    return Instrument(exchange=exchange, symbol=text, exchange_token=token, isin=isin)
