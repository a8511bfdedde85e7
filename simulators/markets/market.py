"""What a market is, whoever's protocol it is told in: instruments, and their state in time.

Nothing here knows a broker. A `Market` (synthetic or recorded) yields `Event`s, a broker's
module (`simulators.broker`) turns each event's `Snapshot` into that broker's bytes.

Units: prices in rupees, or points of an index, as floats exactly as recorded (a broker's
encoder rounds to its own grid); quantities in shares or contract units, never lots; times
in Unix milliseconds UTC, 0 for unknown.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from msgspec import Struct

from bus.market.expiry import expiry_word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

IST: Final = dt.timezone(dt.timedelta(hours=5, minutes=30), "IST")
INDEX_EXCHANGES: Final = frozenset({"NSE_INDEX", "BSE_INDEX", "MCX_INDEX", "CDS_INDEX"})
DEPTH_LEVELS: Final = 5


class Instrument(Struct, kw_only=True, frozen=True):
    """One thing that trades, or an index.

    Attributes:
        exchange, symbol: OpenAlgo's words (`NSE_INDEX`, `BANKNIFTY30DEC2559000CE`).
        exchange_token: the exchange's own number, which brokers' tokens are made of.
        name: the company, or the underlying of a derivative, as brokers' masters have it.
        kind: `EQ`, `FUT`, `CE` or `PE`; `EQ` for an index too.
        expiry: day of expiry; None for equities and indices.
        weekly: the contract is not the last of its month (brokers spell those differently).
        strike: in rupees; 0 for all but options.
        tick_size: in rupees.
        lot_size: in contract units.
        isin: of an equity, where it is known; some brokers' tokens are made of it.
    """

    exchange: str
    symbol: str
    exchange_token: int
    name: str = ""
    kind: str = "EQ"
    expiry: dt.date | None = None
    weekly: bool = False
    strike: float = 0.0
    tick_size: float = 0.05
    lot_size: int = 1
    isin: str = ""

    @property
    def is_index(self) -> bool:
        return self.exchange in INDEX_EXCHANGES


class Level(NamedTuple):
    """One price level of a book. Orders are 0 where a recording does not know them."""

    price: float
    quantity: int
    orders: int


class Snapshot(Struct, kw_only=True, frozen=True, gc=False):
    """The full state of one instrument at one moment.

    Attributes:
        number: the instrument's place in its market's `instruments`.
        close: the previous day's.
        bids, asks: best first; at most `DEPTH_LEVELS` each, empty for an index.
    """

    number: int
    ltp: float
    last_quantity: int = 0
    average_price: float = 0.0
    volume: int = 0
    buy_quantity: int = 0
    sell_quantity: int = 0
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    last_trade_ms: int = 0
    exchange_ms: int = 0
    oi: int = 0
    oi_high: int = 0
    oi_low: int = 0
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


class Event(NamedTuple):
    """A snapshot, and when it is due: seconds after the market's beginning at speed 1."""

    at: float
    snapshot: Snapshot


class Market(Protocol):
    """A source of events.

    Attributes:
        instruments: all that can appear; a snapshot's `number` is an index into it.
        starts_on_demand: whether the beginning waits for the first subscriber, so that
            nobody misses any of it.
    """

    instruments: Sequence[Instrument]
    starts_on_demand: bool

    def events(self) -> Iterator[Event]:
        """The market from its beginning; `at` never goes back.

        Raises:
            DataError: while being iterated, a recorded file that cannot be read on.
        """
        ...


def contract_symbol(name: str, expiry: dt.date, kind: str, strike: float = 0.0) -> str:
    """OpenAlgo's spelling: `NIFTY30DEC25FUT`, `NIFTY30DEC2526000CE`, `ITC30DEC25402.5PE`."""
    day = expiry_word(expiry)
    return f"{name}{day}{kind}" if kind == "FUT" else f"{name}{day}{strike:.10g}{kind}"
