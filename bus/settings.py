"""Each process's settings: the same structs are the sections of the configuration file.

A field's docstring line says its unit and default; `docs/configuration.md` is the table for
users.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from bus.secret import Secret

Role: TypeAlias = Literal["adapter", "proxy", "marketdata", "simulator"]

Positive: TypeAlias = Annotated[int, Meta(ge=1)]
PositiveSeconds: TypeAlias = Annotated[float, Meta(gt=0)]
Port: TypeAlias = Annotated[int, Meta(ge=0, le=65535)]


class AdapterSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[adapters.NAME]`: one broker account."""

    #: Which broker's protocol; the adapter's name when left out.
    broker: str = ""
    #: Overrides the broker's feed address; `simulator:NAME` is a simulator of this file.
    url: str = ""
    #: What the broker's sheet asks for; each value is literal, `env:VAR` or `file:PATH`.
    credentials: dict[str, Secret] = {}
    #: Path or URL of the instrument master; `simulator:NAME` is that simulator's.
    instruments: str = ""
    #: Instruments per broker connection; the broker's own limit when left out.
    symbols_per_connection: Positive | None = None
    #: Broker connections at most; the broker's own limit when left out.
    connections: Positive | None = None


class ProxySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[proxy]`: the WebSocket server."""

    host: str = "127.0.0.1"
    port: Port = 8765
    #: Seconds that a client may stay unauthenticated before close code 4401.
    auth_grace_s: PositiveSeconds = 15.0
    ping_interval_s: PositiveSeconds = 20.0
    ping_timeout_s: PositiveSeconds = 20.0
    #: Client frames that may wait to be handled, per client.
    max_queue: Positive = 1024
    #: Largest client frame in bytes; a larger one closes with 1009.
    max_message_bytes: Positive = 1 << 20
    #: Bytes that may wait for one client before it is closed with 4008.
    max_backlog_bytes: Positive = 16 << 20
    #: Exchange of a symbol that names none.
    default_exchange: str = "NSE"
    #: What `get_supported_brokers` answers; the configured adapters' brokers when empty.
    brokers: list[str] = []


class AdapterEntry(Struct, frozen=True):
    """A configured adapter, running or not, and the broker whose protocol it speaks."""

    name: str
    broker: str


class ProxyBootstrap(Struct, frozen=True, kw_only=True):
    """What the proxy's process is told: its section of the file, and what is around it."""

    proxy: ProxySettings
    #: In the order of preference; the first one feeds what nothing else decides.
    adapters: list[AdapterEntry]
    #: The SQLite file of the API keys.
    keys_path: str
    #: Where OpenAlgo's health page looks for the proxy's figures; not written when empty.
    stats_path: str = ""


class MarketDataSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[marketdata]`: the last-value cache."""

    #: Forget an instrument that had no tick for this long, in seconds.
    forget_after_s: PositiveSeconds = 86400.0


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
    #: Times real time; 0 plays as fast as it goes.
    speed: Annotated[float, Meta(ge=0)] = 1.0
    #: Ticks per second of the synthetic market at speed 1.
    rate: PositiveSeconds = 150.0
    loop: bool = False
    seed: int = 0
    #: Day of the synthetic session, YYYY-MM-DD; today when empty. Two runs of one day and
    #: seed are equal to the byte.
    date: str = ""
    #: Accept only this pair; any that is not empty when left out.
    api_key: str = ""
    access_token: str = ""
