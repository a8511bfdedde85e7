"""`[marketdata]` and `[sandbox]`: last values and paper trading."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from bus.access import AccessSettings
from bus.settings.adapters import MarketSettings
from bus.settings.common import Port, Positive, PositiveSeconds, TakeOver


class MarketDataSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[marketdata]`: last values, and the HTTP API."""

    host: str = "127.0.0.1"
    #: 0: the kernel chooses.
    port: Port = 8766
    #: Names under which clients may address it; addresses and loopback always do.
    hosts: list[str] = []
    #: Said in words: listen for other machines; keys and prices travel in clear text.
    allow_insecure_remote: bool = False
    #: Forget an instrument that had no tick for this long, in seconds.
    forget_after_s: PositiveSeconds = 86400.0
    #: An instrument without a tick for so long is stale while its exchange trades, in seconds.
    stale_after_s: PositiveSeconds = 30.0
    #: A price further than this from the one before, as a part of it, waits for a second tick
    #: that confirms it; 0: every price is believed.
    max_jump: Annotated[float, Meta(ge=0, le=10)] = 0.2
    #: How long a request for a symbol that nobody subscribes waits for its first tick, in s.
    first_tick_timeout_s: PositiveSeconds = 3.0
    #: How long such a symbol stays subscribed after the last request for it, in seconds.
    hold_s: PositiveSeconds = 60.0
    #: Symbols that requests may hold at a time, in all.
    max_held: Positive = 3000


TradedExchange: TypeAlias = Literal[
    "NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NCDEX", "NCO", "CRYPTO"
]


#: A time of day like 15:15, or nothing.
TimeOrNever: TypeAlias = Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9])?$")]


Leverage: TypeAlias = Annotated[float, Meta(ge=1, le=50)]


class SandboxSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sandbox]`: paper trading. Times are of day in India."""

    #: Rupees that an account begins with, and is reset to.
    starting_capital: Annotated[float, Meta(gt=0, le=1e11)] = 10_000_000.0
    #: What margin is divided by.
    leverage_equity_mis: Leverage = 5.0
    leverage_equity_cnc: Leverage = 1.0
    leverage_futures: Leverage = 10.0
    leverage_option_buy: Leverage = 1.0
    leverage_option_sell: Leverage = 1.0
    #: `book`: against bid, ask and their quantities where the feed has them; `ltp`: all at the
    #: last price, as OpenAlgo does.
    fills: Literal["book", "ltp"] = "book"
    #: A price older than this, in seconds, fills nothing.
    max_price_age_s: PositiveSeconds = 60.0
    #: What an OCO of two legs blocks: the larger margin, or both.
    gtt_oco_margin: Literal["max", "sum"] = "max"
    gtt_days: Annotated[int, Meta(ge=1, le=3650)] = 365
    #: By exchange, in place of the usual ones; an empty one: never.
    square_off: dict[TradedExchange, TimeOrNever] = {}
    #: When positions in expired contracts are settled.
    expiry_settlement: Literal["expiry_day_close", "next_day"] = "expiry_day_close"
    #: At the last price, or worthless.
    option_settlement: Literal["ltp", "zero"] = "ltp"
    #: When the day's figures begin anew.
    day_reset: time = time(3, 0)
    #: When all accounts begin anew with the starting capital.
    reset_day: Literal[
        "never", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
    ] = "never"
    reset_time: time = time(0, 0)
    #: `normal`: no crash of a process loses anything; `full`: no power failure either, at a
    #: disk write per order.
    synchronous: Literal["normal", "full"] = "normal"


class MarketDataBootstrap(Struct, frozen=True, kw_only=True):
    """What the market-data service's process is told: its sections, and what is around it."""

    marketdata: MarketDataSettings
    market: MarketSettings = MarketSettings()
    #: The SQLite file of the API keys.
    keys_path: str = ""
    #: Roles, limits, and who else knows users.
    access: AccessSettings = AccessSettings()
    #: The instance's state directory.
    state: str = ""
    takeover: TakeOver | None = None
    sandbox: SandboxSettings = SandboxSettings()
    #: Whose instruments can be traded on paper until the bus says who is there, best first.
    adapters: list[str] = []
    #: Where the recorder's segments are, whether or not it is switched on.
    recordings: str = ""
