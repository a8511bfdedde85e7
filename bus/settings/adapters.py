"""`[adapters.NAME]`, `[bus]`, `[market]` and `[simulators.NAME]`: where ticks come from."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from bus.secret import Secret
from bus.settings.common import Port, Positive, PositiveSeconds


class AdapterSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[adapters.NAME]`: one broker account."""

    #: Which broker's protocol; the adapter's name when left out.
    broker: str = ""
    #: Overrides the broker's feed address; `simulator:NAME` is a simulator of this file.
    url: str = ""
    #: What the broker's sheet asks for; each value is literal, `env:VAR` or `file:PATH`.
    credentials: dict[str, Secret] = {}
    #: Path or URL of the instrument master; `simulator:NAME` is that simulator's, and
    #: `openalgo:PATH` the table of an OpenAlgo database.
    instruments: str = ""
    #: Time of day in India at which the master is loaded anew. Zerodha makes its own at 08:30.
    instruments_at: time = time(8, 35)
    #: Instruments per broker connection; the broker's own limit when left out.
    symbols_per_connection: Positive | None = None
    #: Broker connections at most; the broker's own limit when left out.
    connections: Positive | None = None
    #: Megabytes of resident memory beyond which the process is replaced.
    max_rss_mb: Positive | None = None
    #: Keep a second session, connected and subscribed, that takes over at once.
    standby: bool = False
    #: Whether it publishes in shared memory, too; as `[bus]` says when left out.
    shared_memory: bool | None = None
    #: Whether clients are told of the account's orders, where the broker pushes them.
    orders: bool = True
    #: What the broker's own module asks for, beside all this; those of other machines and
    #: recordings do (`adapters.source`).
    options: dict[str, Any] = {}
    #: Whose account it is: only this user is told of its orders. Empty: every user whose role
    #: may have orders and whom this adapter feeds.
    user: str = ""


class BusSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[bus]`: how ticks travel between the processes."""

    #: Whether adapters publish in shared memory, too, for consumers on the same machine. Linux.
    shared_memory: bool = False
    #: MiB of it per adapter: what a reader may fall behind before it loses ticks.
    shared_memory_mib: Annotated[int, Meta(ge=16, le=1024)] = 16


class MarketSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[market]`: what is known of the exchanges."""

    #: Days on which they do not trade, beside Saturdays and Sundays.
    holidays: list[date] = []


class AdapterBootstrap(Struct, frozen=True, kw_only=True):
    """What an adapter's process is told: its section of the file, and what is around it."""

    adapter: AdapterSettings
    market: MarketSettings = MarketSettings()
    #: Directory for the instrument master; kept in memory only when empty.
    state: str = ""
    #: MiB of shared memory to publish in; 0: none.
    lane_mib: int = 0


class SimulatorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[simulators.NAME]` and `simulate BROKER`: a pretend broker on loopback."""

    #: Which broker's wire protocol it speaks; the simulator's name when left out.
    broker: str = ""
    #: 0: the kernel chooses.
    port: Port = 0
    #: Recorded market data to play; a synthetic market when empty.
    data: str = ""
    #: Instrument master that names the instruments of `data`; looked for beside it when empty.
    master: str = ""
    #: What is made up where nothing recorded is played: prices that walk at random, or
    #: `numbered` ticks, of which a client can tell what it missed.
    market: Literal["synthetic", "numbered"] = "synthetic"
    #: Instruments of a numbered market.
    symbols: Annotated[int, Meta(ge=1, le=5000)] = 50
    #: Times real time; 0 plays as fast as it goes.
    speed: Annotated[float, Meta(ge=0)] = 1.0
    #: Ticks per second of a made-up market at speed 1.
    rate: PositiveSeconds = 150.0
    loop: bool = False
    seed: int = 0
    #: Orders that the account makes up, each first open, then complete.
    orders_per_minute: Annotated[float, Meta(ge=0)] = 0.0
    #: Day of the synthetic session, YYYY-MM-DD; today when empty. Two runs of one day and
    #: seed are equal to the byte.
    date: str = ""
    #: Accept only this pair; any that is not empty when left out.
    api_key: str = ""
    access_token: str = ""
